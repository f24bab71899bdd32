import { Hono } from "hono";
import type { Services } from "../../services/bind.ts";
import type { Env } from "../env.ts";
import {
  AssistantCount,
  AssistantCreate,
  AssistantDeleteQuery,
  AssistantParam,
  AssistantPatch,
  AssistantSearch,
  AssistantVersions,
  GraphQuery,
  LatestVersion,
} from "../schemas/assistant.ts";
import { pick } from "../schemas/common.ts";
import { valid } from "../validate.ts";

/** `/assistants…` */
export function assistantRoutes(services: Services) {
  return new Hono<Env>()
    .post("/assistants", valid("json", AssistantCreate), async (c) =>
      c.json(await services.createAssistant(c.var.caller, c.req.valid("json"))),
    )
    .post("/assistants/search", valid("json", AssistantSearch), async (c) => {
      const { select, ...search } = c.req.valid("json");
      const { assistants, total } = await services.searchAssistants(c.var.caller, search);
      const nextOffset = search.offset + assistants.length;
      c.header("X-Pagination-Total", String(total));
      if (nextOffset < total) c.header("X-Pagination-Next", String(nextOffset));
      return c.json(assistants.map((assistant) => pick(assistant, select)));
    })
    .post("/assistants/count", valid("json", AssistantCount), async (c) =>
      c.json(await services.countAssistants(c.var.caller, c.req.valid("json"))),
    )
    .get("/assistants/:assistant_id", valid("param", AssistantParam), async (c) =>
      c.json(await services.getAssistant(c.var.caller, c.req.valid("param").assistant_id)),
    )
    .patch(
      "/assistants/:assistant_id",
      valid("param", AssistantParam),
      valid("json", AssistantPatch),
      async (c) =>
        c.json(
          await services.updateAssistant(
            c.var.caller,
            c.req.valid("param").assistant_id,
            c.req.valid("json"),
          ),
        ),
    )
    .delete(
      "/assistants/:assistant_id",
      valid("param", AssistantParam),
      valid("query", AssistantDeleteQuery),
      async (c) => {
        const { delete_threads } = c.req.valid("query");
        await services.deleteAssistant(c.var.caller, c.req.valid("param").assistant_id, {
          deleteThreads: delete_threads,
        });
        return c.body(null, 204);
      },
    )
    .get(
      "/assistants/:assistant_id/graph",
      valid("param", AssistantParam),
      valid("query", GraphQuery),
      async (c) => {
        const { xray } = c.req.valid("query");
        return c.json(await services.drawAssistant(c.var.caller, c.req.valid("param").assistant_id, xray));
      },
    )
    .post(
      "/assistants/:assistant_id/versions",
      valid("param", AssistantParam),
      valid("json", AssistantVersions),
      async (c) =>
        c.json(
          await services.listAssistantVersions(
            c.var.caller,
            c.req.valid("param").assistant_id,
            c.req.valid("json"),
          ),
        ),
    )
    .post(
      "/assistants/:assistant_id/latest",
      valid("param", AssistantParam),
      valid("json", LatestVersion),
      async (c) =>
        c.json(
          await services.setLatestAssistantVersion(
            c.var.caller,
            c.req.valid("param").assistant_id,
            c.req.valid("json").version,
          ),
        ),
    );
}
