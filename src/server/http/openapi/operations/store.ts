import { empty, json, listOf, type Operation, ref } from "../operation.ts";

/** `/store…`, by method and path. */
export const storeOperations: Readonly<Record<string, Operation>> = {
  "PUT /store/items": {
    id: "put_item",
    tag: "Store",
    summary: "Write an item, in place of the one that was there",
    answers: { 204: empty("It is written.") },
  },
  "GET /store/items": {
    id: "get_item",
    tag: "Store",
    summary: "Read an item",
    parameters: {
      key: "Key of the item in its namespace.",
      namespace: "Labels, joined with periods or as the parameter repeated.",
      refresh_ttl: "Whether reading starts the item's time anew; the configuration decides if absent.",
    },
    answers: { 200: json("The item; null when there is none.", { anyOf: [ref("Item"), { type: "null" }] }) },
  },
  "DELETE /store/items": {
    id: "delete_item",
    tag: "Store",
    summary: "Delete an item",
    answers: { 204: empty("It is gone, or was not there.") },
  },
  "POST /store/items/search": {
    id: "search_items",
    tag: "Store",
    summary: "List items below a namespace",
    answers: {
      200: json("The items.", {
        type: "object",
        properties: { items: listOf(ref("FoundItem")) },
        required: ["items"],
      }),
    },
  },
  "POST /store/namespaces": {
    id: "list_namespaces",
    tag: "Store",
    summary: "List namespaces that have items",
    answers: {
      200: json("The namespaces.", {
        type: "object",
        properties: { namespaces: listOf(listOf({ type: "string" })) },
        required: ["namespaces"],
      }),
    },
  },
};
