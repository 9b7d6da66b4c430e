"""Made-up requests name what is there: most of them would else end at an unknown model or store.

What is there is never deleted.
"""

import json
import os
import zlib

import schemathesis

MODELS = os.environ["MODELS"].split()
STORE, FILE = os.environ["STORE"], os.environ["FILE"]


def name(holder, key, among):
    """Puts one of them under key, or now and then nothing; the same into the same holder, so that a run can be repeated."""
    n = zlib.crc32(repr(sorted(holder.items(), key=repr)).encode()) % (len(among) + 1)
    if n < len(among):
        holder[key] = among[n]


@schemathesis.hook
def before_call(context, case, kwargs):
    body, path, at, query = case.body, case.operation.path, case.path_parameters, case.query
    if isinstance(body, dict):
        for key, among in {"model": MODELS, "store": [STORE] * 3, "file_id": [FILE] * 3}.items():
            if isinstance(body.get(key), str):
                name(body, key, among)
        if isinstance(body.get("file_ids"), list):
            name(body, "file_ids", [[FILE], [FILE, FILE]])
        if isinstance(body.get("tools"), list):
            name(body, "tools", [[{"type": "file_search", "vector_store_ids": [STORE]}]] * 3)
    if case.method.upper() == "DELETE" or not isinstance(at, dict):
        return
    if isinstance(query, dict) and "store" in query:
        name(query, "store", [STORE] * 3)
    if path.startswith("/v1/vector_stores/{id}"):
        name(at, "id", [STORE] * 3)
        if "file_id" in at:
            name(at, "file_id", [FILE])
    elif path.startswith(("/v1/files/{id}", "/v1/documents/{id}")):
        name(at, "id", [FILE])


@schemathesis.deserializer("text/event-stream")
def events(context, response):
    """The description's schema of a stream is that of each event's data; errors have a shape of their own."""
    data = [line.removeprefix("data: ") for line in response.content.decode().split("\n") if line.startswith("data: ")]
    parsed = [json.loads(d) for d in data if d != "[DONE]"]
    return [p for p in parsed if "error" not in p]
