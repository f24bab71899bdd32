import { Hono } from "hono";
import type { Services } from "../../services/bind.ts";
import type { Env } from "../env.ts";
import { ItemDelete, ItemPut, ItemQuery, ItemSearch, NamespaceSearch } from "../schemas/store.ts";
import { valid } from "../validate.ts";

/** `/store…`: the long-term memory that graphs and clients share. */
export function storeRoutes(services: Services) {
  return new Hono<Env>()
    .put("/store/items", valid("json", ItemPut), async (c) => {
      await services.putItem(c.var.caller, c.req.valid("json"));
      return c.body(null, 204);
    })
    .get("/store/items", valid("query", ItemQuery), async (c) => {
      const { namespace, key, refresh_ttl } = c.req.valid("query");
      return c.json(await services.getItem(c.var.caller, namespace, key, { refreshTtl: refresh_ttl }));
    })
    .delete("/store/items", valid("json", ItemDelete), async (c) => {
      const { namespace, key } = c.req.valid("json");
      await services.deleteItem(c.var.caller, namespace, key);
      return c.body(null, 204);
    })
    .post("/store/items/search", valid("json", ItemSearch), async (c) =>
      c.json({ items: await services.searchItems(c.var.caller, c.req.valid("json")) }),
    )
    .post("/store/namespaces", valid("json", NamespaceSearch), async (c) =>
      c.json({ namespaces: await services.listNamespaces(c.var.caller, c.req.valid("json")) }),
    );
}
