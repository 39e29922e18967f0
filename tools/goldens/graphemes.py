"""Writes server/text/tokenizer/grapheme_break_table.inc: the classes of Unicode 17 for grapheme cluster boundaries.

tokenizers 0.23.3 cuts clusters with the tables of Unicode 17; so does the Python module `regex` 2025.11.3, which is asked
here (pip install regex==2025.11.3). That the two agree was seen by sweeping every scalar value through
normalizers.Precompiled: tools/goldens/tokenizers.py, kind `graphemes`, repeats a part of it.
"""

import pathlib

import regex

GCB = ["CR", "LF", "Control", "Extend", "ZWJ", "RI", "Prepend", "SpacingMark", "L", "V", "T", "LV", "LVT"]
NAMES = {
    "CR": "kCarriageReturn", "LF": "kLineFeed", "Control": "kControl", "Extend": "kExtend", "ZWJ": "kZeroWidthJoiner",
    "RI": "kRegionalIndicator", "Prepend": "kPrepend", "SpacingMark": "kSpacingMark", "L": "kHangulL", "V": "kHangulV",
    "T": "kHangulT", "Pictographic": "kPictographic", "Consonant": "kConsonant", "Linker": "kLinker",
    "NonJoiner": "kNonJoiner",
}  # fmt: skip


def classes():
    found = {}
    scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for name in GCB:
        pattern = regex.compile(r"\p{GCB=%s}" % name)
        found.update({c: name for c in scalars if pattern.match(chr(c))})
    for prop, name, base in [
        ("Extended_Pictographic", "Pictographic", None),
        ("InCB=Consonant", "Consonant", None),
        ("InCB=Linker", "Linker", "Extend"),
    ]:
        pattern = regex.compile(r"\p{%s}" % prop)
        for c in scalars:
            if pattern.match(chr(c)):
                assert found.get(c) == base, (hex(c), name, found.get(c))
                found[c] = name
    extend = regex.compile(r"\p{InCB=Extend}")
    outside = [c for c, name in found.items() if name in ("Extend", "ZWJ") and not extend.match(chr(c))]
    assert outside == [0x200C], outside
    found[0x200C] = "NonJoiner"
    return {c: name for c, name in found.items() if name not in ("LV", "LVT")}  # these two are arithmetic


def ranges(found):
    out = []
    for c in sorted(found):
        if out and out[-1][1] == c - 1 and out[-1][2] == found[c]:
            out[-1][1] = c
        else:
            out.append([c, c, found[c]])
    return out


def main():
    lines = [
        "// Written by tools/goldens/graphemes.py: the Unicode 17 classes of grapheme cluster boundaries, as ranges.",
        "// clang-format off",
    ]
    row = ""
    for first, last, name in ranges(classes()):
        entry = "{0x%X, 0x%X, C::%s}," % (first, last, NAMES[name])
        if len(row) + len(entry) + 1 > 120:
            lines.append(row)
            row = ""
        row += (" " if row else "") + entry
    lines += [row, "// clang-format on", ""]
    root = pathlib.Path(__file__).resolve().parents[2]
    (root / "server/text/tokenizer/grapheme_break_table.inc").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
