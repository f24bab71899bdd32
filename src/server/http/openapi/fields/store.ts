const namespace = "Labels of the item's namespace, from the root down.";
const limit = "Most to list.";
const offset = "How many to leave out at the beginning.";

/** What the fields of the bodies of `/store…` do. */
export const storeFields = {
  ItemPut: {
    namespace,
    key: "Its name within the namespace.",
    value: "The document.",
    index:
      "What of the value is to be found by meaning: nothing, these paths, or, for null, the configured ones. Kept with the item; nothing is found by meaning yet.",
    ttl: "Minutes after which the item goes; without them, the configured time.",
  },
  ItemDelete: { namespace, key: "Its name within the namespace." },
  ItemSearch: {
    namespace_prefix: "Only items in this namespace and below it.",
    filter: "Only items whose value has these fields; `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte` compare.",
    limit,
    offset,
    query: "Words that all have to occur in the value. Nothing is found by meaning yet.",
    refresh_ttl: "Whether the time of the items that are found starts anew.",
  },
  NamespaceSearch: {
    prefix: "Only namespaces that begin like this; `*` stands for any label.",
    suffix: "Only namespaces that end like this; `*` stands for any label.",
    max_depth: "Cuts namespaces to this many labels.",
    limit,
    offset,
  },
} as const;
