#!/usr/bin/env python3
"""make_model.py SHAPE DIR [--layers N] [--seed S] [--pre-gate K]: a checkpoint of random weights in the shape of a real model.

What a Hugging Face download would be: config.json, sharded bf16 safetensors, tokenizer.json, tokenizer_config.json and
generation_config.json, so that speed and memory can be measured without the real weights. The text it writes means
nothing. Equal shape, layers and seed give equal bytes. With --pre-gate, random pre-gates besides (docs/pre_gate.md),
for speed: the other tensors keep their bytes.

Random routers choose experts nearly uniformly: the worst case for anything that caches experts.
Python's standard library only. Memory stays below 100 MB; time is the disk's.
"""

import argparse
import array
import hashlib
import json
import os
import random
import shutil
import struct
import sys

# Weights come from one block of random numbers, read from a place of each tensor's own: a normal number costs a
# microsecond in Python, and a real shape has seven thousand million. A prime, so that no row of a matrix lines up.
BLOCK_ELEMENTS = 2097143
WEIGHT_STD = 0.02  # the initializer_range of both families: activations stay near 1 behind every norm
EMBEDDING_SCALE_BITS = 2  # embeddings are 4 times as large: exact in bf16, one addition to the exponent
SHARD_BYTES = 4 << 30
FREE_BYTES = 1 << 30  # left on the disk

OLMOE = {
    "architectures": ["OlmoeForCausalLM"], "model_type": "olmoe", "hidden_size": 2048, "num_hidden_layers": 16,
    "num_experts": 64, "num_experts_per_tok": 8, "intermediate_size": 1024, "norm_topk_prob": False,
    "num_attention_heads": 16, "num_key_value_heads": 16, "max_position_embeddings": 4096, "rope_theta": 10000.0,
    "rms_norm_eps": 1e-5, "vocab_size": 50304,
}
QWEN3MOE = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 6,
    "num_experts": 128, "num_experts_per_tok": 8, "intermediate_size": 6144, "moe_intermediate_size": 768,
    "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [], "num_attention_heads": 32,
    "num_key_value_heads": 4, "head_dim": 128, "max_position_embeddings": 32768, "rope_theta": 1000000.0,
    "rms_norm_eps": 1e-6, "vocab_size": 151936,
}
SHAPES = {
    # OLMoE-1B-7B: 13.8 GB.
    "olmoe": OLMOE,
    # Qwen3-30B-A3B with 6 of its 48 layers: 8.7 GB.
    "qwen3moe": QWEN3MOE,
    # The same families in a size for tests.
    "olmoe-small": {**OLMOE, "hidden_size": 128, "num_hidden_layers": 2, "num_experts": 8, "num_experts_per_tok": 2,
                    "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 4,
                    "max_position_embeddings": 2048, "vocab_size": 1024},
    "qwen3moe-small": {**QWEN3MOE, "hidden_size": 128, "num_hidden_layers": 2, "num_experts": 16,
                       "num_experts_per_tok": 4, "intermediate_size": 256, "moe_intermediate_size": 48,
                       "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
                       "max_position_embeddings": 2048, "vocab_size": 1024},
}
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")  # the vocabulary's last ids
CHAT_TEMPLATE = ("{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + "
                 "'<|im_end|>\\n' }}{%- endfor %}"
                 "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}")


def config_of(shape, layers, pre_gate=None):
    config = dict(SHAPES[shape])
    if pre_gate is not None:
        config["foregate_pre_gate"] = {"version": 1, "distance": pre_gate}
    if layers is not None:
        config["num_hidden_layers"] = layers
    end = config["vocab_size"] - len(SPECIAL_TOKENS)
    config.update({"attention_bias": False, "attention_dropout": 0.0, "hidden_act": "silu",
                   "initializer_range": WEIGHT_STD, "bos_token_id": end, "eos_token_id": end,
                   "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": True})
    return config


def tensors_of(config):
    """(name, shape, kind) in the order of the files; kind is weight, embedding or norm."""
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim", hidden // heads)
    width = config.get("moe_intermediate_size", config["intermediate_size"])
    per_head = config["model_type"] == "qwen3_moe"
    first_pre_gated = config.get("foregate_pre_gate", {"distance": config["num_hidden_layers"]})["distance"]
    yield "model.embed_tokens.weight", (vocab, hidden), "embedding"
    for layer in range(config["num_hidden_layers"]):
        name = "model.layers.%d." % layer
        attention = name + "self_attn."
        yield name + "input_layernorm.weight", (hidden,), "norm"
        yield attention + "q_proj.weight", (heads * head_dim, hidden), "weight"
        yield attention + "k_proj.weight", (kv_heads * head_dim, hidden), "weight"
        yield attention + "v_proj.weight", (kv_heads * head_dim, hidden), "weight"
        yield attention + "o_proj.weight", (hidden, heads * head_dim), "weight"
        yield attention + "q_norm.weight", (head_dim if per_head else heads * head_dim,), "norm"
        yield attention + "k_norm.weight", (head_dim if per_head else kv_heads * head_dim,), "norm"
        yield name + "post_attention_layernorm.weight", (hidden,), "norm"
        yield name + "mlp.gate.weight", (config["num_experts"], hidden), "weight"
        if layer >= first_pre_gated:
            yield name + "mlp.pre_gate.weight", (config["num_experts"], hidden), "weight"
        for expert in range(config["num_experts"]):
            prefix = name + "mlp.experts.%d." % expert
            yield prefix + "gate_proj.weight", (width, hidden), "weight"
            yield prefix + "up_proj.weight", (width, hidden), "weight"
            yield prefix + "down_proj.weight", (hidden, width), "weight"
    yield "model.norm.weight", (hidden,), "norm"
    yield "lm_head.weight", (vocab, hidden), "weight"


def num_bytes(shape):
    count = 2
    for extent in shape:
        count *= extent
    return count


class Weights:
    """The bytes of each tensor, as pieces of a block of bf16 numbers."""

    def __init__(self, seed):
        self.seed = seed
        draw = random.Random("%d weights" % seed)
        words = array.array("I", array.array("f", (draw.gauss(0, WEIGHT_STD) for _ in range(BLOCK_ELEMENTS))).tobytes())
        # Round to nearest even; nothing is near the largest number.
        bits = array.array("H", ((word + 0x7fff + (word >> 16 & 1)) >> 16 for word in words))
        larger = array.array("H", (b + (EMBEDDING_SCALE_BITS << 7) if b & 0x7f80 else b for b in bits))
        ones = array.array("H", [0x3f80]) * 65536
        if sys.byteorder == "big":
            for values in (bits, larger, ones):
                values.byteswap()
        self.blocks = {"weight": bits.tobytes(), "embedding": larger.tobytes(), "norm": ones.tobytes()}

    def pieces(self, name, kind, size):
        block = memoryview(self.blocks[kind])
        place = hashlib.sha256(("%d %s" % (self.seed, name)).encode()).digest()
        offset = 0 if kind == "norm" else int.from_bytes(place[:8], "little") % (len(block) // 2) * 2
        while size > 0:
            piece = block[offset:offset + size]
            yield piece
            size -= len(piece)
            offset = 0


def split_shards(tensors, shard_bytes):
    shards, size = [[]], 0
    for tensor in tensors:
        tensor_bytes = num_bytes(tensor[1])
        if shards[-1] and size + tensor_bytes > shard_bytes:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += tensor_bytes
    return shards


def write_shard(path, shard, weights):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in shard:
        end = offset + num_bytes(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb", buffering=1 << 20) as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name, shape, kind in shard:
            for piece in weights.pieces(name, kind, num_bytes(shape)):
                file.write(piece)


def byte_characters():
    """The printable character that stands for each byte in byte-level BPE."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def tokenizer_of(vocab_size):
    """Byte-level BPE: the bytes, then words of lower-case letters, each made of a shorter word and a letter."""
    tokens = byte_characters()
    letters = "abcdefghijklmnopqrstuvwxyz"
    merges, shorter = [], list(letters)
    words = vocab_size - len(SPECIAL_TOKENS)
    while len(tokens) < words:
        longer = []
        for prefix in shorter:
            for letter in letters:
                if len(tokens) == words:
                    break
                merges.append(prefix + " " + letter)
                tokens.append(prefix + letter)
                longer.append(prefix + letter)
        shorter = longer
    added = [{"id": words + i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, token in enumerate(SPECIAL_TOKENS)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": level, "post_processor": None, "decoder": level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges}}


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=None if name == "tokenizer.json" else 2)
        file.write("\n")


def write_model(folder, config, seed, shard_bytes=SHARD_BYTES):
    shards = split_shards(tensors_of(config), shard_bytes)
    names = ["model.safetensors"] if len(shards) == 1 else [
        "model-%05d-of-%05d.safetensors" % (i + 1, len(shards)) for i in range(len(shards))]
    weights = Weights(seed)
    for name, shard in zip(names, shards):
        print("%s: %d tensors" % (name, len(shard)), file=sys.stderr)
        write_shard(os.path.join(folder, name), shard, weights)
    if len(shards) > 1:
        write_json(folder, "model.safetensors.index.json",
                   {"metadata": {"total_size": sum(num_bytes(shape) for _, shape, _ in tensors_of(config))},
                    "weight_map": {tensor[0]: name for name, shard in zip(names, shards) for tensor in shard}})
    end = config["eos_token_id"]
    write_json(folder, "config.json", config)
    write_json(folder, "tokenizer.json", tokenizer_of(config["vocab_size"]))
    write_json(folder, "tokenizer_config.json",
               {"tokenizer_class": "GPT2Tokenizer", "bos_token": None, "eos_token": SPECIAL_TOKENS[0],
                "add_bos_token": False, "model_max_length": config["max_position_embeddings"],
                "chat_template": CHAT_TEMPLATE})
    write_json(folder, "generation_config.json",
               {"bos_token_id": end, "eos_token_id": [end, end + 2], "do_sample": False})


def check_room(parent, size):
    free = shutil.disk_usage(parent).free
    if free < size + FREE_BYTES:
        sys.exit("make_model.py: %s has %.1f GB free, the checkpoint takes %.1f GB and %.1f GB are to stay free" %
                 (parent, free / 1e9, size / 1e9, FREE_BYTES / 1e9))


def main(argv=None):
    parser = argparse.ArgumentParser(description="Writes a checkpoint of random weights in the shape of a real model.")
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("directory", help="must not exist; made under a temporary name and renamed at the end")
    parser.add_argument("--layers", type=int, help="instead of the shape's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pre-gate", type=int, choices=(1, 2), help="choose experts so many layers early")
    flags = parser.parse_args(argv)
    if flags.layers is not None and not 1 <= flags.layers <= 1000:
        parser.error("--layers: %d is not in [1, 1000]" % flags.layers)
    config = config_of(flags.shape, flags.layers, flags.pre_gate)
    if flags.pre_gate is not None and flags.pre_gate >= config["num_hidden_layers"]:
        parser.error("--pre-gate: %d is too far for %d layers" % (flags.pre_gate, config["num_hidden_layers"]))
    folder = os.path.abspath(flags.directory)
    if os.path.exists(folder):
        sys.exit("make_model.py: %s exists" % flags.directory)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    size = sum(num_bytes(shape) for _, shape, _ in tensors_of(config))
    check_room(os.path.dirname(folder), size)
    partial = "%s.partial.%d" % (folder, os.getpid())
    os.mkdir(partial)
    try:
        write_model(partial, config, flags.seed)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    print("%s: %.2f GB of weights" % (flags.directory, size / 1e9), file=sys.stderr)


if __name__ == "__main__":
    main()
