"""LangChain's and LlamaIndex's classes for OpenAI against a running Groundwork server.

Nothing is set but addresses, names, the key, and what their documents tell
users of other servers to set. Reads BASE_URL (with /v1), KEY, STORE (a store's
name with ready documents) and QUESTION (one that they answer) from the
environment. Prints one line a check; exits 1 at the first that differs, with
what differs.
"""

import json
import math
import os
import sys
import urllib.request

import langchain_openai
import llama_index.core
import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai_like import OpenAILike, OpenAILikeResponses

BASE, KEY, STORE, QUESTION = (os.environ[name] for name in ("BASE_URL", "KEY", "STORE", "QUESTION"))
TOOL = {"type": "file_search", "vector_store_ids": [STORE]}
TEXTS = ["carry over leave", "a different text"]


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def same(what, got, want):
    expect(got == want, f"{what} is {got!r}, want {want!r}")


def find_models():
    request = urllib.request.Request(f"{BASE}/models", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as reply:
        models = json.load(reply)["data"]
    kinds = {m["groundwork"]["kind"]: m["id"] for m in models if m["groundwork"]["kind"] != "answers"}
    expect({"chat", "embedding"} <= kinds.keys(), f"the models are {models}")
    return kinds["chat"], kinds["embedding"]


def check_vectors(vectors):
    same("number of vectors", len(vectors), len(TEXTS))
    for v in vectors:
        expect(abs(math.hypot(*v) - 1) < 1e-3, "the vector has not unit length")
    expect(vectors[0] != vectors[1], "two texts have one vector")


def chain_chat(model):
    chat = ChatOpenAI(model=f"{model}@{STORE}", base_url=BASE, api_key=KEY, stream_usage=True, timeout=300)
    talk = [SystemMessage("Be brief."), HumanMessage("Hello!"), AIMessage("Hello."), HumanMessage(QUESTION)]
    reply = chat.invoke(talk)
    expect(reply.text.strip(), "no text came")
    same("finish_reason", reply.response_metadata["finish_reason"], "stop")
    expect(reply.usage_metadata["input_tokens"] > 0, f"usage is {reply.usage_metadata}")
    pieces = list(chat.stream(QUESTION))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    expect(whole.text.strip() and whole.usage_metadata["output_tokens"] > 0, f"the stream is {whole!r}")
    refused(openai.BadRequestError, lambda: chat.bind(n=2).invoke(QUESTION))


def chain_responses(model):
    chat = ChatOpenAI(model=model, base_url=BASE, api_key=KEY, use_responses_api=True, timeout=300).bind_tools([TOOL])
    for reply in (chat.invoke(QUESTION), sum_of(chat.stream(QUESTION))):
        expect(reply.text.strip(), "no text came")
        notes = [note for block in reply.content_blocks for note in block.get("annotations", [])]
        expect(notes and all(note["type"] == "citation" for note in notes), f"the citations are {notes}")
        same("status", reply.response_metadata["status"], "completed")
        expect(reply.usage_metadata["output_tokens"] > 0, f"usage is {reply.usage_metadata}")
    # What came back is sent as the conversation so far.
    expect(chat.invoke([HumanMessage(QUESTION), chat.invoke(QUESTION), HumanMessage(QUESTION)]).text.strip(), "no text came")


def sum_of(pieces):
    whole = None
    for piece in pieces:
        whole = piece if whole is None else whole + piece
    return whole


def chain_completion(model):
    llm = OpenAI(model=model, base_url=BASE, api_key=KEY, max_tokens=8, temperature=0, timeout=300)
    expect(llm.invoke("One, two, three,"), "no text came")
    expect("".join(llm.stream("One, two, three,")), "no text was streamed")


def chain_embeddings(model):
    embed = OpenAIEmbeddings(model=model, base_url=BASE, api_key=KEY, check_embedding_ctx_length=False)
    check_vectors(embed.embed_documents(TEXTS))
    expect(embed.embed_query(TEXTS[0]), "no vector came")


def index_chat(model):
    llm = OpenAILike(model=f"{model}@{STORE}", api_base=BASE, api_key=KEY, is_chat_model=True, timeout=300)
    reply = llm.chat([ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=QUESTION)])
    expect(reply.message.content.strip(), "no text came")
    expect(reply.raw.model_extra["groundwork"]["citations"], "there are no citations")
    expect(list(llm.stream_chat([ChatMessage(role="user", content=QUESTION)]))[-1].message.content.strip(), "no text was streamed")
    expect(llm.complete(QUESTION).text.strip(), "no text came")


def index_responses(model):
    llm = OpenAILikeResponses(model=model, api_base=BASE, api_key=KEY, built_in_tools=[TOOL], timeout=300)
    reply = llm.chat([ChatMessage(role="user", content=QUESTION)])
    expect(reply.message.content.strip(), "no text came")
    same("annotations", {a.type for a in reply.additional_kwargs["annotations"]}, {"file_citation"})
    same("searches", [call.type for call in reply.additional_kwargs["built_in_tool_calls"]], ["file_search_call"])
    *_, last = llm.stream_chat([ChatMessage(role="user", content=QUESTION)])
    expect(last.message.content.strip(), "no text was streamed")


def index_completion(model):
    llm = OpenAILike(model=model, api_base=BASE, api_key=KEY, is_chat_model=False, max_tokens=8, timeout=300)
    expect(llm.complete("One, two, three,").text, "no text came")
    expect(list(llm.stream_complete("One, two, three,"))[-1].text, "no text was streamed")


def index_embeddings(model):
    embed = OpenAIEmbedding(model_name=model, api_base=BASE, api_key=KEY)
    check_vectors(embed.get_text_embedding_batch(TEXTS))
    expect(embed.get_query_embedding(TEXTS[0]), "no vector came")


def refused(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def step(name, call, *args):
    try:
        out = call(*args)
    except Exception as err:
        print(f"FAIL {name}: {type(err).__name__}: {err}")
        sys.exit(1)
    print(f"ok {name}", flush=True)
    return out


def main():
    print(f"LlamaIndex {llama_index.core.__version__}, {langchain_openai.__name__}, openai {openai.__version__}, Python {sys.version.split()[0]}")
    chat, embedding = step("list models", find_models)
    step("LangChain chat", chain_chat, chat)
    step("LangChain responses", chain_responses, chat)
    step("LangChain completion", chain_completion, chat)
    step("LangChain embeddings", chain_embeddings, embedding)
    step("LlamaIndex chat", index_chat, chat)
    step("LlamaIndex responses", index_responses, chat)
    step("LlamaIndex completion", index_completion, chat)
    step("LlamaIndex embeddings", index_embeddings, embedding)


main()
