"""Turns a LoRA adapter of PEFT into the GGUF file that llama.cpp serves.

One line of JSON on stdin: adapter (folder), base (the GGUF file it is served
with), out (file). Every tensor's shape is compared with the base. Architectures
whose weights are stored in another order (Llama permutes q and k) are refused:
only those that were compared with llama.cpp's own converter are on the list.
"""

import json
import os
import sys

import gguf
from safetensors.numpy import load_file

TESTED = {"qwen2": gguf.MODEL_ARCH.QWEN2}
PLAIN = {"use_dora": False, "use_rslora": False, "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {}, "lora_bias": False, "fan_in_fan_out": False}


def refuse(message):
    print(json.dumps({"event": "error", "message": message}), flush=True)
    sys.exit(2)


def field(reader, key):
    f = reader.get_field(key)
    return None if f is None else f.contents()


def main():
    s = json.loads(sys.stdin.readline())
    base = gguf.GGUFReader(s["base"])
    arch = field(base, "general.architecture")
    if arch not in TESTED:
        refuse(f"adapters for {arch} are not converted: only {', '.join(sorted(TESTED))} was compared with llama.cpp's own converter")
    with open(os.path.join(s["adapter"], "adapter_config.json"), encoding="utf-8") as f:
        config = json.load(f)
    for key, plain in PLAIN.items():
        if (config.get(key) or plain) != plain:
            refuse(f"the adapter has {key}, which this conversion does not know")
    if config.get("bias", "none") != "none" or config.get("peft_type") != "LORA":
        refuse("only a plain LoRA without bias is converted")
    shapes = {t.name: [int(n) for n in t.shape] for t in base.tensors}  # (in, out)
    names = gguf.get_tensor_name_map(TESTED[arch], int(field(base, f"{arch}.block_count")))
    halves, out = {}, []
    for key, tensor in sorted(load_file(os.path.join(s["adapter"], "adapter_model.safetensors")).items()):
        module, _, half = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".")
        name = names.get_name(module + ".weight", (".weight",))
        if half not in ("lora_A", "lora_B") or name not in shapes:
            refuse(f"{key} belongs to nothing in the base")
        wide, tall = shapes[name]
        want = (config["r"], wide) if half == "lora_A" else (tall, config["r"])
        if tuple(tensor.shape) != want:
            refuse(f"{key} is {tuple(tensor.shape)} and the base wants {want}: it was trained on another model")
        halves[name] = halves.get(name, 0) + 1
        out.append((f"{name}.{half.lower()}", tensor.astype("float32")))
    if not out or any(n != 2 for n in halves.values()):
        refuse("the adapter is not whole")
    writer = gguf.GGUFWriter(s["out"] + ".new", arch)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    for name, tensor in out:
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(s["out"] + ".new", s["out"])
    print(json.dumps({"event": "done", "tensors": len(out)}), flush=True)


main()
