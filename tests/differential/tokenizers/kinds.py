"""The tokenizers that are compared: (name, base, patch) for each.

`base` is a folder of tests/data/tokenizers or None; `patch` is an RFC 7396 merge patch over its tokenizer.json (with no
base it is the whole document). Together they hold every component and flag that we support.
"""
import itertools

BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
PIECES = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(pattern, behavior, invert=False, literal=False):
    return {"type": "Split", "pattern": {"String" if literal else "Regex": pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def decoders(*steps):
    return {"type": "Sequence", "decoders": list(steps)}


def normalizers(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def replace(pattern, content, regex=False):
    return {"type": "Replace", "pattern": {"Regex" if regex else "String": pattern}, "content": content}


def token(content, **flags):
    entry = {"id": 0, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    entry.update(flags)
    return entry


def pre_tokenizers():
    for behavior, invert in itertools.product(BEHAVIORS, (False, True)):
        yield "split_%s_%s" % (behavior, invert), split(PIECES, behavior, invert)
        yield "split_gap_%s_%s" % (behavior, invert), split(r"\p{N}+|\s+", behavior, invert)
        yield "split_text_%s_%s" % (behavior, invert), split("a", behavior, invert, literal=True)
    for behavior in BEHAVIORS:
        yield "punctuation_%s" % behavior, {"type": "Punctuation", "behavior": behavior}
    yield "punctuation", {"type": "Punctuation"}
    yield "split_lookahead", split(r"(?=\p{Lu})|\s", "MergedWithPrevious")
    yield "split_empty", split(r"x*", "Isolated")
    yield "digits_each", {"type": "Digits", "individual_digits": True}
    yield "digits_runs", {"type": "Digits", "individual_digits": False}
    yield "whitespace", {"type": "Whitespace"}
    yield "whitespace_split", {"type": "WhitespaceSplit"}
    yield "bert", {"type": "BertPreTokenizer"}
    yield "delimiter", {"type": "CharDelimiterSplit", "delimiter": "e"}
    yield "fixed_length", {"type": "FixedLength", "length": 3}
    yield "empty_sequence", sequence()
    yield "nested", sequence(sequence({"type": "WhitespaceSplit"}, {"type": "Punctuation"}), {"type": "Digits", "individual_digits": True})
    yield "falcon", sequence({"type": "Punctuation", "behavior": "Contiguous"}, dict(BYTE_LEVEL, use_regex=True),
                             {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]", "Isolated"))
    yield "starcoder", sequence({"type": "Digits", "individual_digits": True}, dict(BYTE_LEVEL, use_regex=True))
    yield "byte_level_prefix", dict(BYTE_LEVEL, add_prefix_space=True, use_regex=True)
    yield "byte_level_prefix_whole", dict(BYTE_LEVEL, add_prefix_space=True)
    yield "byte_level_prefix_pieces", sequence({"type": "WhitespaceSplit"}, dict(BYTE_LEVEL, add_prefix_space=True, use_regex=True))
    yield "byte_level_twice", sequence(dict(BYTE_LEVEL, use_regex=True), BYTE_LEVEL)
    yield "byte_level_then_split", sequence(BYTE_LEVEL, split("\u0120", "MergedWithNext", literal=True))


def metaspaces():
    for scheme, cut in itertools.product(("always", "first", "never"), (True, False)):
        yield "metaspace_%s_%s" % (scheme, cut), {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": cut}
    yield "metaspace_old", {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}
    yield "metaspace_old_str_rep", {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}
    yield "metaspace_old_never", {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": False, "prepend_scheme": "never"}
    yield "metaspace_first_pieces", sequence({"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"})
    yield "metaspace_always_pieces", sequence({"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"})
    yield "metaspace_underscore", {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True}


def flagged_tokens(**fixed):
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    for index, values in enumerate(itertools.product((False, True), repeat=5)):
        yield token("<%s%d>" % ("abTk"[index % 4], index), **dict(zip(flags, values), **fixed))


OVERLAPS = [token("<x>"), token("<x><y>"), token("<y><z><w>"), token("<y>", special=True), token("ab", single_word=True), token("abc"),
            token("bcd", normalized=True), token("Hello", normalized=True), token(" wide ", lstrip=True, rstrip=True),
            token("the", single_word=True, normalized=True), token("\u4f60\u597d", rstrip=True), token("  "), token("    "), token("\n\n"),
            token("\u00e9", normalized=True), token("e\u0301"), token("of", lstrip=True, single_word=True)]
BYTE_FALLBACK, FUSE, BYTE_DECODER = {"type": "ByteFallback"}, {"type": "Fuse"}, dict(BYTE_LEVEL, use_regex=True)
SPACES = replace("\u2581", " ")


def strip(content, start, stop):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


def decoder_chains():
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    yield "none", None
    yield "byte_fallback", BYTE_FALLBACK
    yield "fuse", FUSE
    yield "replace", SPACES
    yield "replace_regex", replace("[aeiou]", "*", regex=True)
    yield "replace_empty", replace("e", "")
    yield "strip_left", strip("\u2581", 1, 0)
    yield "strip_right", decoders(SPACES, BYTE_FALLBACK, FUSE, strip(" ", 0, 2))
    yield "strip_both", decoders(SPACES, FUSE, strip(" ", 2, 1))
    yield "strip_tokens", decoders(SPACES, strip(" ", 1, 0), BYTE_FALLBACK)
    yield "metaspace", metaspace
    yield "metaspace_never", dict(metaspace, prepend_scheme="never")
    yield "metaspace_first", dict(metaspace, prepend_scheme="first")
    yield "metaspace_old", {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}
    yield "metaspace_fallback", decoders(BYTE_FALLBACK, metaspace)
    yield "metaspace_fallback_fuse", decoders(metaspace, BYTE_FALLBACK, FUSE)
    yield "gemma", decoders(SPACES, BYTE_FALLBACK, FUSE)
    yield "fuse_replace", decoders(BYTE_FALLBACK, FUSE, SPACES)
    yield "fuse_replace_strip", decoders(BYTE_FALLBACK, FUSE, SPACES, strip(" ", 1, 0))
    yield "fuse_metaspace", decoders(FUSE, metaspace)
    yield "byte_level_late", decoders(BYTE_FALLBACK, BYTE_DECODER)
    yield "byte_level_replace", decoders(BYTE_DECODER, SPACES)
    yield "byte_level_strip", decoders(BYTE_DECODER, SPACES, strip(" ", 1, 1))
    yield "fallback_twice", decoders(BYTE_FALLBACK, BYTE_FALLBACK, FUSE)
    yield "empty_sequence", decoders()
    yield "nested", decoders(decoders(SPACES), decoders(BYTE_FALLBACK, FUSE), strip(" ", 1, 0))
    yield "wordpiece", {"type": "WordPiece", "prefix": "\u2581", "cleanup": True}
    yield "wordpiece_raw", {"type": "WordPiece", "prefix": "##", "cleanup": False}
    yield "bpe_suffix", {"type": "BPEDecoder", "suffix": "\u2581"}
    yield "ctc", {"type": "CTC", "pad_token": "<unk>", "word_delimiter_token": "\u2581", "cleanup": True}


def affix_model(prefix, suffix, **options):
    """Small words in characters, with a prefix for what continues a word and a suffix for what ends it."""
    letters = "abcdehlort"
    vocab = {}

    def add(text):
        return vocab.setdefault(text, len(vocab))
    add("<unk>")
    for letter in letters:
        for before, after in itertools.product(("", prefix), ("", suffix)):
            add(before + letter + after)
    merges = []
    for left, right in (("t", "h"), ("th", "e"), ("h", "e"), ("e", "r"), ("l", "l"), ("a", "b"), ("c", "d"), ("ab", "cd")):
        for before, after in itertools.product(("", prefix), ("", suffix)):
            pair = (before + left, prefix + right + after)
            if pair[0] in vocab and pair[1] in vocab and list(pair) not in merges:
                merges.append(list(pair))
                add(before + left + right + after)
    model = {"type": "BPE", "unk_token": "<unk>", "vocab": vocab, "merges": merges}
    if prefix:
        model["continuing_subword_prefix"] = prefix
    if suffix:
        model["end_of_word_suffix"] = suffix
    model.update(options)
    return {"added_tokens": [], "model": model, "pre_tokenizer": {"type": "WhitespaceSplit"},
            "decoder": {"type": "BPEDecoder", "suffix": suffix} if suffix else {"type": "WordPiece", "prefix": prefix or "##", "cleanup": True}}


def models():
    letters = {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "c": 9, "\u4f60": 12, "abc": 20, "<0xE5>": 21, "<0xA5>": 22, "<0xBD>": 23, "'": 24, " ": 25}
    merges = [["a", "b"], ["ab", "c"]]

    def model(**options):
        chosen = {"type": "BPE", "vocab": letters, "merges": merges}
        chosen.update(options)
        return {"added_tokens": [token("<add>"), token("c", special=True)], "model": chosen}
    yield "gaps_added", dict(model(unk_token="<unk>"), added_tokens=[token("one"), token("abc"), token("two", special=True), token("three")])
    yield "no_unk", model()
    yield "unk", model(unk_token="<unk>")
    yield "unk_fused", model(unk_token="<unk>", fuse_unk=True)
    yield "some_bytes", model(unk_token="<unk>", byte_fallback=True)
    yield "some_bytes_fused", model(unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    yield "some_bytes_no_unk", model(byte_fallback=True)
    yield "unk_missing", model(unk_token="<none>")
    yield "strings", model(merges=["a b", "ab c"], dropout=None)
    yield "dropout_zero", model(dropout=0.0)
    yield "whole_words", dict(model(ignore_merges=True, unk_token="<unk>"), pre_tokenizer={"type": "WhitespaceSplit"})
    yield "repeated_merge", model(merges=[["a", "b"], ["ab", "c"], ["a", "b"]])
    yield "untyped", {"model": {"vocab": letters, "merges": ["a b"]}}
    yield "no_merges", model(merges=[])
    yield "empty", {"model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": [token("a"), token("b", special=True)]}
    yield "prefix", affix_model("##", "")
    yield "suffix", affix_model("", "</w>")
    yield "prefix_suffix", affix_model("##", "</w>")
    yield "suffix_fused", affix_model("", "</w>", fuse_unk=True)
    yield "suffix_whole", affix_model("", "</w>", ignore_merges=True)


def post_processors():
    def special(name, *ids):
        return {name: {"id": name, "ids": list(ids), "tokens": [name] * len(ids)}}
    sequence_a = {"Sequence": {"id": "A", "type_id": 0}}

    def template(*single, **specials):
        return {"type": "TemplateProcessing", "single": list(single), "pair": [sequence_a, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": specials}

    def mark(name):
        return {"SpecialToken": {"id": name, "type_id": 0}}
    both = dict(special("[A]", 5), **special("[B]", 6, 7))
    yield "template", template(mark("[A]"), sequence_a, mark("[B]"), **both)
    yield "template_many", template(mark("[A]"), mark("[B]"), sequence_a, mark("[B]"), mark("[A]"), **both)
    yield "template_plain", template(sequence_a)
    yield "byte_level", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    yield "bert", {"type": "BertProcessing", "sep": ["[SEP]", 8], "cls": ["[CLS]", 9]}
    yield "roberta", {"type": "RobertaProcessing", "sep": ["</s>", 8], "cls": ["<s>", 9], "trim_offsets": True, "add_prefix_space": True}
    yield "sequence", {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                                                         template(mark("[A]"), sequence_a, mark("[B]"), **both)]}
    yield "sequence_twice", {"type": "Sequence", "processors": [template(mark("[A]"), sequence_a, **both), template(mark("[B]"), sequence_a, mark("[A]"), **both)]}
    yield "sequence_empty", {"type": "Sequence", "processors": []}


def normalizer_chains():
    for form in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"):
        yield form.lower(), {"type": form}
    yield "strip", {"type": "Strip", "strip_left": True, "strip_right": True}
    yield "strip_right", {"type": "Strip", "strip_left": False, "strip_right": True}
    yield "prepend", {"type": "Prepend", "prepend": "\u2581"}
    yield "replace", replace(" ", "\u2581")
    yield "replace_regex", replace(r"\s+", " ", regex=True)
    yield "replace_blanks", normalizers(replace(" {2,}", "\u2581", regex=True), replace("''", '"'), replace("``", '"'))
    yield "bert_like", normalizers({"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"})
    yield "strip_prepend", normalizers({"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Prepend", "prepend": "\u2581"})
    yield "empty", normalizers()


def constructed():
    """Yields (name, base, patch)."""
    for name, step in pre_tokenizers():
        yield "pre_" + name, "qwen", {"normalizer": None, "pre_tokenizer": step if "yteLevel" in str(step) else sequence(step, BYTE_LEVEL)}
        if "yteLevel" not in str(step):
            yield "pre_chars_" + name, "sp_bpe", {"normalizer": None, "pre_tokenizer": step}
    for name, step in metaspaces():
        yield name, "sp_metaspace", {"pre_tokenizer": step}
    yield "metaspace_after_strip", "sp_metaspace", {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}}
    yield "metaspace_first_flags", "sp_metaspace", {"added_tokens": list(flagged_tokens()) + OVERLAPS}
    for name, step in decoder_chains():
        yield "decode_" + name, "sp_bpe", {"decoder": step}
    yield "decode_bytes_none", "qwen", {"decoder": None}
    yield "decode_bytes_strip", "qwen", {"decoder": decoders(BYTE_DECODER, strip(" ", 1, 1))}
    for name, step in normalizer_chains():
        yield "normal_" + name, "qwen", {"normalizer": step, "added_tokens": OVERLAPS}
    for name, step in post_processors():
        yield "post_" + name, "qwen", {"post_processor": step}
    for name, document in models():
        yield "model_" + name, None, document
    for base in ("qwen", "sp_bpe", "sp_metaspace", "llama3"):
        yield "flags_%s" % base, base, {"added_tokens": list(flagged_tokens())}
        yield "overlaps_%s" % base, base, {"added_tokens": OVERLAPS}
        yield "repeated_%s" % base, base, {"added_tokens": [
            token("<r>"), token("<r>"), token("<q>", special=True), token("<q>", lstrip=True), token("<p>"), token("<p>", special=True, rstrip=True),
            token("The", normalized=True), token("The"), token("", special=True), token("a"), token("a", special=True, normalized=True)]}
    yield "many_added", "qwen", {"added_tokens": [token("<|reserved_%d|>" % i, special=i % 2 == 0) for i in range(300)] + [
        token(" " * i, normalized=True) for i in range(2, 24)] + [token("\n" * i) for i in range(2, 12)]}
    yield "flags_lowercase", "qwen", {"normalizer": {"type": "Lowercase"}, "added_tokens": list(flagged_tokens())}
    yield "flags_special", "qwen", {"added_tokens": list(flagged_tokens(special=True))}
    yield "sp_ignore_merges", "sp_bpe", {"model": {"ignore_merges": True}}
    yield "sp_unk_each", "sp_bpe", {"model": {"byte_fallback": False, "fuse_unk": False}}
    yield "sp_unk_fused", "sp_bpe", {"model": {"byte_fallback": False, "fuse_unk": True}}
    yield "qwen_ignore_merges", "qwen", {"model": {"ignore_merges": True}}


def merge_patch(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
