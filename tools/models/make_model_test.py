#!/usr/bin/env python3
"""What make_model.py writes is a checkpoint: shapes, offsets, determinism, scale, and refusals."""

import contextlib
import io
import json
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_model  # noqa: E402  (beside this file)

make_model.BLOCK_ELEMENTS = 65521  # a prime as well, and drawn in a thirtieth of the time


def read_shard(path):
    """{name: (shape, bytes)} of a safetensors file whose tensors must cover it without gap or overlap."""
    with open(path, "rb") as file:
        data = file.read()
    (header_bytes,) = struct.unpack("<Q", data[:8])
    assert header_bytes % 8 == 0
    header = json.loads(data[8:8 + header_bytes])
    body, tensors, end = data[8 + header_bytes:], {}, 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "BF16" and entry["data_offsets"][0] == end, name
        begin, end = entry["data_offsets"]
        tensors[name] = (tuple(entry["shape"]), body[begin:end])
    assert end == len(body)
    return tensors


def floats(data):
    return [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(0, len(data), 2)]


def run(*args):
    with contextlib.redirect_stderr(io.StringIO()) as err:
        make_model.main(list(args))
    return err.getvalue()


class MakeModelTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def test_pre_gates_come_on_top(self):
        run("olmoe-small", self.path("plain"), "--layers", "3")
        run("olmoe-small", self.path("early"), "--layers", "3", "--pre-gate", "2")
        plain = read_shard(self.path("plain", "model.safetensors"))
        early = read_shard(self.path("early", "model.safetensors"))
        self.assertEqual(early.keys() - plain.keys(), {"model.layers.2.mlp.pre_gate.weight"})
        self.assertEqual(early["model.layers.2.mlp.pre_gate.weight"][0], (8, 128))
        self.assertEqual({name: early[name] for name in plain}, plain)
        with open(self.path("early", "config.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["foregate_pre_gate"], {"version": 1, "distance": 2})
        with self.assertRaises(SystemExit):
            run("olmoe-small", self.path("none"), "--pre-gate", "2")

    def test_the_files_of_a_checkpoint(self):
        run("olmoe-small", self.path("m"))
        self.assertEqual(sorted(os.listdir(self.path("m"))), [
            "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
        tensors = read_shard(self.path("m", "model.safetensors"))
        self.assertEqual(tensors["lm_head.weight"][0], (1024, 128))
        self.assertEqual(tensors["model.layers.1.mlp.experts.7.down_proj.weight"][0], (128, 64))
        self.assertEqual(tensors["model.layers.0.self_attn.k_norm.weight"][0], (128,))
        self.assertEqual(set(floats(tensors["model.norm.weight"][1])), {1.0})
        for name, std in (("lm_head.weight", 0.02), ("model.embed_tokens.weight", 0.08)):
            values = floats(tensors[name][1])
            self.assertAlmostEqual(sum(values) / len(values), 0, delta=std / 50)
            self.assertAlmostEqual((sum(v * v for v in values) / len(values)) ** 0.5, std, delta=std / 50)

    def test_equal_seeds_give_equal_bytes_and_others_do_not(self):
        for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
            run("qwen3moe-small", self.path(name), "--seed", seed, "--layers", "1")
        a, b, c = (read_shard(self.path(name, "model.safetensors")) for name in "abc")
        self.assertEqual(a, b)
        self.assertNotEqual(a["lm_head.weight"], c["lm_head.weight"])
        experts = [a["model.layers.0.mlp.experts.%d.up_proj.weight" % e][1] for e in range(16)]
        self.assertEqual(len(set(experts)), 16)

    def test_shards_hold_every_tensor_once(self):
        config = make_model.config_of("olmoe-small", None)
        os.mkdir(self.path("m"))
        with contextlib.redirect_stderr(io.StringIO()):
            make_model.write_model(self.path("m"), config, 1, shard_bytes=200000)
        with open(self.path("m", "model.safetensors.index.json"), encoding="utf-8") as file:
            index = json.load(file)
        seen, total = {}, 0
        for shard in set(index["weight_map"].values()):
            for name, (_, data) in read_shard(self.path("m", shard)).items():
                self.assertNotIn(name, seen)
                seen[name] = shard
                total += len(data)
        self.assertGreater(len(set(seen.values())), 3)
        self.assertEqual(seen, index["weight_map"])
        self.assertEqual(sorted(seen), sorted(name for name, _, _ in make_model.tensors_of(config)))
        self.assertEqual(total, index["metadata"]["total_size"])

    def test_the_real_shapes_have_their_real_sizes(self):
        def parameters(shape, layers=None):
            return sum(make_model.num_bytes(s) // 2 for _, s, _ in
                       make_model.tensors_of(make_model.config_of(shape, layers)))
        self.assertEqual(parameters("olmoe"), 6919161856)  # OLMoE-1B-7B
        self.assertEqual(parameters("qwen3moe", 48), 30532122624)  # Qwen3-30B-A3B

    def test_the_vocabulary_is_full_and_merges_make_it(self):
        for size in (300, 1024, 50304):
            tokenizer = make_model.tokenizer_of(size)
            vocab = tokenizer["model"]["vocab"]
            ids = sorted(vocab.values()) + [token["id"] for token in tokenizer["added_tokens"]]
            self.assertEqual(ids, list(range(size)))
            for merge in tokenizer["model"]["merges"]:
                self.assertIn(merge.replace(" ", ""), vocab)

    def test_refusals(self):
        os.mkdir(self.path("there"))
        with self.assertRaisesRegex(SystemExit, "there exists"):
            run("olmoe-small", self.path("there"))
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            make_model.main(["olmoe-small", self.path("m"), "--layers", "0"])
        with self.assertRaisesRegex(SystemExit, "GB free"):
            make_model.check_room(self.folder, 1 << 60)
        self.assertEqual(os.listdir(self.folder), ["there"])

    def test_a_failure_leaves_nothing(self):
        original = make_model.write_json
        def fail(*_):
            raise OSError("disk full")
        make_model.write_json = fail
        self.addCleanup(setattr, make_model, "write_json", original)
        with self.assertRaisesRegex(OSError, "disk full"):
            run("olmoe-small", self.path("m"))
        self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
