#!/usr/bin/env python3
"""throughput.py --probe TOKENIZER_PROBE --english FILE --code FILE --chinese FILE [--cache DIR] [--rounds N] [--only KIND]

Encodes the same texts with Python's `tokenizers` and with ours, one thread each, in turn, and prints megabytes a second,
their ratio (median of the rounds, with the lowest and the highest round) for each pipeline of tests/data/tokenizers.
The test data's vocabularies are too small to be typical, so a vocabulary of 48,000 tokens is trained on the given texts
first (minutes, once: it is kept in the cache).
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import tokenizers  # noqa: E402  after its settings
from tokenizers import models, normalizers, pre_tokenizers, trainers  # noqa: E402

BYTE_KINDS = ["qwen", "llama3", "o200k", "deepseek", "gpt2", "gpt_neox", "deepseek_old"]
CHARACTER_KINDS = ["sp_bpe", "sp_metaspace"]
VOCABULARY = 48000
WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def material(texts, limit=6 << 20):
    for text in texts.values():
        for begin in range(0, min(len(text), limit), 1 << 16):
            yield text[begin:begin + (1 << 16)]


def train_bytes(texts):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(WORDS), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(material(texts), trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return json.loads(tokenizer.to_str())["model"]


def train_characters(texts):
    tokenizer = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    tokenizer.train_from_iterator(material(texts), trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<unk>", "<s>", "</s>"] + ["<0x%02X>" % byte for byte in range(256)],
        show_progress=False, limit_alphabet=6000))
    return json.loads(tokenizer.to_str())["model"]


def trained(cache, name, train, texts):
    path = cache / (name + ".json")
    if not path.exists():
        print("training %s" % name, file=sys.stderr, flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(train(texts)), "utf-8")
    return json.loads(path.read_text("utf-8"))


def build(kind, data, model, cache):
    """The pipeline of a test tokenizer with a trained vocabulary; returns its path."""
    document = json.loads((data / kind / "tokenizer.json").read_text("utf-8"))
    options = {key: value for key, value in document["model"].items() if key not in ("vocab", "merges")}
    document["model"] = dict(options, vocab=model["vocab"], merges=model["merges"])
    path = cache / (kind + "_trained.json")
    path.write_text(json.dumps(document), "utf-8")
    return path


class Probe:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SystemExit(answer["error"])
        return answer


def pieces_of(text, size):
    return [text[begin:begin + size] for begin in range(0, len(text) - size + 1, size)] or [text]


def measure_theirs(tokenizer, pieces):
    started = time.perf_counter()
    total = 0
    for piece in pieces:
        total += len(tokenizer.encode(piece, add_special_tokens=False))
    return time.perf_counter() - started, total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    for name in ("english", "code", "chinese"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("tests/data/tokenizers"))
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/foregate-text-bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--sizes", default="600,8000,1000000", help="characters of a text, comma-separated")
    arguments = parser.parse_args()
    texts = {name: getattr(arguments, name).read_text("utf-8", errors="replace") for name in ("english", "code", "chinese")}
    byte_model = trained(arguments.cache, "bytes", train_bytes, texts)
    character_model = trained(arguments.cache, "characters", train_characters, texts)
    print("%-13s %-8s %8s %10s %10s %7s  (lowest .. highest)" % ("pipeline", "text", "size", "theirs MB/s", "ours MB/s", "ratio"))
    for kind in BYTE_KINDS + CHARACTER_KINDS:
        if arguments.only not in kind:
            continue
        path = build(kind, arguments.data, byte_model if kind in BYTE_KINDS else character_model, arguments.cache)
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        probe = Probe(arguments.probe)
        probe.ask(load=str(path))
        for name, text in texts.items():
            sample = text[len(text) // 2:][:1000000]
            for size in map(int, arguments.sizes.split(",")):
                pieces = pieces_of(sample, size)
                megabytes = sum(len(piece.encode()) for piece in pieces) / 1e6
                rows = []
                for _ in range(arguments.rounds):
                    theirs, count = measure_theirs(tokenizer, pieces)
                    answer = probe.ask(time=pieces)
                    if answer["tokens"] != count:
                        raise SystemExit("%s on %s: %d tokens, theirs %d" % (kind, name, answer["tokens"], count))
                    rows.append((megabytes / theirs, megabytes / answer["seconds"]))
                ratios = [ours / theirs for theirs, ours in rows]
                print("%-13s %-8s %8d %10.2f %10.2f %7.2f  (%.2f .. %.2f)" % (
                    kind, name, size, statistics.median(r[0] for r in rows), statistics.median(r[1] for r in rows),
                    statistics.median(ratios), min(ratios), max(ratios)), flush=True)


if __name__ == "__main__":
    main()
