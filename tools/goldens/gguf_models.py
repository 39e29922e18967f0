"""Writes tests/data/gguf: checkpoints and vocabularies as llama.cpp's own converter has them.

Needs a llama.cpp checkout and what its converter needs (torch, transformers, sentencepiece).

    python tools/goldens/gguf_models.py LLAMA_CPP model tests/data/models/olmoe OUT.gguf [--type bf16] [--pre qwen2]
    python tools/goldens/gguf_models.py LLAMA_CPP vocabulary tests/data/tokenizers/qwen OUT.gguf --pre qwen2

The tiny models have no tokenizer, so none is written for them. --pre names a pre-tokenizer that the converter cannot
know: it recognises published vocabularies by a hash. FAMILY.gguf come of `model` over tests/data/models/FAMILY;
KIND_vocabulary.gguf of `vocabulary` over tests/data/tokenizers/KIND with the --pre qwen2 for qwen and chatml, llama-bpe for llama3,
olmo for gpt_neox.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile

PADDING = 3  # tokens that only the embedding has


def vocabulary_directory(source, directory):
    """Tokenizer files with a config.json whose family uses this kind of vocabulary."""
    for path in source.glob("tokenizer*"):
        shutil.copy(path, directory)
    config = {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "num_hidden_layers": 1}
    if (source / "tokenizer.json").exists():
        tokenizer = json.loads((source / "tokenizer.json").read_text())
        ids = list(tokenizer["model"]["vocab"].values()) + [token["id"] for token in tokenizer["added_tokens"]]
        config = {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "num_hidden_layers": 1}
        config["vocab_size"] = max(ids) + 1 + PADDING
        tokenizer_config = {}
        if (source / "tokenizer_config.json").exists():
            tokenizer_config = json.loads((source / "tokenizer_config.json").read_text())
        # Classes of their own are rebuilt by transformers, not read from tokenizer.json.
        tokenizer_config["tokenizer_class"] = "PreTrainedTokenizerFast"
        (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    else:
        import sentencepiece

        processor = sentencepiece.SentencePieceProcessor(model_file=str(source / "tokenizer.model"))
        config["vocab_size"] = processor.vocab_size() + PADDING
    (directory / "config.json").write_text(json.dumps(config))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("llama_cpp", type=pathlib.Path)
    parser.add_argument("what", choices=["model", "vocabulary"])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--type", default="bf16", choices=["bf16", "f16", "f32"])
    parser.add_argument("--pre", help="what to call a pre-tokenizer that the converter does not know")
    args = parser.parse_args()
    # This directory goes: its regex.py is not the package.
    sys.path[:1] = [str(args.llama_cpp / "gguf-py"), str(args.llama_cpp)]
    import gguf
    import torch
    from conversion import base, get_model_class

    if args.pre:
        base.TextModel.get_vocab_base_pre = lambda self, tokenizer: args.pre
    source = args.source
    if args.what == "vocabulary":
        source = pathlib.Path(tempfile.mkdtemp())
        vocabulary_directory(args.source, source)
    config = base.ModelBase.load_hparams(source, False)
    model_class = get_model_class(config["architectures"][0])
    if args.what == "model" and not (source / "tokenizer.json").exists():
        model_class.set_vocab = lambda self: self.gguf_writer.add_tokenizer_model("none")
    types = {
        "bf16": gguf.LlamaFileType.MOSTLY_BF16,
        "f16": gguf.LlamaFileType.MOSTLY_F16,
        "f32": gguf.LlamaFileType.ALL_F32,
    }
    with torch.inference_mode():
        model = model_class(source, types[args.type], args.out, hparams=config)
        if args.what == "model":
            model.write()
        else:
            model.set_gguf_parameters = lambda: None
            model.write_vocab()
            shutil.rmtree(source)


if __name__ == "__main__":
    main()
