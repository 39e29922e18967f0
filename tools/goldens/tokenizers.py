"""Writes the tokenizers under tests/data/tokenizers that this repository trains itself, and what the references make of
texts. Each KIND is a checkpoint's directory: a vocabulary (tokenizer.json, tokenizer.model, tiktoken.model, ...), perhaps
a tokenizer_config.json, and cases.json, which names its reference.

    pip install tokenizers==0.23.3 transformers==5.23.0 sentencepiece==0.2.3 tiktoken==0.14.0 protobuf
    python tools/goldens/tokenizers.py [KIND ...]

Texts and vocabularies come from a seeded generator here; nothing is downloaded.
"""

import base64
import io
import json
import os
import pathlib
import random
import sys
import tempfile

sys.path.pop(0)  # this file must not hide the library of its name
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece  # noqa: E402
import tiktoken  # noqa: E402
import tokenizers  # noqa: E402
import transformers  # noqa: E402
from sentencepiece import sentencepiece_model_pb2  # noqa: E402
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests/data/tokenizers"
NUM_CASES = 120

WORDS = (
    "a the of and to in is that it for was on are with as be this have from or one had by word but not what all were we "
    "when your can said there use an each which she do how their if will up other about out many then them these so some "
    "her would make like him into time has look two more write go see number no way could people my than first water been "
    "call who oil its now find long down day did get come made may part over new sound take only little work know place "
    "naïve café straße Übung señor œuvre привет мир кошка 世界 你好 模型 注意力 東京 カタカナ ひらがな 한국어 단어 नमस्ते สวัสดี "
    "def return import class self None True lambda print() x=1; i++ 3.14159 2024 1,000,000 #include <vector> std::string"
).split(" ")
PIECES = WORDS + [
    " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "é", "e\u0301", "ﬁ", "①", "Ａ", "ｶﾞ", "\u200d", "©\u200d©", "👨‍👩‍👧", "🇩🇪", "क्ष",
    "ⅷ", "½", "İ", "ß", "\u00ad", "\u200b", "\ufeff", "12345", "you're", "DON'T", "…", "\u3000", "\u00a0", "x\u0308\u0301", "😀", "▁",
    "▁a", "<0x41>", "~", "\u0b95\u0bcd\u0bb7", "\U0002f800", "\ue000", "\u0600a",
]  # fmt: skip


def sentences(rng, count):
    return [" ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 12))) for _ in range(count)]


def random_text(rng):
    kind = rng.random()
    if kind < 0.35:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 14)))
    if kind < 0.45:
        return rng.choice(PIECES) * rng.randint(1, 20)
    if kind < 0.6:
        planes = [(0x20, 0x7F), (0x80, 0x2FFF), (0x3000, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF)]
        return "".join(chr(rng.randint(*rng.choice(planes))) for _ in range(rng.randint(1, 12)))
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 14)))


def texts(seed, extra):
    rng = random.Random(seed)
    fixed = ["", " ", "  hello", "hello  ", " a  b ", "aaaaaaaaaaaaaaaaaaaaaaaa", "\n", "a\nb", "Hello, world!"]
    return fixed + extra + [random_text(rng) for _ in range(NUM_CASES - len(fixed) - len(extra))]


# --- references ------------------------------------------------------------------------------------------------------


def tokenizers_cases(tokenizer, all_texts):
    for text in all_texts:
        bare = tokenizer.encode(text, add_special_tokens=False).ids
        yield {
            "text": text,
            "ids": tokenizer.encode(text).ids,
            "ids_no_special": bare,
            "decoded": tokenizer.decode(bare, skip_special_tokens=False),
            "decoded_skip_special": tokenizer.decode(bare, skip_special_tokens=True),
        }


def transformers_cases(directory, all_texts):
    yield from tokenizers_cases(transformers.AutoTokenizer.from_pretrained(directory)._tokenizer, all_texts)


def sentencepiece_cases(directory, all_texts):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(directory / "tokenizer.model"))
    for text in all_texts:
        ids = processor.encode(text)
        case = {"text": text, "ids": ids, "ids_no_special": ids}
        # SentencePiece spells an unknown token " ⁇ ", and lone bytes of a character in a way of its own.
        if processor.unk_id() not in ids:
            decoded = processor.decode(ids)
            case.update(decoded=decoded, decoded_skip_special=decoded)
        yield case


def tiktoken_cases(encoding, all_texts):
    for text in all_texts:
        ids = encoding.encode(text, allowed_special="all")
        decoded = encoding.decode(ids)
        yield {"text": text, "ids": ids, "ids_no_special": ids, "decoded": decoded}


# --- vocabularies ----------------------------------------------------------------------------------------------------


def train_sentencepiece(seed, rules=None, **options):
    with tempfile.TemporaryDirectory() as scratch:
        if rules is not None:
            path = os.path.join(scratch, "rules.tsv")
            with open(path, "w") as file:
                for source, target in rules:
                    file.write(" ".join("%X" % ord(c) for c in source) + "\t")
                    file.write(" ".join("%X" % ord(c) for c in target) + "\n")
            options["normalization_rule_tsv"] = path
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences(random.Random(seed), 1500)),
            model_writer=out,
            hard_vocab_limit=False,
            minloglevel=2,
            num_threads=1,
            **options,
        )
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(out.getvalue())
    model.normalizer_spec.ClearField("normalization_rule_tsv")  # a path of this run
    return model.SerializeToString(deterministic=True)


def small_rules():
    rules = [(chr(0xFF01 + i), chr(0x21 + i)) for i in range(94)]  # full width
    rules += [(chr(0x2460 + i), str(i + 1)) for i in range(20)]
    rules += [("ﬁ", "fi"), ("ﬂ", "fl"), ("…", "..."), ("½", "1⁄2"), ("ⅷ", "viii"), ("e\u0301", "é"), ("\u00ad", "")]
    rules += [("\t", " "), ("\n", " "), ("\r", " "), ("\u3000", " "), ("\u00a0", " "), ("\u200b", " "), ("\ufeff", "")]
    rules += [("ｶ", "カ"), ("ｶﾞ", "ガ"), ("x\u0308", "ẍ"), ("A", "a"), ("İ", "i\u0307"), ("©", "(c)")]
    return rules


def charsmap(rules):
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(train_sentencepiece(1, rules, vocab_size=300))
    return model.normalizer_spec.precompiled_charsmap


def substrings(seed, count, normalize):
    """A vocabulary that no trainer would make: pieces of text with random scores, so that every path is taken."""
    rng = random.Random(seed)
    found = set()
    while len(found) < count:
        text = "▁" + normalize(random_text(rng)).replace(" ", "▁")
        begin = rng.randrange(len(text))
        found.add(text[begin : begin + rng.randint(1, 6)])
    found |= {"a" * n for n in range(1, 7)} | set("▁abcdefghijklmnopqrstuvwxyz")
    return [(text, -12 * rng.random()) for text in sorted(found - {"<unk>", "<s>", "</s>"})]


def byte_level_ranks(seed, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(sentences(random.Random(seed), 1500), trainer)
    alphabet = {}
    for byte in range(256):
        kept = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255
        alphabet[chr(byte) if kept else chr(256 + len([c for c in alphabet.values() if c not in KEPT]))] = byte
    ordered = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return {bytes(alphabet[c] for c in token): rank for rank, (token, _) in enumerate(ordered)}


KEPT = {b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255}


def write_ranks(path, ranks):
    path.write_text("".join("%s %d\n" % (base64.b64encode(token).decode(), rank) for token, rank in ranks.items()))


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


SPECIALS = ["<unk>", "<s>", "</s>"]


def unigram(normalizer, pre_tokenizer, decoder, byte_fallback=False):
    vocabulary = [(text, 0.0) for text in SPECIALS]
    vocabulary += substrings(11, 700, normalizer.normalize_str if normalizer else str)
    if byte_fallback:
        vocabulary += [("<0x%02X>" % byte, 0.0) for byte in range(256)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, 0, byte_fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIALS])
    return tokenizer


# --- kinds -----------------------------------------------------------------------------------------------------------


def saved(directory, tokenizer):
    tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    # The reference is the file as it is read back: serde_json changes the last place of some scores.
    return Tokenizer.from_file(str(directory / "tokenizer.json"))


def unigram_t5(directory):
    tokenizer = unigram(
        normalizers.Precompiled(charsmap(small_rules())),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
        decoders.Metaspace(),
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return "tokenizers", tokenizers_cases(saved(directory, tokenizer), texts(1, ["<s>a</s>", "a</s> b", "ａ</s"]))


def unigram_bytes(directory):
    tokenizer = unigram(
        None,
        pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
        byte_fallback=True,
    )
    return "tokenizers", tokenizers_cases(saved(directory, tokenizer), texts(2, ["<s>a</s>", "<0x0A>", "\u00ff<unk>"]))


LLAMA_OPTIONS = {
    "model_type": "bpe", "vocab_size": 700, "byte_fallback": True, "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False, "split_digits": True, "user_defined_symbols": ["<|im_start|>", "<tool>"],
}  # fmt: skip
CHAT = ["<s>hello</s> the word", "<|im_start|>water <tool> oil", "a<|im_start|> b", "<tool><tool>", "x<unk>y"]


def llama(directory, config):
    (directory / "tokenizer.model").write_bytes(train_sentencepiece(3, **LLAMA_OPTIONS))
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", **config})
    return "transformers", transformers_cases(directory, texts(3, CHAT + ["<|end|>a", "<|user|>"]))


def sp_llama(directory):
    added = {"content": "<|end|>", "lstrip": False, "normalized": False, "rstrip": True, "single_word": False}
    size = len(sentencepiece.SentencePieceProcessor(model_proto=train_sentencepiece(3, **LLAMA_OPTIONS)))
    user = {**added, "content": "<|user|>", "rstrip": False, "special": False}
    decoder = {str(size): {**added, "special": True}, str(size + 1): user}
    return llama(directory, {"add_bos_token": True, "legacy": False, "added_tokens_decoder": decoder})


def sp_llama_legacy(directory):
    return llama(directory, {"add_bos_token": True, "add_eos_token": True, "legacy": True})


def plain(all_texts, taboo):
    """SentencePiece knows no added tokens: texts without them."""
    return [text for text in all_texts if not any(word in text for word in taboo)]


def sp_bpe_model(directory):
    options = {**LLAMA_OPTIONS, "user_defined_symbols": ["<sep>"]}
    (directory / "tokenizer.model").write_bytes(train_sentencepiece(4, **options))
    return "sentencepiece", sentencepiece_cases(directory, plain(texts(4, ["<0x0A>", "<s>"]), ["<s>", "<sep>"]))


def sp_unigram_model(directory):
    model = train_sentencepiece(5, small_rules(), model_type="unigram", vocab_size=600)
    (directory / "tokenizer.model").write_bytes(model)
    return "sentencepiece", sentencepiece_cases(directory, texts(5, ["ｶﾞｶ x\u0308y", "a▁▁", "▁", " ▁a "]))


def sp_unigram_bytes_model(directory):
    model = train_sentencepiece(
        6, model_type="unigram", vocab_size=800, byte_fallback=True, normalization_rule_name="identity",
        add_dummy_prefix=False, remove_extra_whitespaces=False,
    )  # fmt: skip
    (directory / "tokenizer.model").write_bytes(model)
    return "sentencepiece", sentencepiece_cases(directory, texts(6, ["<0x0A>"]))


def llama3_model(directory):
    ranks = byte_level_ranks(7, 900)
    write_ranks(directory / "tokenizer.model", ranks)
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    names = {len(ranks): "<|begin_of_text|>", len(ranks) + 1: "<|end_of_text|>", len(ranks) + 5: "<|eot_id|>"}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
        "add_bos_token": True, "added_tokens_decoder": {str(i): {"content": t, **flags} for i, t in names.items()},
    }  # fmt: skip
    write_json(directory / "tokenizer_config.json", config)
    chat = ["<|begin_of_text|>hi<|eot_id|>", "a <|eot_id|> b", "<|reserved_token_%d|>" % (len(ranks) + 3)]
    return "transformers", transformers_cases(directory, texts(7, chat))


CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
KIMI_WORDS = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + "+" + CONTRACTIONS + r"?|[^\r\n\p{L}\p{N}]?" + UPPER + "+" + LOWER
    + "*" + CONTRACTIONS + r"?|\p{N}{1,3}|" + TAIL
)  # fmt: skip
QWEN_WORDS = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + TAIL


def tiktoken_kimi(directory):
    ranks = byte_level_ranks(8, 900)
    write_ranks(directory / "tiktoken.model", ranks)
    names = {len(ranks): "[BOS]", len(ranks) + 1: "[EOS]", len(ranks) + 2: "<|im_end|>", len(ranks) + 9: "<|im_user|>"}
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    config = {
        "tokenizer_class": "TikTokenTokenizer", "bos_token": "[BOS]", "eos_token": "[EOS]",
        "added_tokens_decoder": {str(i): {"content": t, **flags} for i, t in names.items()},
    }  # fmt: skip
    write_json(directory / "tokenizer_config.json", config)
    reserved = range(len(ranks), len(ranks) + 258)
    special = {names.get(i, "<|reserved_token_%d|>" % i): i for i in reserved}
    encoding = tiktoken.Encoding("kimi", pat_str=KIMI_WORDS, mergeable_ranks=ranks, special_tokens=special)
    chat = ["[BOS]<|im_user|>你好世界abc", "世界Hello世界's", "<|reserved_token_%d|>x" % (len(ranks) + 257)]
    return "tiktoken", tiktoken_cases(encoding, texts(8, chat))


def tiktoken_qwen(directory):
    ranks = byte_level_ranks(9, 900)
    write_ranks(directory / "qwen.tiktoken", ranks)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + ["<|extra_%d|>" % i for i in range(205)]
    special = {name: len(ranks) + i for i, name in enumerate(names)}
    encoding = tiktoken.Encoding("qwen", pat_str=QWEN_WORDS, mergeable_ranks=ranks, special_tokens=special)
    chat = ["<|im_start|>user\nhi<|im_end|>\n", "<|extra_204|>12345", "ＡＢ é"]
    normal = [t for t in texts(9, chat) if t == normalizers.NFC().normalize_str(t)]  # the model's code applies NFC
    return "tiktoken", tiktoken_cases(encoding, normal)


KINDS = [
    unigram_t5, unigram_bytes, sp_llama, sp_llama_legacy, sp_bpe_model, sp_unigram_model, sp_unigram_bytes_model,
    llama3_model, tiktoken_kimi, tiktoken_qwen,
]  # fmt: skip


def main():
    versions = {m.__name__: m.__version__ for m in (tokenizers, transformers, sentencepiece, tiktoken)}
    for kind in KINDS:
        if len(sys.argv) > 1 and kind.__name__ not in sys.argv[1:]:
            continue
        directory = ROOT / kind.__name__
        directory.mkdir(exist_ok=True)
        reference, cases = kind(directory)
        cases = list(cases)
        (directory / "cases.json").write_text(
            json.dumps({"reference": reference, reference: versions[reference], "cases": cases}, separators=(",", ":"))
        )
        size = sum(file.stat().st_size for file in directory.iterdir())
        print("%-24s %s %4d cases %7d bytes" % (kind.__name__, reference, len(cases), size))


if __name__ == "__main__":
    main()
