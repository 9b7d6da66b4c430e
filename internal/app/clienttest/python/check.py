"""The official OpenAI client for Python against a running Groundwork server.

Nothing is changed but the base URL and the key. Reads BASE_URL (with /v1),
KEY, STORE (a store's name with ready documents) and QUESTION (one that they
answer) from the environment. Prints one line a check; exits 1 at the first
that differs, with what differs.
"""

import math
import os
import sys
import urllib.parse
import urllib.request

import openai

BASE, KEY, STORE, QUESTION = (os.environ[name] for name in ("BASE_URL", "KEY", "STORE", "QUESTION"))
FACT = "The walrus desk in room 7 opens at 09:40 on Thursdays."
client = openai.OpenAI(base_url=BASE, api_key=KEY, timeout=300, max_retries=2)


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def same(what, got, want):
    expect(got == want, f"{what} is {got!r}, want {want!r}")


def raises(kind, code, call):
    try:
        call()
    except kind as err:
        same("code of the error", err.code, code)
        expect(err.body and err.body.get("message"), "the error has no message")
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def text_of(file_id):
    request = urllib.request.Request(f"{BASE}/files/{file_id}/text", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as reply:
        return reply.read().decode("utf-8")


def find_models():
    """Names of the model over the store and of the embedding model."""
    models = {model.id: model for model in client.models.list()}
    names = [name for name in models if name.endswith("@" + STORE)]
    expect(names, f"no model ends with @{STORE}: {sorted(models)}")
    same("retrieved model", client.models.retrieve(names[0]).id, names[0])
    embedding = [name for name, model in models.items() if model.groundwork["kind"] == "embedding"]
    same("number of embedding models", len(embedding), 1)
    return names[0], embedding[0]


def check_citations(text, gw):
    """Citations are verbatim and lie in their source; gives those that hold."""
    expect(not gw["abstained"], "the server abstained; QUESTION must be one that the store answers")
    expect(gw["sources"], "there are no sources")
    expect(gw["citations"], "there are no citations")
    sources = {source["index"]: source for source in gw["sources"]}
    for c in gw["citations"]:
        same("quote", text_of(c["document_id"])[c["start"]:c["end"]], c["quote"])
        source = sources[c["source"]]
        same("document of the citation", c["document_id"], source["document_id"])
        expect(source["start"] <= c["start"] < c["end"] <= source["end"], f"citation {c} lies outside its source {source}")
        expect(0 <= c["answer_start"] < c["answer_end"] <= len(text), f"citation {c} lies outside the answer")
    return [c for c in gw["citations"] if c["verdict"] != "unsupported"]


def check_extension(text, gw, annotations):
    """The annotations are the citations that hold."""
    holding = check_citations(text, gw)
    same("number of annotations", len(annotations), len(holding))
    for note, c in zip(annotations, holding):
        same("type of the annotation", note["type"], "url_citation")
        link = note["url_citation"]
        same("place in the answer", (link["start_index"], link["end_index"]), (c["answer_start"], c["answer_end"]))
        hash_ = urllib.parse.parse_qs(urllib.parse.urlsplit(link["url"]).fragment)
        same("address", hash_, {"doc": [c["document_id"]], "start": [str(c["start"])], "end": [str(c["end"])]})


def check_usage(usage):
    expect(usage and usage.prompt_tokens > 0 and usage.completion_tokens > 0, f"usage is {usage}")
    same("total_tokens", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)


def streamed_chat(model):
    text, sources, last, notes, usage, finish = "", None, None, None, None, None
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": QUESTION}], stream=True, stream_options={"include_usage": True})
    for number, chunk in enumerate(stream):
        gw = (chunk.model_extra or {}).get("groundwork")
        if number == 0:
            sources = gw and gw["sources"]
        if chunk.usage:
            usage = chunk.usage
            same("choices of the usage chunk", chunk.choices, [])
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            if choice.finish_reason:
                last, notes = gw, (choice.delta.model_extra or {}).get("annotations", [])
    expect(text.strip(), "no text came")
    same("finish_reason", finish, "stop")
    expect(last, "the last chunk has no groundwork object")
    same("sources of the first chunk", sources, last["sources"])
    check_extension(text, last, notes)
    check_usage(usage)


def plain_chat(model):
    reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": QUESTION}])
    message = reply.choices[0].message
    same("role", message.role, "assistant")
    same("finish_reason", reply.choices[0].finish_reason, "stop")
    check_extension(message.content, reply.model_extra["groundwork"], [note.model_dump() for note in message.annotations])
    check_usage(reply.usage)


TOOL = {"type": "file_search", "vector_store_ids": [STORE]}


def check_response(reply):
    """One search, one message, whose file citations are the citations that hold."""
    same("status", (reply.status, reply.error, reply.incomplete_details), ("completed", None, None))
    search, message = reply.output
    same("items", (search.type, search.status, message.type, message.status), ("file_search_call", "completed", "message", "completed"))
    expect(search.queries and search.results, f"the search is {search}")
    part = message.content[0]
    same("output_text", reply.output_text, part.text)
    gw = reply.model_extra["groundwork"]
    same("results", [r.file_id for r in search.results], [s["document_id"] for s in gw["sources"]])
    notes = [(n.type, n.index, n.file_id, n.model_extra["groundwork"]) for n in part.annotations]
    same("annotations", notes, [("file_citation", c["answer_end"], c["document_id"], c) for c in check_citations(part.text, gw)])
    usage = reply.usage
    expect(usage.input_tokens > 0 and usage.output_tokens > 0, f"usage is {usage}")
    same("total_tokens", usage.total_tokens, usage.input_tokens + usage.output_tokens)


def response(model):
    shown = {"tools": [TOOL], "include": ["file_search_call.results"]}
    check_response(client.responses.create(model=model, input=QUESTION, instructions="Be brief.", store=False, **shown))
    talk = [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]
    check_response(client.responses.create(model=model, input=talk, **shown))
    raises(openai.BadRequestError, "invalid_request", lambda: client.responses.create(model=model, input=QUESTION, previous_response_id="resp_1", **shown))
    raises(openai.NotFoundError, "not_found", lambda: client.responses.create(model=model, input=QUESTION, tools=[{**TOOL, "vector_store_ids": ["vs_missing"]}]))


def streamed_response(model):
    kinds, text, notes = [], "", 0
    with client.responses.stream(model=model, input=QUESTION, tools=[TOOL], include=["file_search_call.results"]) as stream:
        for number, event in enumerate(stream):
            same("sequence_number", event.sequence_number, number)
            if not kinds or kinds[-1] != event.type:
                kinds.append(event.type)
            if event.type == "response.output_text.delta":
                text += event.delta
            notes += event.type == "response.output_text.annotation.added"
        final = stream.get_final_response()
    same("events", [k.removeprefix("response.") for k in kinds if "annotation" not in k], [
        "created", "in_progress", "output_item.added", "file_search_call.in_progress", "file_search_call.searching", "file_search_call.completed",
        "output_item.done", "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done", "completed"])
    same("text of the events", text, final.output_text)
    same("annotations of the events", notes, len(final.output[1].content[0].annotations))
    check_response(final)


def completions(model):
    ask = {"model": model, "prompt": "One, two, three,", "max_tokens": 8, "temperature": 0}
    reply = client.completions.create(**ask)
    same("object", reply.object, "text_completion")
    expect(reply.choices[0].text and reply.choices[0].finish_reason in ("stop", "length"), f"the completion is {reply}")
    streamed = [c.choices[0].text for c in client.completions.create(stream=True, **ask) if c.choices]
    expect("".join(streamed), "no text came")
    raises(openai.BadRequestError, "invalid_request", lambda: client.completions.create(model=f"{model}@{STORE}", prompt="One"))


def upload():
    file = client.files.create(file=("walrus.md", f"# Desk\n\n{FACT}\n".encode()), purpose="assistants")
    same("filename", client.files.retrieve(file.id).filename, "walrus.md")
    same("purpose", file.purpose, "assistants")
    expect(file.id in [f.id for f in client.files.list()], "the file is not in the list")
    same("content", client.files.content(file.id).read().decode(), f"# Desk\n\n{FACT}\n")
    return file.id


def create_store():
    store = client.vector_stores.create(name=f"clients-python-{os.getpid()}")
    same("retrieved store", client.vector_stores.retrieve(store.id).name, store.name)
    expect(store.id in [s.id for s in client.vector_stores.list()], "the store is not in the list")
    return store.id


def attach(store, file):
    attached = client.vector_stores.files.create_and_poll(file, vector_store_id=store)
    same("status", (attached.status, attached.last_error), ("completed", None))
    same("files of the store", [f.id for f in client.vector_stores.files.list(store)], [file])
    same("file of the store", client.vector_stores.files.retrieve(file, vector_store_id=store).id, file)
    same("completed files", client.vector_stores.retrieve(store).file_counts.completed, 1)


def batch(store, file):
    done = client.vector_stores.file_batches.create_and_poll(store, file_ids=[file])
    counts = done.file_counts
    same("batch", (done.status, counts.completed, counts.failed, counts.total), ("completed", 1, 0, 1))
    same("files of the batch", [f.id for f in client.vector_stores.file_batches.list_files(done.id, vector_store_id=store)], [file])
    same("cancelled", client.vector_stores.file_batches.cancel(done.id, vector_store_id=store).status, "cancelled")
    same("files of the store", [f.id for f in client.vector_stores.files.list(store)], [file])  # it was ready
    raises(openai.NotFoundError, "not_found", lambda: client.vector_stores.file_batches.retrieve("vsfb_1", vector_store_id=store))


def search(store, file):
    page = client.vector_stores.search(
        store, query=["When does the walrus desk open?", "walrus"], max_num_results=3, rewrite_query=True,
        ranking_options={"ranker": "auto", "score_threshold": 0.0})
    same("page", (page.has_more, page.search_query), (False, ["When does the walrus desk open?", "walrus"]))
    hits = page.data
    expect(hits, "nothing was found")
    same("file of the best hit", (hits[0].file_id, hits[0].filename), (file, "walrus.md"))
    expect(FACT in "".join(part.text for part in hits[0].content), f"the best hit is {hits[0].content}")


def embeddings(model):
    texts = ["carry over leave", "a different text"]
    packed = client.embeddings.create(model=model, input=texts)  # the client asks for base64
    plain = client.embeddings.create(model=model, input=texts, encoding_format="float")
    same("order", [e.index for e in packed.data], [0, 1])
    for a, b in zip(packed.data, plain.data):
        same("dimensions", len(a.embedding), len(b.embedding))
        expect(abs(math.hypot(*a.embedding) - 1) < 1e-3, "the vector has not unit length")
        expect(max(abs(x - y) for x, y in zip(a.embedding, b.embedding)) < 1e-5, "base64 and float differ")
    expect(packed.data[0].embedding != packed.data[1].embedding, "two texts have one vector")


def errors(model):
    wrong = openai.OpenAI(base_url=BASE, api_key="gw_wrong", max_retries=0)
    raises(openai.AuthenticationError, "invalid_api_key", wrong.models.list)
    ask = {"messages": [{"role": "user", "content": QUESTION}]}
    raises(openai.NotFoundError, "model_not_found", lambda: client.chat.completions.create(model="no-such-model", **ask))
    raises(openai.NotFoundError, "model_not_found", lambda: client.chat.completions.create(model="no-such-model", stream=True, **ask))
    raises(openai.NotFoundError, "not_found", lambda: client.vector_stores.retrieve("vs_missing"))
    raises(openai.BadRequestError, "invalid_request", lambda: client.chat.completions.create(model=model, messages=[]))


def delete(store, file):
    expect(client.vector_stores.files.delete(file, vector_store_id=store).deleted, "the file was not detached")
    same("files of the store", list(client.vector_stores.files.list(store)), [])
    expect(client.vector_stores.delete(store).deleted, "the store was not deleted")
    expect(client.files.delete(file).deleted, "the file was not deleted")
    raises(openai.NotFoundError, "not_found", lambda: client.vector_stores.retrieve(store))
    raises(openai.NotFoundError, "not_found", lambda: client.files.retrieve(file))


def step(name, call, *args):
    try:
        out = call(*args)
    except Exception as err:
        print(f"FAIL {name}: {type(err).__name__}: {err}")
        sys.exit(1)
    print(f"ok {name}", flush=True)
    return out


def main():
    print(f"openai {openai.__version__}, Python {sys.version.split()[0]}")
    model, embedding = step("list models", find_models)
    step("streamed chat", streamed_chat, model)
    step("chat", plain_chat, model)
    alone = model.removesuffix("@" + STORE)
    step("response", response, alone)
    step("streamed response", streamed_response, alone)
    step("completions", completions, alone)
    file = step("upload a file", upload)
    store = step("create a vector store", create_store)
    step("attach and poll", attach, store, file)
    step("batch", batch, store, file)
    step("search", search, store, file)
    step("delete", delete, store, file)
    step("embeddings", embeddings, embedding)
    step("errors", errors, model)


main()
