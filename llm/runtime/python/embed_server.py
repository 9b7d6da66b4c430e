"""The local embedding model server: an ONNX model behind OpenAI's /v1/embeddings.
With "task": "rerank" in its settings it is a reranking server: a cross-encoder behind /v1/rerank.

The parent writes one line of JSON (the settings) to stdin and keeps stdin open:
its end means that the parent is gone, and so this process ends.

Texts are embedded (or scored) one by one, on one thread per worker: batches are no faster
on a CPU, and the vectors of a quantised model would depend on the company a
text is in. Questions (one input, or the header X-Groundwork-Priority: question)
pass everything that waits.
"""

import asyncio
import base64
import hmac
import itertools
import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress

import numpy as np
import onnxruntime
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from tokenizers import Tokenizer

MAX_INPUTS = 2048  # as OpenAI
MAX_BODY = 64 << 20


class Refused(Exception):
    def __init__(self, status, message, code=None, param=None):
        self.status, self.message, self.code, self.param = status, message, code, param


class Model:
    """Tokenizer and network. compute may be called from several threads."""

    def __init__(self, settings):
        self.max_tokens = settings["max_tokens"]
        self.tokenizer = Tokenizer.from_file(settings["tokenizer"])
        self.tokenizer.no_truncation()  # the file has its own ideas
        self.tokenizer.no_padding()
        self.tokenizer.encode_special_tokens = True  # "[SEP]" in a text is text
        self.special = self.tokenizer.num_special_tokens_to_add(False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(settings["model"], options, providers=["CPUExecutionProvider"])
        self.inputs = {i.name for i in self.session.get_inputs()}

    def run(self, ids, kinds=None):
        row = np.array([ids], dtype=np.int64)
        kinds = np.zeros_like(row) if kinds is None else np.array([kinds], dtype=np.int64)
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": kinds}
        return self.session.run(None, {k: v for k, v in feed.items() if k in self.inputs})[0]


class Embedder(Model):
    def __init__(self, settings):
        super().__init__(settings)
        self.pooling = settings["pooling"]
        self.dimensions = len(self.compute("warm up")[0])

    def compute(self, text):
        """The unit vector of text, the tokens used, and whether text was cut."""
        ids = self.tokenizer.encode(text).ids
        cut = len(ids) > self.max_tokens
        if cut:
            ids = ids[: self.max_tokens - 1] + ids[-1:]  # the last one is the end mark
        hidden = self.run(ids)[0]
        vector = hidden[0] if self.pooling == "cls" else hidden.mean(axis=0)
        vector = vector.astype(np.float32)
        return vector / max(float(np.linalg.norm(vector)), 1e-12), len(ids), cut


class CrossEncoder(Model):
    """Scores pairs of a question and a text. A model of two classes says no and yes."""

    def __init__(self, settings):
        super().__init__(settings)
        self.tokenizer.enable_truncation(self.max_tokens)  # the longer one is cut first
        self.compute(("warm", "up"))

    def compute(self, pair):
        """The score, higher is better, and the tokens used."""
        encoded = self.tokenizer.encode(*pair)
        logits = self.run(encoded.ids, encoded.type_ids).reshape(-1).astype(np.float64)
        if len(logits) not in (1, 2):
            raise ValueError(f"this is no cross-encoder: it gives {len(logits)} values a pair")
        return float(logits[-1] - (logits[0] if len(logits) == 2 else 0)), len(encoded.ids)


class Workers:
    """Threads that compute what waits, questions first, then in the order of arrival."""

    def __init__(self, model, count):
        self.model, self.waiting, self.order = model, queue.PriorityQueue(), itertools.count()
        for _ in range(count):
            threading.Thread(target=self.work, daemon=True).start()

    async def compute(self, texts, urgent):
        loop, gone = asyncio.get_running_loop(), threading.Event()
        futures = [loop.create_future() for _ in texts]
        for text, future in zip(texts, futures):
            self.waiting.put((0 if urgent else 1, next(self.order), text, future, loop, gone))
        try:
            return await asyncio.gather(*futures)
        finally:
            gone.set()  # when the client hung up: what still waits is skipped

    def work(self):
        while True:
            _, _, text, future, loop, gone = self.waiting.get()
            if gone.is_set():
                continue
            try:
                result, error = self.model.compute(text), None
            except Exception as e:  # one bad text must not end the thread
                result, error = None, e
            with suppress(RuntimeError):  # the loop ended
                loop.call_soon_threadsafe(deliver, future, result, error)


def deliver(future, result, error):
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class Handlers:
    def __init__(self, settings, model, workers):
        self.name, self.key, self.model, self.workers = settings["name"], settings["api_key"], model, workers

    def routes(self):
        return [
            Route("/health", self.health),
            Route("/v1/models", self.models),
        ] + self.tasks()

    def tasks(self):
        if isinstance(self.model, CrossEncoder):
            return [Route("/v1/rerank", self.guarded(self.rerank), methods=["POST"])]
        return [
            Route("/v1/embeddings", self.guarded(self.embeddings), methods=["POST"]),
            Route("/tokenize", self.guarded(self.tokenize), methods=["POST"]),
        ]

    def guarded(self, handler):
        async def call(request):
            want, got = f"Bearer {self.key}", request.headers.get("authorization", "")
            if not hmac.compare_digest(want.encode(), got.encode()):
                raise Refused(401, "Incorrect API key.", "invalid_api_key")
            if int(request.headers.get("content-length", 0)) > MAX_BODY:
                raise Refused(413, f"The body is larger than {MAX_BODY} bytes.")
            try:
                body = await request.json()
            except (ValueError, RecursionError):
                raise Refused(400, "The body is not JSON.")
            if not isinstance(body, dict):
                raise Refused(400, "The body is not a JSON object.")
            return await handler(request, body)

        return call

    async def health(self, request):
        return JSONResponse({"status": "ok"})

    async def models(self, request):
        meta = {"max_tokens": self.model.max_tokens, "runtime": f"onnxruntime {onnxruntime.__version__}"}
        if isinstance(self.model, Embedder):
            meta |= {"dimensions": self.model.dimensions, "pooling": self.model.pooling}
        entry = {"id": self.name, "object": "model", "created": 0, "owned_by": "groundwork", "meta": meta}
        return JSONResponse({"object": "list", "data": [entry]})

    async def embeddings(self, request, body):
        if body.get("model", self.name) != self.name:
            raise Refused(404, f"The model '{body['model']}' is not served here.", "model_not_found", "model")
        form = body.get("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise Refused(400, "encoding_format must be float or base64.", None, "encoding_format")
        if body.get("dimensions") not in (None, self.model.dimensions):
            raise Refused(400, f"dimensions must be {self.model.dimensions} with this model.", None, "dimensions")
        given = texts(body)
        urgent = len(given) == 1 or request.headers.get("x-groundwork-priority") == "question"
        found = await unless_gone(request, self.workers.compute(given, urgent))
        tokens = sum(used for _, used, _ in found)
        return JSONResponse({
            "object": "list",
            "model": self.name,
            "data": [
                {"object": "embedding", "index": i, "embedding": encode(vector, form)}
                for i, (vector, _, _) in enumerate(found)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "truncated": [i for i, (_, _, cut) in enumerate(found) if cut],
        })

    async def rerank(self, request, body):
        query, top = body.get("query"), body.get("top_n")
        if not isinstance(query, str) or not query:
            raise Refused(400, "query must be a text.", None, "query")
        if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
            raise Refused(400, "top_n must be 1 or more.", None, "top_n")
        given = texts(body, empty=True, field="documents")
        query = query.encode("utf-8", "replace").decode()
        found = await unless_gone(request, self.workers.compute([(query, text) for text in given], True))
        results = [{"index": i, "relevance_score": score} for i, (score, _) in enumerate(found)]
        results.sort(key=lambda r: -r["relevance_score"])
        tokens = sum(used for _, used in found)
        return JSONResponse({
            "object": "list",
            "model": self.name,
            "results": results[:top],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        })

    async def tokenize(self, request, body):
        """Counts without the marks the model adds itself (special_tokens says how many); offsets in code points."""
        given = texts(body, empty=True)
        batch = await asyncio.to_thread(self.model.tokenizer.encode_batch, given, add_special_tokens=False)
        reply = {
            "model": self.name,
            "counts": [len(e.ids) for e in batch],
            "special_tokens": self.model.special,
            "max_tokens": self.model.max_tokens,
        }
        if body.get("offsets"):
            reply["offsets"] = [e.offsets for e in batch]
        return JSONResponse(reply)


def texts(body, empty=False, field="input"):
    given = body.get(field)
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or not given or not all(isinstance(t, str) for t in given):
        raise Refused(400, f"{field} must be a string or a list of strings.", None, field)
    if len(given) > MAX_INPUTS:
        raise Refused(400, f"{field} must hold at most {MAX_INPUTS} texts.", None, field)
    if not empty and not all(given):
        raise Refused(400, "input must not hold an empty string.", None, "input")
    return [t.encode("utf-8", "replace").decode() for t in given]  # no lone surrogates


def encode(vector, form):
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(x) for x in vector]


async def unless_gone(request, work):
    """Awaits work; when the client hangs up first, work is cancelled."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Refused(499, "The client hung up.")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def disconnected(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass


def refuse(request, e):
    kind = "invalid_request_error" if e.status < 500 else "server_error"
    return JSONResponse({"error": {"message": e.message, "type": kind, "param": e.param, "code": e.code}}, e.status)


def fail(request, e):
    return refuse(request, Refused(500, "The model server failed; its log says why.", "internal_error"))


def missing(request, e):
    return refuse(request, Refused(e.status_code, e.detail))


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)  # nothing here has to be saved


def main():
    settings = json.loads(sys.stdin.buffer.readline())
    reranks = settings.get("task") == "rerank"
    if not reranks:
        os.nice(5)  # documents wait for answers: the chat model on the same cores goes first
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # at once, also while the model loads
    threading.Thread(target=end_with_parent, daemon=True).start()
    model = CrossEncoder(settings) if reranks else Embedder(settings)
    handlers = Handlers(settings, model, Workers(model, settings["workers"]))
    app = Starlette(
        routes=handlers.routes(),
        exception_handlers={Refused: refuse, 404: missing, 405: missing, Exception: fail},
    )
    server = uvicorn.Server(uvicorn.Config(
        app, host="127.0.0.1", port=settings["port"], log_level="warning", access_log=False,
        lifespan="off", timeout_graceful_shutdown=5, timeout_keep_alive=120,
    ))
    server.run()


main()
