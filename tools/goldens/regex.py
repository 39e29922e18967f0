#!/usr/bin/env python3
"""Writes tests/data/unicode/regex_cases.json: random small patterns and texts, and what Python's `tokenizers` matches.

Usage: python3 tools/goldens/regex.py    (needs tokenizers==0.23.3; run from the root of the repository)
       python3 tools/goldens/regex.py --seed 7 --count 5000 --output FILE    (other cases, for a longer comparison)

A case is [pattern, text, text with every match replaced by "<>"], or [pattern, null] for a pattern that is refused.
"""
import argparse
import json
import pathlib
import random

import tokenizers
from tokenizers import Regex, normalizers

FOLDER = pathlib.Path("tests/data/unicode")

# Characters where Unicode versions, foldings, bytes and classes of characters differ.
CHARACTERS = list("aAbBsSkKzZ019 \t\n\r_-'.,!") + list(
    "\u00df\u1e9e\u017f\u212a\u00e9\u00c9e\u0144\u0274\u00d1\u0130\u0131iI\u00b5\u039c\u03bc\u03c3\u03c2\u03a3\u01c5"
    "\u01c6\u01c4\ufb01\ufb00\ufb06\u0149\u1f56\u1fb3\u1fbc\u0434\u0414\u0410\u05d0\u05d1\u0639\u4e2d\u6587\u5b57\u3042"
    "\u30a2\ud55c\uae00\u3131\u0661\u00b2\u2167\u00bd\u2460\u0301\u0308\u0327\u200d\u200c\u00a0\u1680\u2028\u180e\u3000"
    "\U0001f600\U0001f469\U0001f1e6\U0001f1e7\u0e01\u0e31\u0e33\ua7da\ua7db\U00010d50\U00010d70\u1c89\u1c8a\U0001e6c0"
    "\ufb05\u1160\u11a8\u1100\uac00\uac01\u0600\u0903\ufdfa")
LITERALS = list("abskABSK01 '-_") + list("\u00df\u017f\u00e9\u03c3\u03a3\u0434\u0414\u4e2d\u3042\ufb01")
PROPERTIES = """L Lu Ll Lt Lm Lo M Mn N Nd Nl No P Po S Sc Z Zs C Cc Cn Han Hiragana Katakana Hangul Latin Cyrillic Greek
Thai Arabic Alphabetic Uppercase Lowercase White_Space Emoji Extended_Pictographic Alnum Alpha Blank Punct Space Word
Graph Print ASCII Any Upper Lower XDigit Digit ID_Start""".split()
POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word".split()
CLASSES = r"\s \S \w \W \d \D \h \H".split()
ASSERTIONS = r"^ $ \A \z \Z \b \B \G".split()
LOOK_BEHINDS = [r"\w\w", "[ab]|cc", "(?:a|bc)d?", r"\s|^", "a?b", "a{1,3}", "(?i:ss)", "\u00df", r"\p{L}\p{N}", "ab|c"]
GROUPS = ["(?:%s)", "(%s)", "(?>%s)", "(?i:%s)", "(?i:%s)", "(?m:%s)", "(?x: %s )", "(?<n>%s)", "(?i)%s", "(?-i:%s)",
          "(?W:%s)", "(?P:%s)"]
QUANTIFIERS = """* + ? *? +? ?? *+ ++ ?+ {2} {1,3} {,2} {2,} {1,3}? {1,3}+ {2}? {2}+ {3,1} ** +* +?* ?* *?* +?? ??+ ?+?
{,2}? {0} {0,1} {""".split()


class Writer:
    """Random patterns: most of what the syntax has, nested three deep."""

    def __init__(self, rng, published):
        self.rng = rng
        self.published = published

    def property(self):
        form = self.rng.choice([r"\p{%s}"] * 7 + [r"\P{%s}", r"\p{^%s}"])
        return form % self.rng.choice(PROPERTIES)

    def character_class(self, depth=0):
        rng = self.rng
        out = "[" + rng.choice(["", "", "^"])
        for _ in range(rng.randint(1, 4)):
            kind = rng.random()
            if kind < 0.3:
                out += rng.choice(LITERALS).replace("-", "\\-")
            elif kind < 0.42:
                out += rng.choice(["a-z", "A-Z", "0-9", "a-s", "\u4e00-\u9fa5", "\u3041-\u3093", "\u0430-\u044f",
                                   r"\x{41}-\x{5a}", r"\u0391-\u03a9"])
            elif kind < 0.62:
                out += self.property()
            elif kind < 0.74:
                out += rng.choice(CLASSES + [r"\n", r"\r", r"\t", r"\]", r"\^", r"\x41", r"\101"])
            elif kind < 0.84:
                out += "[:%s%s:]" % (rng.choice(["", "^"]), rng.choice(POSIX))
            elif kind < 0.92 and depth < 2:
                out += self.character_class(depth + 1)
            elif kind < 0.97 and not out.endswith(("[", "^")):
                out += "&&" + (self.character_class(depth + 1) if depth < 2 else "a-z")
            else:
                out += rng.choice(["-", ".", "*", "+", "?", "(", ")", "{", "|", "$"])
        return out + "]"

    def assertion(self, depth):
        form = self.rng.choice(ASSERTIONS + ["(?=%s)", "(?!%s)", "(?<=%s)", "(?<!%s)", r"\K"])
        if "%s" not in form:
            return form if form != r"\K" or depth == 0 else ""
        if "<" in form:
            return form % self.rng.choice(LOOK_BEHINDS + [self.character_class(), self.property()])
        return form % self.alternation(depth + 1)

    def atom(self, depth):
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            return "".join(rng.choice(LITERALS) for _ in range(rng.randint(1, 3)))
        if kind < 0.45:
            return self.character_class()
        if kind < 0.58:
            return self.property()
        if kind < 0.7:
            return rng.choice(CLASSES + [".", r"\R", r"\X", r"\N", r"\O", r"\r\n", r"\x{df}", r"\u00e9", r"\xc3\x9f",
                                         r"\0", r"\t"])
        if kind < 0.78:
            return self.assertion(depth)
        return rng.choice(GROUPS) % self.alternation(depth + 1) if depth < 3 else rng.choice("abs")

    def branch(self, depth):
        return "".join(self.atom(depth) + (self.rng.choice(QUANTIFIERS) if self.rng.random() < 0.45 else "")
                       for _ in range(self.rng.randint(1, 3)))

    def alternation(self, depth=0):
        return "|".join(self.branch(depth) for _ in range(self.rng.choice([1, 1, 1, 2, 2, 3])))

    def pattern(self):
        return self.rng.choice(self.published) if self.rng.random() < 0.08 else self.alternation()

    def text(self, pattern):
        pool = CHARACTERS + list(pattern)
        return "".join(self.rng.choice(pool) * self.rng.choice([1, 1, 1, 1, 2, 3])
                       for _ in range(self.rng.randint(1, 14)))


def answer(pattern, text):
    """The text with its matches replaced, or None for a refused pattern. Panics (a search that explodes) pass by."""
    try:
        regex = Regex(pattern)
    except Exception:
        return [pattern, None]
    try:
        return [pattern, text, normalizers.Replace(regex, "<>").normalize_str(text)]
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--output", default=str(FOLDER / "regex_cases.json"))
    args = parser.parse_args()
    assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
    published = json.loads((FOLDER / "published_patterns.json").read_text())
    writer = Writer(random.Random(args.seed), published)
    cases = []
    for _ in range(args.count):
        pattern = writer.pattern()
        for _ in range(2):
            case = answer(pattern, writer.text(pattern))
            if case is not None:
                cases.append(case)
            if case is None or case[1] is None:
                break
    pathlib.Path(args.output).write_text("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
