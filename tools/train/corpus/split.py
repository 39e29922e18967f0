"""Which operands and phrasings are held out: never in the training text, kept to measure with.

`held_out(kind, *operands)` says of one in 16 operands of a kind (a word, a name, a pair of numbers) that they are: a
pure function, so training text and held-out tasks can be made apart and still never meet. Every family besides has
phrasings that training never uses. A held-out task has both: operands of the held-out side (where its answer is no
fact) and an unseen phrasing.
"""
import hashlib

from . import phrasing

OPERAND_SHARE = 16


def held_out(kind, *operands):
    text = "\x1f".join((kind, *map(str, operands)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") % OPERAND_SHARE == 0


class Draw:
    """A seeded source of operands and phrasings of one side of the split."""

    def __init__(self, rng, held):
        self.rng = rng
        self.held = held

    def operand(self, kind, make):
        """An operand (a tuple or a scalar) from `make()` that lies on this side."""
        while True:
            operand = make()
            parts = operand if isinstance(operand, tuple) else (operand,)
            if held_out(kind, *parts) == self.held:
                return operand

    def phrase(self, trained, unseen):
        return self.rng.choice(unseen) if self.held else phrasing.choose(self.rng, trained, unseen)
