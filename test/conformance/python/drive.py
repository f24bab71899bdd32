"""Drives a server with the Python SDK and prints what it has seen, as JSON, for the test to judge.

usage: drive.py URL
"""

import asyncio
import json
import sys
import uuid

import httpx
from langgraph_sdk import get_client


def human(content):
    return {"messages": [{"type": "human", "content": content}]}


def texts(values):
    return [message["content"] for message in (values or {}).get("messages", [])]


async def refusal_of(awaitable):
    """The status with which a request is refused; None for one that is not."""
    try:
        await awaitable
    except httpx.HTTPStatusError as error:
        return error.response.status_code
    return None


async def assistants(client):
    (default,) = await client.assistants.search(
        graph_id="agent", metadata={"created_by": "system"}
    )
    made = await client.assistants.create("agent", name="from python")
    changed = await client.assistants.update(made["assistant_id"], name="changed")
    versions = await client.assistants.get_versions(made["assistant_id"])
    back = await client.assistants.set_latest(made["assistant_id"], 1)
    await client.assistants.delete(made["assistant_id"])
    return {
        "default": default == await client.assistants.get("agent"),
        "changed": [changed["name"], changed["version"]],
        "versions": [version["version"] for version in versions],
        "back": back["name"],
        "gone": await refusal_of(client.assistants.get(made["assistant_id"])),
        "schemas": sorted(await client.assistants.get_schemas("agent")),
        "subgraphs": list(await client.assistants.get_subgraphs("nested")),
        "nodes": [node["id"] for node in (await client.assistants.get_graph("nested"))["nodes"]],
    }


async def threads(client):
    mark = str(uuid.uuid4())
    thread = await client.threads.create(metadata={"mark": mark}, graph_id="agent", ttl=60)
    thread_id = thread["thread_id"]
    empty = await client.threads.get_state(thread_id)
    await client.runs.wait(thread_id, "agent", input=human("hello"))
    state = await client.threads.get_state(thread_id)
    history = await client.threads.get_history(thread_id, limit=10)
    older = await client.threads.get_history(thread_id, before=history[0]["checkpoint"])
    await client.threads.update_state(
        thread_id, {"messages": [{"type": "ai", "content": "edited"}]}, as_node="model"
    )
    minimal = await client.threads.update(thread_id, metadata={"more": 1}, return_minimal=True)
    found = await client.threads.search(
        metadata={"mark": mark},
        select=["thread_id", "metadata"],
        extract={"last": "values.messages[-1].content"},
    )
    copy = await client.threads.copy(thread_id)
    copy_id = copy["thread_id"] if copy else None
    pruned = await client.threads.prune([thread_id])
    return {
        "empty": [empty["values"], empty["next"], empty["checkpoint"]],
        "texts": texts(state["values"]),
        "history": [entry["next"] for entry in history],
        "older": [entry["next"] for entry in older],
        "minimal": minimal,
        "found": [[entry["metadata"].get("more"), entry["extracted"]] for entry in found],
        "copied": texts((await client.threads.get_state(copy_id))["values"]) if copy_id else None,
        "pruned": pruned["pruned_count"],
        "gone": await refusal_of(client.threads.get(thread_id)),
    }


async def runs(client):
    thread_id = (await client.threads.create())["thread_id"]
    created = []
    parts = [
        part
        async for part in client.runs.stream(
            thread_id,
            "agent",
            input=human("hello"),
            stream_mode=["values", "updates", "messages-tuple", "custom"],
            on_run_created=created.append,
        )
    ]
    run_id = created[0]["run_id"]
    again = [
        part
        async for part in client.runs.join_stream(
            thread_id, run_id, stream_mode=["values"], last_event_id="-1"
        )
    ]
    subgraphs = [
        part.event.split(":")[0]
        async for part in client.runs.stream(
            None, "nested", input=human("x"), stream_mode="updates", stream_subgraphs=True
        )
    ]
    busy = await client.runs.create(thread_id, "agent", input=human("[nobody] opens"))
    rejected = await refusal_of(
        client.runs.create(thread_id, "agent", input=human("x"), multitask_strategy="reject")
    )
    await client.runs.cancel(thread_id, busy["run_id"], wait=True)
    batch = await client.runs.create_batch(
        [{"assistant_id": "agent", "input": human("one"), "on_completion": "keep"}]
    )
    await client.runs.join(batch[0]["thread_id"], batch[0]["run_id"])
    failed = await client.runs.wait(None, "failing", input=human("x"), raise_error=False)
    return {
        "created": created[0].get("thread_id") == thread_id,
        "events": sorted({part.event for part in parts}),
        "tokens": [part.data[0]["content"] for part in parts if part.event == "messages"],
        "again": [texts(part.data) for part in again if part.event == "values"],
        "subgraphs": subgraphs,
        "rejected": rejected,
        "statuses": [run["status"] for run in await client.runs.list(thread_id)],
        "batch": texts((await client.threads.get_state(batch[0]["thread_id"]))["values"]),
        "failed": failed,
        "unknown": await refusal_of(client.runs.wait(str(uuid.uuid4()), "agent", input=human("x"))),
        "invalid": await refusal_of(
            client.runs.create(thread_id, "agent", input=human("x"), multitask_strategy="nothing")
        ),
    }


async def questions(client):
    thread_id = (await client.threads.create())["thread_id"]
    asked = await client.runs.wait(thread_id, "questions", input=human("do it"))
    status = (await client.threads.get(thread_id))["status"]
    answered = await client.runs.wait(thread_id, "questions", command={"resume": "yes"})
    return {
        "asked": asked["__interrupt__"][0]["value"],
        "status": status,
        "answered": texts(answered),
    }


async def store(client):
    namespace = ["python", str(uuid.uuid4())]
    await client.store.put_item(namespace, "one", {"rank": 1}, index=False, ttl=60)
    await client.store.put_item(namespace, "two", {"rank": 2})
    item = await client.store.get_item(namespace, "one")
    found = await client.store.search_items(namespace, filter={"rank": {"$gte": 2}})
    names = await client.store.list_namespaces(prefix=namespace)
    await client.store.delete_item(namespace, "one")
    return {
        "item": item["value"],
        "found": [entry["key"] for entry in found["items"]],
        "namespaces": names["namespaces"] == [namespace],
        "gone": await client.store.get_item(namespace, "one"),
    }


async def main(url):
    client = get_client(url=url)
    scenarios = (assistants, threads, runs, questions, store)
    print(json.dumps({scenario.__name__: await scenario(client) for scenario in scenarios}))


asyncio.run(main(sys.argv[1]))
