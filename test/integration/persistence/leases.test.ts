import { test } from "vitest";

test.todo("being written");
