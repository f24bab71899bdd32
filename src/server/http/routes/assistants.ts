import { Hono } from "hono";
import { invalid } from "../../domain/errors.ts";
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
  LatestVersionQuery,
  SubgraphParam,
  SubgraphsQuery,
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
    .get("/assistants/:assistant_id/schemas", valid("param", AssistantParam), async (c) =>
      c.json(await services.getAssistantSchemas(c.var.caller, c.req.valid("param").assistant_id)),
    )
    .get(
      "/assistants/:assistant_id/subgraphs",
      valid("param", AssistantParam),
      valid("query", SubgraphsQuery),
      async (c) => {
        const query = { namespace: null, ...c.req.valid("query") };
        const { assistant_id } = c.req.valid("param");
        return c.json(await services.getAssistantSubgraphs(c.var.caller, assistant_id, query));
      },
    )
    .get(
      "/assistants/:assistant_id/subgraphs/:namespace",
      valid("param", SubgraphParam),
      valid("query", SubgraphsQuery),
      async (c) => {
        const { assistant_id, namespace } = c.req.valid("param");
        const query = { namespace, ...c.req.valid("query") };
        return c.json(await services.getAssistantSubgraphs(c.var.caller, assistant_id, query));
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
      valid("query", LatestVersionQuery),
      valid("json", LatestVersion),
      async (c) => {
        const version = requireOneVersion(c.req.valid("json").version, c.req.valid("query").version);
        const { assistant_id } = c.req.valid("param");
        return c.json(await services.setLatestAssistantVersion(c.var.caller, assistant_id, version));
      },
    );
}

function requireOneVersion(inBody: number | undefined, inQuery: number | undefined): number {
  const version = inBody ?? inQuery;
  if (version === undefined) throw invalid("version", "is required, in the body or in the query");
  if ((inQuery ?? version) !== version)
    throw invalid("version", "is another one in the query than in the body");
  return version;
}
