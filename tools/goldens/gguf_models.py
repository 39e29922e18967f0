"""Writes tests/data/gguf/FAMILY.gguf: the tiny checkpoints of tests/data/models as llama.cpp's own converter has them.

Needs a llama.cpp checkout and what its converter needs (torch, transformers, sentencepiece is not used). The tiny models
have no tokenizer, so none is written for them; a tokenizer that the converter does not know (models/mini) gets --pre.

    python tools/goldens/gguf_models.py LLAMA_CPP tests/data/models/olmoe OUT.gguf [--type bf16] [--pre qwen2]
"""

import argparse
import pathlib
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("llama_cpp", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--type", default="bf16", choices=["bf16", "f16", "f32"])
    parser.add_argument("--pre", help="what to call a pre-tokenizer that the converter does not know")
    args = parser.parse_args()
    # This directory goes: its regex.py is not the package.
    sys.path[:1] = [str(args.llama_cpp / "gguf-py"), str(args.llama_cpp)]
    import gguf
    import torch
    from conversion import base, get_model_class

    config = base.ModelBase.load_hparams(args.model, False)
    model_class = get_model_class(config["architectures"][0])
    if args.pre:
        base.TextModel.get_vocab_base_pre = lambda self, tokenizer: args.pre
    if not (args.model / "tokenizer.json").exists():
        model_class.set_vocab = lambda self: self.gguf_writer.add_tokenizer_model("none")
    types = {
        "bf16": gguf.LlamaFileType.MOSTLY_BF16,
        "f16": gguf.LlamaFileType.MOSTLY_F16,
        "f32": gguf.LlamaFileType.ALL_F32,
    }
    with torch.inference_mode():
        model_class(args.model, types[args.type], args.out, hparams=config).write()


if __name__ == "__main__":
    main()
