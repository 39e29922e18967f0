"""Training text as batches of a fixed shape. Batch i of a seed is always the same, so a run can go on where it stopped."""
import random

import numpy
import torch

from corpus.mixture import conversation
from corpus.rendering import render

# (rows, tokens of a row): short conversations are what people have; long ones teach to look far back.
GROUPS = [(56, 64), (28, 128), (10, 256), (1, 1024)]
SMOKE_GROUPS = [(2, 64), (1, 128)]
CHARACTERS_PER_TOKEN = 1.3  # fewer than any of our conversations has: what is cut off had no room


def encode(tokenizer, conversations):
    """Token ids and, for each, whether the assistant says it: one (ids, said) a conversation."""
    pieces = [render(messages, tools) for messages, tools in conversations]
    flat = [text for some in pieces for text, _ in some]
    encoded = iter(tokenizer.encode_batch(flat, add_special_tokens=False))
    found = []
    for some in pieces:
        ids, said = [], []
        for _, is_reply in some:
            piece = next(encoded).ids
            ids += piece
            said += [is_reply] * len(piece)
        found.append((ids, said))
    return found


def _row(tokenizer, rng, length):
    """A conversation of at most `length` + 1 tokens, about as long."""
    def fits(messages, tools):
        characters = sum(len(message["content"]) + 12 for message in messages) + sum(60 for _ in tools or ())
        if characters <= CHARACTERS_PER_TOKEN * length:
            return True
        if characters > 5 * length:
            return False
        (ids, _), = encode(tokenizer, [(messages, tools)])
        return len(ids) <= length + 1
    while True:
        messages, tools = conversation(rng, fits)
        if messages and messages[-1]["role"] == "assistant":
            (ids, said), = encode(tokenizer, [(messages, tools)])
            return ids[:length + 1], said[:length + 1]


def batch(tokenizer, seed, index, groups):
    """Inputs, targets and weights (0 of padding), flat: the groups one after the other, rows one after the other."""
    rng = random.Random(f"batch {seed} {index}")
    inputs, targets, weights = [], [], []
    for rows, length in groups:
        for _ in range(rows):
            ids, said = _row(tokenizer, rng, length)
            rest = length + 1 - len(ids)
            row = numpy.array(ids + [0] * rest)
            # Prompts are learnt too, weakly: perplexity over them means something, and they teach what text looks like.
            weight = numpy.array([1.0 if it else 0.1 for it in said] + [0.0] * rest, dtype=numpy.float32)
            inputs.append(row[:-1])
            targets.append(row[1:])
            weights.append(weight[1:])
    return tuple(torch.from_numpy(numpy.concatenate(some)) for some in (inputs, targets, weights))
