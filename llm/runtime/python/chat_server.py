"""The local chat model server: llama.cpp behind OpenAI's protocol.

The parent writes one line of JSON (see settings below) to stdin and keeps
stdin open: its end means that the parent is gone, and so this process ends.
"""

import json
import os
import signal
import sys
import threading

import xllamacpp


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)  # nothing here has to be saved


def params(settings):
    p = xllamacpp.CommonParams()
    p.model.path = settings["model"]
    p.model_alias = {settings["name"]}
    p.hostnames = ["127.0.0.1"]
    p.port = settings["port"]
    p.api_keys = [settings["api_key"]]
    p.n_parallel = settings["parallel"]
    p.n_ctx = settings["context"] * settings["parallel"]  # llama.cpp divides it among the slots
    p.cpuparams.n_threads = settings["threads"]
    p.cpuparams_batch.n_threads = settings["threads"]
    p.endpoint_metrics = True
    p.endpoint_slots = True
    p.ui = False
    p.offline = True
    p.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for path in settings["adapters"]]  # 0: unless a request asks
    p.cache_idle_slots = False
    p.cache_ram_mib = 0  # the prompt cache in RAM ignores adapters and would answer with another one's state
    return p


def main():
    settings = json.loads(sys.stdin.buffer.readline())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # at once, also while the model loads
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which stops this process in its own time
    threading.Thread(target=end_with_parent, daemon=True).start()
    server = xllamacpp.Server(params(settings))
    print("listening on", server.listening_address, flush=True)
    threading.Event().wait()


main()
