"""Makes a Qwen2 of a few thousand random weights, its tokenizer and its GGUF header in the folder that is named, for the test of the trainer."""

import os
import sys

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

out, texts = sys.argv[1], sys.argv[2]
base = os.path.join(out, "base")
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
with open(texts, encoding="utf-8") as f:
    tokenizer.train_from_iterator(f, trainers.BpeTrainer(vocab_size=800, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
fast.chat_template = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
fast.save_pretrained(base)
torch.manual_seed(1)
config = Qwen2Config(vocab_size=1024, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                     tie_word_embeddings=True, max_position_embeddings=4096)
Qwen2ForCausalLM(config).save_pretrained(base)
with open(os.path.join(base, "complete"), "w") as f:
    f.write("1\n")
writer = gguf.GGUFWriter(os.path.join(out, "base.gguf"), "qwen2")
writer.add_block_count(2)
for i in range(2):
    for name, (tall, wide) in {"attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64),
                               "ffn_gate": (128, 64), "ffn_up": (128, 64), "ffn_down": (64, 128)}.items():
        writer.add_tensor(f"blk.{i}.{name}.weight", np.zeros((tall, wide), dtype=np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
