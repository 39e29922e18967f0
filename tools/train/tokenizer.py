"""The tokenizer of the embedded model: byte-level BPE over the training text, digits one by one.

A space is a token of its own, so a word is the same tokens wherever it stands. With the usual cut, which joins a space to
the word behind it, a word that a reply begins with has other tokens than in the question, and a small model has to learn
for each of them that both are one (docs/training.md has what that cost). A hyphen joins a single
letter behind it, so that spelt words are a token a letter.
"""
import itertools
import random

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from corpus.mixture import conversation
from corpus.rendering import MARKS, SPECIAL, render

PATTERN = r"-\p{L}(?!\p{L})|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+|[\r\n]+|\s"
SAMPLE = 40000  # conversations
SAMPLE_CHARACTERS = 400
# Every letter behind a hyphen becomes one token, rare ones too.
LETTERS = ["".join(f"-{letter}" for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] * 4000


def make(vocabulary, seed):
    rng = random.Random(f"tokenizer {seed}")
    texts = ("".join(text for text, _ in render(*conversation(
        rng, lambda messages, tools: sum(len(message["content"]) for message in messages) < SAMPLE_CHARACTERS)))
        for _ in range(SAMPLE))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(itertools.chain(LETTERS, texts), trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL + MARKS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2, show_progress=False))
    return unmark(tokenizer)


def unmark(tokenizer):
    """The same tokenizer with MARKS whole tokens but not special: decoding shows them."""
    import json
    stated = json.loads(tokenizer.to_str())
    for token in stated["added_tokens"]:
        token["special"] = token["content"] in SPECIAL
    return Tokenizer.from_str(json.dumps(stated))
