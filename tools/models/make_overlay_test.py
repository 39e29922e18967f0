#!/usr/bin/env python3
"""An overlay holds what differs and nothing else; merged, it is the variant again; and refusals."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_overlay  # noqa: E402  (beside this file)


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else json.dumps(content).encode())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def safetensors(tensors):
    """Of {name: (dtype, shape, bytes)}."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def contents(folder):
    """{name: (dtype, shape, bytes)} of a checkpoint."""
    return {name: (tensor.dtype, tensor.shape, b"".join(make_overlay.pieces(tensor.path, tensor.offset, tensor.size)))
            for name, tensor in make_overlay.tensors_of(folder).items()}


def run(*arguments):
    with contextlib.redirect_stderr(io.StringIO()) as log:
        make_overlay.main(list(arguments))
    return log.getvalue()


BASE = {"router": ("BF16", [3], b"abcdef"), "norm": ("F32", [1], b"1234"), "head": ("BF16", [2], b"head")}
VARIANT = {**BASE, "router": ("BF16", [3], b"abcdeX"), "pre_gate": ("F32", [2], b"12345678")}


class MakeOverlayTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(shutil.rmtree, self.folder)
        for folder, tensors, config in (("base", BASE, {"a": 1}), ("full", VARIANT, {"a": 1e-6, "b": None})):
            write(self.path(folder, "model.safetensors"), safetensors(tensors))
            write(self.path(folder, "config.json"), config)
            write(self.path(folder, "tokenizer.json"), {"same": True})
            write(self.path(folder, "generation_config.json"), {"of": folder})
            write(self.path(folder, "README.md"), b"# not read")

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make(self, out="base/variant"):
        return run(self.path("base"), self.path("full"), self.path(*out.split("/")))

    def refused(self, message, *arguments):
        with self.assertRaisesRegex(SystemExit, message):
            run(*arguments)
        self.assertFalse(any("partial" in name for _, names, _ in os.walk(self.folder) for name in names))

    def test_it_holds_what_differs(self):
        log = self.make()
        self.assertIn("2 of 4 tensors", log)
        out = self.path("base", "variant")
        self.assertEqual(sorted(os.listdir(out)), ["config.json", "generation_config.json", "model.safetensors"])
        self.assertEqual(contents(out), {name: VARIANT[name] for name in ("router", "pre_gate")})
        config = json.loads(read(os.path.join(out, "config.json")))
        digest = hashlib.sha256(read(self.path("base", "model.safetensors"))).hexdigest()
        self.assertEqual(config, {"a": 1e-6, "b": None, "foregate_overlay": {
            "version": 1, "base": "..", "files": {"model.safetensors": digest}}})

    def test_merged_it_is_the_variant(self):
        self.make("elsewhere/deep/variant")
        overlay, merged = self.path("elsewhere", "deep", "variant"), self.path("merged")
        self.assertEqual(json.loads(read(os.path.join(overlay, "config.json")))["foregate_overlay"]["base"],
                         os.path.join("..", "..", "..", "base"))
        run("--merge", overlay, merged)
        self.assertEqual(sorted(os.listdir(merged)),
                         ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"])
        self.assertEqual(contents(merged), VARIANT)
        for name in ("config.json", "generation_config.json", "tokenizer.json"):
            self.assertEqual(json.loads(read(os.path.join(merged, name))), json.loads(read(self.path("full", name))))

    def test_sharded_bases_stay_sharded(self):
        os.remove(self.path("base", "model.safetensors"))
        shards = {"model-1.safetensors": ["router"], "model-2.safetensors": ["norm", "head"]}
        for shard, names in shards.items():
            write(self.path("base", shard), safetensors({name: BASE[name] for name in names}))
        write(self.path("base", "model.safetensors.index.json"),
              {"weight_map": {name: shard for shard, names in shards.items() for name in names}})
        self.make()
        run("--merge", self.path("base", "variant"), self.path("merged"))
        self.assertEqual(contents(self.path("merged")), VARIANT)
        index = json.loads(read(self.path("merged", "model.safetensors.index.json")))
        self.assertEqual(index["weight_map"], {"router": "model-1.safetensors", "norm": "model-2.safetensors",
                                               "head": "model-2.safetensors", "pre_gate": "model-2.safetensors"})
        self.assertEqual(index["metadata"]["total_size"], 22)

    def test_templates_belong_to_it(self):
        for folder, text in (("base", b"old"), ("full", b"new")):
            write(self.path(folder, "additional_chat_templates", "tools.jinja"), text)
        write(self.path("base", "additional_chat_templates", "rag.jinja"), b"rag")
        self.assertIn("rag.jinja: the variant has none", self.make())
        run("--merge", self.path("base", "variant"), self.path("merged"))
        for name, text in (("tools", b"new"), ("rag", b"rag")):
            self.assertEqual(read(self.path("merged", "additional_chat_templates", name + ".jinja")), text)

    def test_wide_elements_lie_at_multiples_of_their_size(self):
        self.make()
        for tensor in make_overlay.tensors_of(self.path("base", "variant")).values():
            self.assertEqual(tensor.offset % make_overlay.ELEMENT_BYTES[tensor.dtype], 0)

    def test_large_tensors_are_compared_in_pieces(self):
        self.addCleanup(setattr, make_overlay, "PIECE_BYTES", make_overlay.PIECE_BYTES)
        make_overlay.PIECE_BYTES = 4
        self.make()
        self.assertEqual(contents(self.path("base", "variant")),
                         {name: VARIANT[name] for name in ("router", "pre_gate")})

    def test_refusals(self):
        base, full, out = self.path("base"), self.path("full"), self.path("out")
        self.refused("full exists", base, full, full)
        self.refused("no tensor differs", base, base, out)
        self.refused("base: has no pre_gate, which an overlay cannot take", full, base, out)
        self.refused("none", base, self.path("none"), out)
        self.make()
        variant = self.path("base", "variant")
        self.refused("is an overlay itself", variant, full, out)
        self.refused("is an overlay itself", base, variant, out)
        self.refused("want version 1, base and files", "--merge", base, out)
        write(self.path("base", "model.safetensors"), safetensors({**BASE, "head": ("BF16", [2], b"heaX")}))
        self.refused("files: model.safetensors: the SHA-256 of ", "--merge", variant, out)
        write(self.path("full", "model.safetensors"), safetensors(VARIANT)[:-1])
        self.refused("bytes long", base, full, out)
        write(self.path("full", "model.safetensors"), b"short")
        self.refused("not a safetensors file", base, full, out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
