#!/usr/bin/env python3
"""make_overlay.py BASE VARIANT OUT: what a checkpoint has that its base has not, as an overlay (docs/overlay.md).
make_overlay.py --merge OVERLAY OUT: the complete checkpoint that an overlay stands for, for software that knows none.

Tensors are compared byte by byte, small files too. BASE stays where it is: the overlay names it relative to itself, and
its weight files by their SHA-256. Merging checks them. Python's standard library only; memory stays below 100 MB.
"""

import argparse
import collections
import hashlib
import json
import os
import shutil
import struct
import sys

KEY = "foregate_overlay"
SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
ELEMENT_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "BF16": 2, "F16": 2, "I16": 2, "U16": 2}
MAX_HEADER_BYTES = 100000000  # what the format allows
PIECE_BYTES = 8 << 20
# What is read of text (docs/text.md), and merges.txt, which belongs to vocab.json.
SMALL_FILES = ("added_tokens.json", "chat_template.jinja", "chat_template.json", "generation_config.json",
               "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "tokenizer.model",
               "tiktoken.model", "qwen.tiktoken", "spiece.model", "sentencepiece.bpe.model", "hy.tiktoken",
               "tekken.json", "vocab.json", "vocab.txt", "merges.txt")
TEMPLATE_FOLDER = "additional_chat_templates"

Tensor = collections.namedtuple("Tensor", "path dtype shape offset size")


def stop(message):
    sys.exit("make_overlay.py: " + message)


def read_json(path):
    with open(path, encoding="utf-8") as file:
        try:
            value = json.load(file)
        except ValueError as error:
            stop("%s: %s" % (path, error))
    if not isinstance(value, dict):
        stop("%s: not a JSON object" % path)
    return value


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


def weight_files(folder):
    """The names of a checkpoint's safetensors files."""
    if os.path.exists(os.path.join(folder, SINGLE_FILE)):
        return [SINGLE_FILE]
    if not os.path.exists(os.path.join(folder, INDEX_FILE)):
        stop("%s: neither %s nor %s is there" % (folder, SINGLE_FILE, INDEX_FILE))
    return sorted(set(read_json(os.path.join(folder, INDEX_FILE))["weight_map"].values()))


def tensors_of_file(path):
    """{name: Tensor} in the order of the bytes."""
    with open(path, "rb") as file:
        length = file.read(8)
        header_bytes = struct.unpack("<Q", length)[0] if len(length) == 8 else MAX_HEADER_BYTES + 1
        if header_bytes > MAX_HEADER_BYTES:
            stop("%s: not a safetensors file" % path)
        text = file.read(header_bytes)
    try:
        header = json.loads(text)
        entries = [(name, entry["dtype"], entry["shape"], *entry["data_offsets"]) for name, entry in header.items()
                   if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        stop("%s: not a safetensors file: %s" % (path, error))
    first = 8 + header_bytes
    if first + max((end for *_, end in entries), default=0) != os.path.getsize(path):
        stop("%s: %d bytes long, which its header does not say" % (path, os.path.getsize(path)))
    return {name: Tensor(path, dtype, shape, first + begin, end - begin)
            for name, dtype, shape, begin, end in sorted(entries, key=lambda entry: entry[3:])}


def tensors_of(folder):
    tensors = {}
    for name in weight_files(folder):
        tensors.update(tensors_of_file(os.path.join(folder, name)))
    return tensors


def pieces(path, offset, size):
    with open(path, "rb") as file:
        file.seek(offset)
        while size > 0:
            piece = file.read(min(size, PIECE_BYTES))
            if not piece:
                stop("%s: ends too early" % path)
            size -= len(piece)
            yield piece


def is_same(a, b):
    return (a.dtype, a.shape, a.size) == (b.dtype, b.shape, b.size) and all(
        x == y for x, y in zip(pieces(a.path, a.offset, a.size), pieces(b.path, b.offset, b.size)))


def sha256(path):
    digest = hashlib.sha256()
    for piece in pieces(path, 0, os.path.getsize(path)):
        digest.update(piece)
    return digest.hexdigest()


def write_tensors(path, tensors):
    # Wide elements first, so that each lies at a multiple of its size.
    ordered = sorted(tensors.items(), key=lambda item: -ELEMENT_BYTES.get(item[1].dtype, 1))
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in ordered:
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, offset + tensor.size]}
        offset += tensor.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for _, tensor in ordered:
            for piece in pieces(tensor.path, tensor.offset, tensor.size):
                file.write(piece)


def small_files(folder):
    """The names of the files beside the weights that count, without config.json."""
    names = [name for name in SMALL_FILES if os.path.isfile(os.path.join(folder, name))]
    templates = os.path.join(folder, TEMPLATE_FOLDER)
    if os.path.isdir(templates):
        names += [os.path.join(TEMPLATE_FOLDER, name) for name in sorted(os.listdir(templates))
                  if name.endswith(".jinja")]
    return names


def copy_file(source, target, name):
    os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
    shutil.copyfile(os.path.join(source, name), os.path.join(target, name))


def has_same_file(a, b, name):
    with open(os.path.join(a, name), "rb") as left:
        if not os.path.isfile(os.path.join(b, name)):
            return False
        with open(os.path.join(b, name), "rb") as right:
            return left.read() == right.read()


def complete_config(folder):
    config = read_json(os.path.join(folder, "config.json"))
    if config.get(KEY) is not None:
        stop("%s: is an overlay itself; merge it first" % folder)
    return config


def write_overlay(base, variant, out, partial):
    """Writes into `partial`, which will be `out`."""
    complete_config(base)
    config = complete_config(variant)
    before, after = tensors_of(base), tensors_of(variant)
    lost = [name for name in before if name not in after]
    if lost:
        stop("%s: has no %s, which an overlay cannot take from %s (%d tensors)" % (variant, lost[0], base, len(lost)))
    changed = {name: tensor for name, tensor in after.items()
               if name not in before or not is_same(tensor, before[name])}
    if not changed:
        stop("%s: no tensor differs from those of %s" % (variant, base))
    write_tensors(os.path.join(partial, SINGLE_FILE), changed)
    for name in small_files(variant):
        if not has_same_file(variant, base, name):
            copy_file(variant, partial, name)
    for name in small_files(base):
        if not os.path.exists(os.path.join(variant, name)):
            print("%s: the variant has none, that of the base will be used" % name, file=sys.stderr)
    place = os.path.join(os.path.realpath(os.path.dirname(out)), os.path.basename(out))
    config[KEY] = {"version": 1, "base": os.path.relpath(os.path.realpath(base), place),
                   "files": {name: sha256(os.path.join(base, name)) for name in weight_files(base)}}
    write_json(os.path.join(partial, "config.json"), config)
    print("%s: %d of %d tensors, %.2f of %.2f MB" %
          (out, len(changed), len(after), sum(tensor.size for tensor in changed.values()) / 1e6,
           sum(tensor.size for tensor in after.values()) / 1e6), file=sys.stderr)


def base_of(overlay, config):
    """The base's folder, whose files are those that the overlay was made over."""
    where = "%s: %s: " % (os.path.join(overlay, "config.json"), KEY)
    value = config.get(KEY)
    if not isinstance(value, dict) or sorted(value) != ["base", "files", "version"] or value["version"] != 1:
        stop(where + "want version 1, base and files")
    base = os.path.join(overlay, value["base"])
    complete_config(base)
    if not isinstance(value["files"], dict) or sorted(value["files"]) != weight_files(base):
        stop(where + "files: %s has %s" % (base, ", ".join(weight_files(base))))
    for name, digest in value["files"].items():
        found = sha256(os.path.join(base, name))
        if found != digest:
            stop(where + "files: %s: the SHA-256 of %s is %s" % (name, os.path.join(base, name), found))
    return base


def merge(overlay, out):
    config = read_json(os.path.join(overlay, "config.json"))
    base = base_of(overlay, config)
    changed = tensors_of(overlay)
    files = {name: tensors_of_file(os.path.join(base, name)) for name in weight_files(base)}
    for tensors in files.values():
        for name in tensors:
            tensors[name] = changed.pop(name, tensors[name])
    files[max(files)].update(changed)  # those that the base has not
    for name, tensors in files.items():
        write_tensors(os.path.join(out, name), tensors)
    if list(files) != [SINGLE_FILE]:
        sizes = [tensor.size for tensors in files.values() for tensor in tensors.values()]
        write_json(os.path.join(out, INDEX_FILE),
                   {"metadata": {"total_size": sum(sizes)},
                    "weight_map": {tensor: name for name, tensors in files.items() for tensor in tensors}})
    for folder in (base, overlay):
        for name in small_files(folder):
            copy_file(folder, out, name)
    del config[KEY]
    write_json(os.path.join(out, "config.json"), config)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Writes what differs from a base checkpoint, or puts both together.")
    parser.add_argument("--merge", action="store_true", help="OVERLAY OUT: write the complete checkpoint")
    parser.add_argument("paths", nargs="+", metavar="DIR", help="BASE VARIANT OUT; OUT must not exist")
    flags = parser.parse_args(argv)
    if len(flags.paths) != (2 if flags.merge else 3):
        parser.error("want OVERLAY OUT" if flags.merge else "want BASE VARIANT OUT")
    out = os.path.abspath(flags.paths[-1])
    if os.path.exists(out):
        stop("%s exists" % flags.paths[-1])
    partial = "%s.partial.%d" % (out, os.getpid())
    try:
        os.makedirs(partial)
        if flags.merge:
            merge(flags.paths[0], partial)
        else:
            write_overlay(flags.paths[0], flags.paths[1], out, partial)
        os.rename(partial, out)
    except OSError as error:
        stop(str(error))
    finally:
        shutil.rmtree(partial, ignore_errors=True)


if __name__ == "__main__":
    main()
