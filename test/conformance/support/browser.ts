import { JSDOM } from "jsdom";

// Import it before anything of React, which looks for a browser when it is loaded. `fetch` and what belongs
// to it stay those of Node, whose requests really go over the network.
const { window } = new JSDOM("<!doctype html>", { url: "http://localhost:3000/" });

Object.assign(globalThis, { window, document: window.document });
