"""Trains a LoRA adapter on the answers of a training set.

The parent writes one line of JSON (the settings, see `defaults`) to stdin.
Progress comes back as lines of JSON on stdout. State is written so that a
process that is killed at any moment is continued by the next one with the same
settings: weights, optimiser, place in the data, losses. The same settings give the
same adapter on the same machine, whether or not it was interrupted.
"""

import hashlib
import json
import math
import os
import resource
import signal
import sys
import threading
import time

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
targets = {"attention": attention, "all": attention + ["gate_proj", "up_proj", "down_proj"]}

defaults = {
    "gguf": "",  # the base: the file that is served, or
    "base": "",  # a folder in Transformers' form; with gguf: where the unpacked base is kept
    "train": "",  # JSONL with prompt and completion, or with messages that end with the answer
    "heldout": "",  # likewise, to stop early by; may be empty
    "out": "",  # folder for everything that comes out
    "rank": 8,
    "alpha": 16,
    "targets": "attention",  # or all: learns a little more, and each request to the adapter pays for it
    "learning_rate": 2e-4,
    "epochs": 2,
    "batch": 4,  # examples in one step
    "micro": 1,  # of them at once
    "max_tokens": 2048,  # longer examples are left out, and counted
    "heldout_every": 0,  # steps; 0: four times an epoch
    "patience": 3,  # looks at the held-out loss without a gain until it stops
    "save_seconds": 60,
    "seed": 1,
    "dtype": "auto",  # auto, bfloat16 or float32
    "device": "auto",  # auto, cpu or cuda
    "threads": 0,  # 0: torch's own choice
    "follow_parent": False,  # end when stdin does
    "stop_after": 0,  # steps in this process, for tests: then it ends as if it had been told to
}

# What may differ between a run and its continuation: nothing of it moves the result.
places = {"gguf", "base", "train", "heldout", "out", "threads", "follow_parent", "stop_after", "save_seconds"}


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def die(message):
    tell("error", message=message)
    sys.exit(2)


def file_hash(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


def replace_file(path, write):
    """Writes a file so that it is there as a whole or not at all."""
    with open(path + ".new", "wb") as f:
        write(f)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + ".new", path)


def has_bf16():
    try:
        with open("/proc/cpuinfo") as f:
            flags = f.read()
    except OSError:
        return False
    return " avx512_bf16" in flags or " amx_bf16" in flags


def choose(s):
    device = s["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = s["dtype"]
    if dtype == "auto":
        fast = torch.cuda.is_bf16_supported() if device == "cuda" else has_bf16()
        dtype = "bfloat16" if fast else "float32"
    return torch.device(device), getattr(torch, dtype)


def load_base(s, dtype):
    """The model and its tokenizer. A GGUF file is unpacked once and kept."""
    if s["gguf"] and not os.path.exists(os.path.join(s["base"], "complete")):
        tell("unpack", gguf=s["gguf"])
        folder, name = os.path.split(s["gguf"])
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16)
        model.hf_quantizer, model.is_quantized = None, False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(s["base"])
        AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(s["base"])
        del model
        replace_file(os.path.join(s["base"], "complete"), lambda f: f.write(b"1\n"))
    model = AutoModelForCausalLM.from_pretrained(s["base"], dtype=dtype)
    return model, AutoTokenizer.from_pretrained(s["base"])


def read_examples(path, tokenizer, max_tokens):
    """Token ids of each example and where its answer starts; and how many were too long."""
    examples, left_out = [], 0
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            if not line.strip():
                continue
            e = json.loads(line)
            prompt = e["prompt"] if "prompt" in e else e["messages"][:-1]
            answer = e["completion"] if "completion" in e else e["messages"][-1:]
            head = ids_of(tokenizer, prompt, True)
            whole = ids_of(tokenizer, prompt + answer, False)
            if whole[: len(head)] != head or len(whole) == len(head):
                die(f"{path}, line {n}: the chat template does not put the answer behind the prompt")
            if len(whole) > max_tokens:
                left_out += 1
                continue
            examples.append((whole, len(head)))
    return examples, left_out


def ids_of(tokenizer, messages, prompt):
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def loss_of(model, examples, device, pad):
    """Summed loss over the answers' tokens, and their number. Only their positions go through the last layer."""
    longest = max(len(ids) for ids, _ in examples)
    first = min(start for _, start in examples) - 1
    ids = torch.full((len(examples), longest), pad)
    mask = torch.zeros((len(examples), longest), dtype=torch.long)
    labels = torch.full((len(examples), longest), -100)
    for i, (whole, start) in enumerate(examples):
        ids[i, : len(whole)] = torch.tensor(whole)
        mask[i, : len(whole)] = 1
        labels[i, start : len(whole)] = torch.tensor(whole[start:])
    keep = torch.arange(first, longest - 1, device=device)
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), logits_to_keep=keep, use_cache=False).logits
    wanted = labels[:, first + 1 :].to(device)
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), ignore_index=-100, reduction="sum")
    return loss, int((wanted != -100).sum())


def heldout_loss(model, examples, micro, device, pad):
    model.eval()
    total, tokens = 0.0, 0
    with torch.no_grad():
        for i in range(0, len(examples), micro):
            loss, n = loss_of(model, examples[i : i + micro], device, pad)
            total, tokens = total + loss.item(), tokens + n
    model.train()
    return total / tokens


def order(count, steps, batch, seed):
    """Which examples each step takes: each epoch all of them, in an order of its own."""
    out, epoch = [], 0
    while len(out) < steps * batch:
        out += torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1000003 + epoch)).tolist()
        epoch += 1
    return [out[i * batch : (i + 1) * batch] for i in range(steps)]


def rate(step, steps, peak):
    warm = max(1, steps // 20)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))))


def memory_mb(device):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1 << 20)
    return {"memory_mb": peak, **({"gpu_memory_mb": torch.cuda.max_memory_allocated() >> 20} if device.type == "cuda" else {})}


def curve(losses, heldout):
    """The loss curve as SVG: a line of the steps, dots of the held-out loss."""
    w, h, pad = 720, 320, 44
    points = [(x["step"], x["loss"]) for x in losses]
    dots = [(x["step"], x["loss"]) for x in heldout]
    every = points + dots
    top = max((y for _, y in every), default=1.0) or 1.0
    last = max((x for x, _ in every), default=1) or 1

    def at(x, y):
        return f"{pad + (w - 2 * pad) * x / last:.1f},{h - pad - (h - 2 * pad) * y / top:.1f}"

    marks = "".join(f'<circle cx="{at(x, y).split(",")[0]}" cy="{at(x, y).split(",")[1]}" r="4" fill="#c2410c"/>' for x, y in dots)
    line = " ".join(at(x, y) for x, y in points)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="12">'
        f'<rect width="{w}" height="{h}" fill="#fff"/><path d="M{pad} {pad}V{h - pad}H{w - pad}" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#1d4ed8" stroke-width="1.5"/>{marks}'
        f'<text x="4" y="{pad}">{top:.2f}</text><text x="4" y="{h - pad}">0</text><text x="{w - pad}" y="{h - pad + 16}" text-anchor="end">step {last}</text>'
        f'<text x="{pad}" y="20">loss of the answers: line, each training step; dots, held-out examples</text></svg>\n'
    )


class Run:
    def __init__(self, settings):
        self.s = s = {**defaults, **settings}
        unknown = set(settings) - set(defaults)
        if unknown:
            die(f"unknown settings: {', '.join(sorted(unknown))}")
        if s["targets"] not in list(targets):
            die(f"targets are one of {', '.join(targets)}, not {s['targets']}")
        if s["threads"]:
            torch.set_num_threads(s["threads"])
        torch.manual_seed(s["seed"])
        torch.use_deterministic_algorithms(True, warn_only=True)
        for kind in ("mem_efficient", "cudnn"):  # on CUDA their gradients differ from run to run
            getattr(torch.backends.cuda, f"enable_{kind}_sdp", bool)(False)
        os.makedirs(s["out"], exist_ok=True)
        self.device, self.dtype = choose(s)
        self.stopping = False
        self.saved = time.monotonic()

    def prepare(self):
        s = self.s
        model, tokenizer = load_base(s, self.dtype)
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0
        self.train, left = read_examples(s["train"], tokenizer, s["max_tokens"])
        self.heldout, left_too = read_examples(s["heldout"], tokenizer, s["max_tokens"]) if s["heldout"] else ([], 0)
        if not self.train:
            die("there is nothing to train on: every example is longer than max_tokens")
        torch.manual_seed(s["seed"])  # the adapter's first weights
        config = LoraConfig(r=s["rank"], lora_alpha=s["alpha"], lora_dropout=0.0, bias="none", target_modules=targets[s["targets"]], task_type="CAUSAL_LM")
        self.model = get_peft_model(model, config).to(self.device)
        self.model.train()
        self.weights = [p for p in self.model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.weights, lr=s["learning_rate"], weight_decay=0.0)
        self.steps = max(1, math.ceil(len(self.train) * s["epochs"] / s["batch"]))
        self.order = order(len(self.train), self.steps, s["batch"], s["seed"])
        self.every = s["heldout_every"] or max(1, math.ceil(len(self.train) / s["batch"] / 4))
        self.tokens = [sum(len(self.train[i][0]) for i in step) for step in self.order]
        self.step, self.best, self.waited, self.losses, self.seen, self.before = 0, None, 0, [], [], 0.0
        self.identity = json.dumps(
            {k: v for k, v in s.items() if k not in places}
            | {"dtype": str(self.dtype), "device": self.device.type, "train_sha256": file_hash(s["train"]),
               "heldout_sha256": file_hash(s["heldout"]) if s["heldout"] else ""}, sort_keys=True)
        self.resume()
        tell("start", step=self.step, of=self.steps, examples=len(self.train), heldout=len(self.heldout), left_out=left + left_too,
             tokens=sum(self.tokens), weights=sum(p.numel() for p in self.weights), device=str(self.device), dtype=str(self.dtype).removeprefix("torch."),
             torch=torch.__version__, resumed=self.step > 0, **memory_mb(self.device))

    def path(self, name):
        return os.path.join(self.s["out"], name)

    def resume(self):
        try:
            state = torch.load(self.path("checkpoint.pt"), map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return
        if state["identity"] != self.identity:
            die("the checkpoint belongs to other settings or data; start under another name, or remove it")
        set_peft_model_state_dict(self.model, state["adapter"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best, self.waited = state["step"], state["best"], state["waited"]
        self.losses, self.seen, self.before = state["losses"], state["seen"], state.get("seconds", 0.0)

    def save(self):
        state = {"identity": self.identity, "adapter": get_peft_model_state_dict(self.model), "optimiser": self.optimiser.state_dict(),
                 "step": self.step, "best": self.best, "waited": self.waited, "losses": self.losses, "seen": self.seen,
                 "seconds": self.before + time.monotonic() - self.began}
        replace_file(self.path("checkpoint.pt"), lambda f: torch.save(state, f))
        self.saved = time.monotonic()

    def one(self):
        """One step of the optimiser; returns the loss and how many tokens were read."""
        s, batch = self.s, [self.train[i] for i in self.order[self.step]]
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, self.steps, s["learning_rate"])
        answers = sum(len(ids) - start for ids, start in batch)
        total = 0.0
        for i in range(0, len(batch), s["micro"]):
            loss, _ = loss_of(self.model, batch[i : i + s["micro"]], self.device, self.pad)
            (loss / answers).backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return total / answers, self.tokens[self.step]

    def look(self):
        """The held-out loss; True when it is time to stop."""
        if not self.heldout:
            return False
        loss = heldout_loss(self.model, self.heldout, self.s["micro"], self.device, self.pad)
        self.seen.append({"step": self.step, "loss": loss})
        better = self.best is None or loss < self.best
        if better:
            self.best, self.waited = loss, 0
            replace_file(self.path("best.pt"), lambda f: torch.save(get_peft_model_state_dict(self.model), f))
        else:
            self.waited += 1
        tell("heldout", step=self.step, of=self.steps, loss=loss, best=self.best)
        return self.waited >= self.s["patience"]

    def go(self):
        s, began, done, early = self.s, time.monotonic(), 0, False
        self.began = began
        if self.step == 0:
            self.look()
        first = self.step
        while self.step < self.steps and not early:
            if self.stopping or (s["stop_after"] and self.step - first >= s["stop_after"]):
                self.save()
                tell("stopped", step=self.step, of=self.steps)
                return
            loss, tokens = self.one()
            if not math.isfinite(loss):
                die(f"the loss is {loss} at step {self.step + 1}; try a lower learning rate or dtype float32")
            self.step, done = self.step + 1, done + tokens
            self.losses.append({"step": self.step, "loss": loss})
            speed = done / (time.monotonic() - began)
            tell("step", step=self.step, of=self.steps, loss=loss, tokens_per_second=round(speed, 1),
                 rest_seconds=round(sum(self.tokens[self.step :]) / speed, 1), **memory_mb(self.device))
            if self.step % self.every == 0 or self.step == self.steps:
                early = self.look()
                self.save()
            elif time.monotonic() - self.saved > s["save_seconds"]:
                self.save()
        self.finish(early, self.before + time.monotonic() - began)

    def finish(self, early, seconds):
        if self.best is not None:
            set_peft_model_state_dict(self.model, torch.load(self.path("best.pt"), map_location="cpu", weights_only=True))
        self.model.save_pretrained(self.path("adapter"))
        done = {"settings": json.loads(self.identity), "losses": self.losses, "heldout": self.seen, "best": self.best, "stopped_early": early}
        replace_file(self.path("loss.json"), lambda f: f.write(json.dumps(done, indent=1).encode()))
        replace_file(self.path("loss.svg"), lambda f: f.write(curve(self.losses, self.seen).encode()))
        tell("done", step=self.step, of=self.steps, loss=self.losses[-1]["loss"], first_heldout=self.seen[0]["loss"] if self.seen else None,
             best=self.best, stopped_early=early, seconds=round(seconds, 1), adapter=self.path("adapter"), **memory_mb(self.device))


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(3)  # the next run goes on from the checkpoint


def main():
    settings = json.loads(sys.stdin.buffer.readline())
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    run = Run(settings)

    def stop(*_):
        run.stopping = True  # after the step under way

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which stops this process in its own time
    if run.s["follow_parent"]:
        threading.Thread(target=end_with_parent, daemon=True).start()
    run.prepare()
    run.go()


main()
