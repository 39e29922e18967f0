#!/usr/bin/env python3
"""Writes the Unicode tables of server/text/tokenizer (unicode_*.inc) and the test data of tests/data/unicode.

Everything comes out of Python's `tokenizers`, never out of a Unicode file: each class, mapping and normal form is asked
for every one of the 1,112,064 scalar values. The library has several Unicode versions inside (Oniguruma's for regular
expressions, Rust's std and crates for the rest), so each table belongs to the component that it was asked of.

Usage: python3 tools/goldens/unicode.py [--memo DIR]    (needs tokenizers==0.23.3; run from the root of the repository)
About 20 minutes; with --memo the answers are kept in DIR and a second run takes seconds.
"""
import argparse
import json
import multiprocessing
import pathlib
import pickle
import random
import textwrap
import unicodedata
import zlib

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

VERSION = "0.23.3"
TABLES = pathlib.Path("server/text/tokenizer")
TESTS = pathlib.Path("tests/data/unicode")
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
TEXT = "".join(map(chr, SCALARS))
NEWLINE = "\n"

# The names that Oniguruma knows (doc/UNICODE_PROPERTIES of its sources); aliases find each other by being equal.

PROPERTIES = """
ASCII_Hex_Digit Adlam Ahom Alphabetic Anatolian_Hieroglyphs Any Arabic Armenian Assigned Avestan Balinese Bamum
Bassa_Vah Batak Bengali Bhaiksuki Bidi_Control Bopomofo Brahmi Braille Buginese Buhid C Canadian_Aboriginal Carian
Case_Ignorable Cased Caucasian_Albanian Cc Cf Chakma Cham Changes_When_Casefolded Changes_When_Casemapped
Changes_When_Lowercased Changes_When_Titlecased Changes_When_Uppercased Cherokee Chorasmian Cn Co Common Coptic Cs
Cuneiform Cypriot Cypro_Minoan Cyrillic Dash Default_Ignorable_Code_Point Deprecated Deseret Devanagari Diacritic
Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Emoji Emoji_Component Emoji_Modifier
Emoji_Modifier_Base Emoji_Presentation Ethiopic Extended_Pictographic Extender Garay Georgian Glagolitic Gothic
Grantha Grapheme_Base Grapheme_Extend Grapheme_Link Greek Gujarati Gunjala_Gondi Gurmukhi Gurung_Khema Han Hangul
Hanifi_Rohingya Hanunoo Hatran Hebrew Hex_Digit Hiragana Hyphen IDS_Binary_Operator IDS_Trinary_Operator
IDS_Unary_Operator ID_Compat_Math_Continue ID_Compat_Math_Start ID_Continue ID_Start Ideographic Imperial_Aramaic
Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Join_Control Kaithi Kannada Katakana Kawi Kayah_Li
Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai L LC Lao Latin Lepcha Limbu Linear_A Linear_B Lisu
Ll Lm Lo Logical_Order_Exception Lowercase Lt Lu Lycian Lydian M Mahajani Makasar Malayalam Mandaic Manichaean
Marchen Masaram_Gondi Math Mc Me Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao
Mn Modi Modifier_Combining_Mark Mongolian Mro Multani Myanmar N Nabataean Nag_Mundari Nandinagari Nd New_Tai_Lue
Newa Nko Nl No Noncharacter_Code_Point Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic
Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya P
Pahawh_Hmong Palmyrene Pattern_Syntax Pattern_White_Space Pau_Cin_Hau Pc Pd Pe Pf Phags_Pa Phoenician Pi Po
Prepended_Concatenation_Mark Ps Psalter_Pahlavi Quotation_Mark Radical Regional_Indicator Rejang Runic S Samaritan
Saurashtra Sc Sentence_Terminal Sharada Shavian Siddham SignWriting Sinhala Sk Sm So Soft_Dotted Sogdian
Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil
Tangsa Tangut Telugu Terminal_Punctuation Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic
Unified_Ideograph Unknown Uppercase Vai Variation_Selector Vithkuqi Wancho Warang_Citi White_Space XID_Continue
XID_Start Yezidi Yi Z Zanabazar_Square Zl Zp Zs
""".split()
ALIASES = """
Adlm Aghb AHex Arab Armi Armn Avst Bali Bamu Bass Batk Beng Bhks Bidi_C Bopo Brah Brai Bugi Buhd Cakm Cans Cari
Cased_Letter Cher Chrs CI Close_Punctuation Combining_Mark Connector_Punctuation Control Copt Cpmn Cprt
Currency_Symbol CWCF CWCM CWL CWT CWU Cyrl Dash_Punctuation Decimal_Number Dep Deva DI Dia Diak Dogr Dsrt Dupl EBase
EComp Egyp Elba Elym EMod Enclosing_Mark EPres Ethi Ext ExtPict Final_Punctuation Format Gara Geor Glag Gong Gonm
Goth Gran Gr_Base Grek Gr_Ext Gr_Link Gujr Gukh Guru Hang Hani Hano Hatr Hebr Hex Hira Hluw Hmng Hmnp Hung IDC Ideo
IDS IDSB IDST IDSU Initial_Punctuation Ital Java Join_C Kali Kana Khar Khmr Khoj Kits Knda Krai Kthi Lana Laoo Latn
Lepc Letter Letter_Number Limb Lina Linb Line_Separator LOE Lowercase_Letter Lyci Lydi Mahj Maka Mand Mani Marc Mark
Math_Symbol MCM Medf Mend Merc Mero Mlym Modifier_Letter Modifier_Symbol Mong Mroo Mtei Mult Mymr Nagm Nand Narb
Nbat NChar Nkoo Nonspacing_Mark Nshu Number Ogam Olck Onao Open_Punctuation Orkh Orya Osge Osma Other Other_Letter
Other_Number Other_Punctuation Other_Symbol Ougr Palm Paragraph_Separator Pat_Syn Pat_WS Pauc PCM Perm Phag Phli
Phlp Phnx Plrd Private_Use Prti punct Punctuation Qaac Qaai QMark RI Rjng Rohg Runr Samr Sarb Saur SD Separator Sgnw
Shaw Shrd Sidd Sind Sinh Sogd Sogo Sora Soyo Space_Separator Spacing_Mark STerm Sund Sunu Surrogate Sylo Symbol Syrc
Tagb Takr Tale Talu Taml Tang Tavt Telu Term Tfng Tglg Thaa Tibt Tirh Titlecase_Letter Tnsa Todr Tutg Ugar UIdeo
Unassigned Uppercase_Letter Vaii Vith VS Wara Wcho WSpace XIDC XIDS Xpeo Xsux Yezi Yiii Zanb Zinh Zyyy Zzzz
""".split()
BLOCKS = """
Basic_Latin Latin_1_Supplement Latin_Extended_A Latin_Extended_B IPA_Extensions Spacing_Modifier_Letters
Combining_Diacritical_Marks Greek_and_Coptic Cyrillic Cyrillic_Supplement Armenian Hebrew Arabic Syriac
Arabic_Supplement Thaana NKo Samaritan Mandaic Syriac_Supplement Arabic_Extended_B Arabic_Extended_A Devanagari
Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Georgian Hangul_Jamo
Ethiopic Ethiopic_Supplement Cherokee Unified_Canadian_Aboriginal_Syllabics Ogham Runic Tagalog Hanunoo Buhid
Tagbanwa Khmer Mongolian Unified_Canadian_Aboriginal_Syllabics_Extended Limbu Tai_Le New_Tai_Lue Khmer_Symbols
Buginese Tai_Tham Combining_Diacritical_Marks_Extended Balinese Sundanese Batak Lepcha Ol_Chiki Cyrillic_Extended_C
Georgian_Extended Sundanese_Supplement Vedic_Extensions Phonetic_Extensions Phonetic_Extensions_Supplement
Combining_Diacritical_Marks_Supplement Latin_Extended_Additional Greek_Extended General_Punctuation
Superscripts_and_Subscripts Currency_Symbols Combining_Diacritical_Marks_for_Symbols Letterlike_Symbols Number_Forms
Arrows Mathematical_Operators Miscellaneous_Technical Control_Pictures Optical_Character_Recognition
Enclosed_Alphanumerics Box_Drawing Block_Elements Geometric_Shapes Miscellaneous_Symbols Dingbats
Miscellaneous_Mathematical_Symbols_A Supplemental_Arrows_A Braille_Patterns Supplemental_Arrows_B
Miscellaneous_Mathematical_Symbols_B Supplemental_Mathematical_Operators Miscellaneous_Symbols_and_Arrows Glagolitic
Latin_Extended_C Coptic Georgian_Supplement Tifinagh Ethiopic_Extended Cyrillic_Extended_A Supplemental_Punctuation
CJK_Radicals_Supplement Kangxi_Radicals Ideographic_Description_Characters CJK_Symbols_and_Punctuation Hiragana
Katakana Bopomofo Hangul_Compatibility_Jamo Kanbun Bopomofo_Extended CJK_Strokes Katakana_Phonetic_Extensions
Enclosed_CJK_Letters_and_Months CJK_Compatibility CJK_Unified_Ideographs_Extension_A Yijing_Hexagram_Symbols
CJK_Unified_Ideographs Yi_Syllables Yi_Radicals Lisu Vai Cyrillic_Extended_B Bamum Modifier_Tone_Letters
Latin_Extended_D Syloti_Nagri Common_Indic_Number_Forms Phags_pa Saurashtra Devanagari_Extended Kayah_Li Rejang
Hangul_Jamo_Extended_A Javanese Myanmar_Extended_B Cham Myanmar_Extended_A Tai_Viet Meetei_Mayek_Extensions
Ethiopic_Extended_A Latin_Extended_E Cherokee_Supplement Meetei_Mayek Hangul_Syllables Hangul_Jamo_Extended_B
High_Surrogates High_Private_Use_Surrogates Low_Surrogates Private_Use_Area CJK_Compatibility_Ideographs
Alphabetic_Presentation_Forms Arabic_Presentation_Forms_A Variation_Selectors Vertical_Forms Combining_Half_Marks
CJK_Compatibility_Forms Small_Form_Variants Arabic_Presentation_Forms_B Halfwidth_and_Fullwidth_Forms Specials
Linear_B_Syllabary Linear_B_Ideograms Aegean_Numbers Ancient_Greek_Numbers Ancient_Symbols Phaistos_Disc Lycian
Carian Coptic_Epact_Numbers Old_Italic Gothic Old_Permic Ugaritic Old_Persian Deseret Shavian Osmanya Osage Elbasan
Caucasian_Albanian Vithkuqi Todhri Linear_A Latin_Extended_F Cypriot_Syllabary Imperial_Aramaic Palmyrene Nabataean
Hatran Phoenician Lydian Meroitic_Hieroglyphs Meroitic_Cursive Kharoshthi Old_South_Arabian Old_North_Arabian
Manichaean Avestan Inscriptional_Parthian Inscriptional_Pahlavi Psalter_Pahlavi Old_Turkic Old_Hungarian
Hanifi_Rohingya Garay Rumi_Numeral_Symbols Yezidi Arabic_Extended_C Old_Sogdian Sogdian Old_Uyghur Chorasmian
Elymaic Brahmi Kaithi Sora_Sompeng Chakma Mahajani Sharada Sinhala_Archaic_Numbers Khojki Multani Khudawadi Grantha
Tulu_Tigalari Newa Tirhuta Siddham Modi Mongolian_Supplement Takri Myanmar_Extended_C Ahom Dogra Warang_Citi
Dives_Akuru Nandinagari Zanabazar_Square Soyombo Unified_Canadian_Aboriginal_Syllabics_Extended_A Pau_Cin_Hau
Devanagari_Extended_A Sunuwar Bhaiksuki Marchen Masaram_Gondi Gunjala_Gondi Makasar Kawi Lisu_Supplement
Tamil_Supplement Cuneiform Cuneiform_Numbers_and_Punctuation Early_Dynastic_Cuneiform Cypro_Minoan
Egyptian_Hieroglyphs Egyptian_Hieroglyph_Format_Controls Egyptian_Hieroglyphs_Extended_A Anatolian_Hieroglyphs
Gurung_Khema Bamum_Supplement Mro Tangsa Bassa_Vah Pahawh_Hmong Kirat_Rai Medefaidrin Miao
Ideographic_Symbols_and_Punctuation Tangut Tangut_Components Khitan_Small_Script Tangut_Supplement Kana_Extended_B
Kana_Supplement Kana_Extended_A Small_Kana_Extension Nushu Duployan Shorthand_Format_Controls
Symbols_for_Legacy_Computing_Supplement Znamenny_Musical_Notation Byzantine_Musical_Symbols Musical_Symbols
Ancient_Greek_Musical_Notation Kaktovik_Numerals Mayan_Numerals Tai_Xuan_Jing_Symbols Counting_Rod_Numerals
Mathematical_Alphanumeric_Symbols Sutton_SignWriting Latin_Extended_G Glagolitic_Supplement Cyrillic_Extended_D
Nyiakeng_Puachue_Hmong Toto Wancho Nag_Mundari Ol_Onal Ethiopic_Extended_B Mende_Kikakui Adlam Indic_Siyaq_Numbers
Ottoman_Siyaq_Numbers Arabic_Mathematical_Alphabetic_Symbols Mahjong_Tiles Domino_Tiles Playing_Cards
Enclosed_Alphanumeric_Supplement Enclosed_Ideographic_Supplement Miscellaneous_Symbols_and_Pictographs Emoticons
Ornamental_Dingbats Transport_and_Map_Symbols Alchemical_Symbols Geometric_Shapes_Extended Supplemental_Arrows_C
Supplemental_Symbols_and_Pictographs Chess_Symbols Symbols_and_Pictographs_Extended_A Symbols_for_Legacy_Computing
CJK_Unified_Ideographs_Extension_B CJK_Unified_Ideographs_Extension_C CJK_Unified_Ideographs_Extension_D
CJK_Unified_Ideographs_Extension_E CJK_Unified_Ideographs_Extension_F CJK_Unified_Ideographs_Extension_I
CJK_Compatibility_Ideographs_Supplement CJK_Unified_Ideographs_Extension_G CJK_Unified_Ideographs_Extension_H Tags
Variation_Selectors_Supplement Supplementary_Private_Use_Area_A Supplementary_Private_Use_Area_B No_Block
""".split()

CATEGORIES = "Cc Cf Cn Co Cs Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl Zp Zs".split()
BLOCK_NAMES = {name.lower().replace("_", "") for name in BLOCKS}
POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word".split()


# --- asking -----------------------------------------------------------------------------------------------------------

def gaps(text, pieces):
    """The stretches of text that are in none of the pieces, as index pairs."""
    found, position = [], 0
    for _, (begin, end) in pieces:
        if position < begin:
            found.append((position, begin))
        position = end
    if position < len(text):
        found.append((position, len(text)))
    return found


def as_code_points(runs):
    """Index runs over SCALARS -> [first, last] ranges. A run across the surrogates holds them: no text has any."""
    return [(SCALARS[begin], SCALARS[end - 1]) for begin, end in runs]


def removed_by(pre_tokenizer):
    return as_code_points(gaps(TEXT, pre_tokenizer.pre_tokenize_str(TEXT)))


def matched_by(pattern):
    return removed_by(pre_tokenizers.Split(Regex("(?:%s)+" % pattern), "removed"))


def resolved_aliases(sets):
    """Each alias -> the swept property that agrees with it on every character where any property changes."""
    edges = {edge for ranges in sets.values() for first, last in ranges for edge in (first - 1, first, last, last + 1)}
    sample = [c for c in sorted(edges) if 0 <= c < 0x110000 and not 0xD800 <= c < 0xE000]
    text = "".join(map(chr, sample))
    known = {frozenset(c for c in sample if c in inside): name
             for name, inside in ((name, members(ranges)) for name, ranges in sets.items())}
    aliases = {}
    for name in ALIASES:
        runs = gaps(text, pre_tokenizers.Split(Regex(r"\p{%s}+" % name), "removed").pre_tokenize_str(text))
        aliases[name] = known[frozenset(sample[i] for begin, end in runs for i in range(begin, end))]
    return aliases


def block_of(name):
    """Blocks begin and end at multiples of 16."""
    text = TEXT[::16]
    runs = gaps(text, pre_tokenizers.Split(Regex(r"\p{In_%s}+" % name), "removed").pre_tokenize_str(text))
    return [(SCALARS[16 * begin], SCALARS[16 * end - 1]) for begin, end in runs]


def of_rust(name):
    """The classes of Rust's standard library and crates."""
    return {"space": lambda: removed_by(pre_tokenizers.WhitespaceSplit()),
            "numeric": lambda: parted_by(pre_tokenizers.Digits(individual_digits=True)),
            "punctuation": lambda: removed_by(pre_tokenizers.Punctuation("removed")),
            "mark": lambda: ranges_of(sorted(changes_by("StripAccents"))),
            "word": kept_by_words, "added word": joined_by_added_tokens,
            "left": lambda: stripped_by("left"), "right": lambda: stripped_by("right")}[name]()


def kept_by_words():
    """\\w of Rust's regex crate, by the pre-tokenizer Whitespace: a word character does not part two letters."""
    words, whitespace = [], pre_tokenizers.Whitespace()
    for begin in range(0, len(SCALARS), 65536):
        chunk = SCALARS[begin:begin + 65536]
        text = "a" + "a".join(map(chr, chunk)) + "a"
        for _, (first, last) in whitespace.pre_tokenize_str(text):
            # Only stretches with letters inside are words; between them stand single other characters.
            if text[first] == "a" and last - first > 1:
                words += [chunk[i // 2] for i in range(first + 1, last, 2)]
    return ranges_of(words)


def joined_by_added_tokens():
    """\\w around a single_word token: c + "[T]" is found only when c is no word character."""
    tokenizer = Tokenizer(models.WordLevel({"[U]": 0}, unk_token="[U]"))
    tokenizer.add_tokens([AddedToken("[T]", single_word=True, normalized=False)])
    words = []
    for begin in range(0, len(SCALARS), 65536):
        chunk = SCALARS[begin:begin + 65536]
        text = "".join(chr(c) + "[T] " for c in chunk)
        found = {first for first, last in tokenizer.encode(text).offsets if text[first:last] == "[T]"}
        words += [c for i, c in enumerate(chunk) if 5 * i + 1 not in found]
    return ranges_of(words)


def parted_by(pre_tokenizer):
    """The characters that a pre-tokenizer cuts off from a letter before them."""
    parted = []
    for begin in range(0, len(SCALARS), 65536):
        chunk = SCALARS[begin:begin + 65536]
        cuts = {first for _, (first, _) in pre_tokenizer.pre_tokenize_str("".join("x" + chr(c) for c in chunk))}
        parted += [c for i, c in enumerate(chunk) if 2 * i + 1 in cuts]
    return ranges_of(parted)


def ranges_of(code_points):
    ranges = []
    for c in code_points:
        if ranges and (ranges[-1][1] + 1 == c or (ranges[-1][1], c) == (0xD7FF, 0xE000)):
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    return [tuple(r) for r in ranges]


def each_by(normalizer, template="%s"):
    """What a normalizer makes of each scalar value. A newline is inert in all of them and separates the questions."""
    joined = normalizer.normalize_str(NEWLINE.join(template % chr(c) for c in SCALARS if c != 10))
    answers = joined.split(NEWLINE)
    answers.insert(10, normalizer.normalize_str(template % NEWLINE))
    assert len(answers) == len(SCALARS)
    return dict(zip(SCALARS, answers))


def stripped_by(side):
    strip = normalizers.Strip(left=side == "left", right=side == "right")
    return ranges_of(c for c in SCALARS if strip.normalize_str(chr(c)) == "")


def changes_by(name):
    answers = each_by(getattr(normalizers, name)())
    return {c: text for c, text in answers.items() if text != chr(c)}


# Grapheme_Cluster_Break as \\X shows it: what stands before and after a character, and the number of clusters that tells.
CLUSTER_QUESTIONS = {"joiner": ("x", "", 1), "prepend": ("", "x", 1), "control": ("", "\u0301", 2),
                     "before L": ("", "\u1100", 1), "before V": ("", "\u1160", 1), "before T": ("", "\u11a8", 1),
                     "after L": ("\u1100", "", 1), "after V": ("\u1160", "", 1), "after T": ("\u11a8", "", 1),
                     "extend": ("\U0001f600", "\u200d\U0001f600", 1), "picture": ("\U0001f600\u200d", "", 1),
                     "flag": ("\U0001f1e6", "", 1)}


def graphemes(question):
    before, after, count = CLUSTER_QUESTIONS[question]
    splits = pre_tokenizers.Split(Regex(r"\X"), "isolated")
    width = len(before) + 1 + len(after) + 1
    found = []
    for begin in range(0, len(SCALARS), 65536):
        chunk = SCALARS[begin:begin + 65536]
        starts = [0] * len(chunk)
        for _, (first, _) in splits.pre_tokenize_str("".join(before + chr(c) + after + NEWLINE for c in chunk)):
            starts[first // width] += 1
        found += [c for c, clusters in zip(chunk, starts) if clusters - 1 == count]
    return ranges_of(found)


def fold_classes(candidates):
    """For each cased character the characters that (?i:c) matches."""
    text = NEWLINE.join(map(chr, candidates))
    classes = {}
    for c in candidates:
        pieces = pre_tokenizers.Split(Regex(r"(?i:\x{%x})" % c), "removed").pre_tokenize_str(text)
        found = [text[i] for begin, end in gaps(text, pieces) for i in range(begin, end)]
        classes[c] = sorted(map(ord, found))
    return classes


class Memo:
    def __init__(self, folder):
        self.folder = folder and pathlib.Path(folder)

    def __call__(self, task):
        function, argument = task
        key = "%s_%s" % (function.__name__, zlib.crc32(repr(argument).encode()))
        path = self.folder and self.folder / key
        if path and path.exists():
            return pickle.loads(path.read_bytes())
        answer = function(argument)
        if path:
            path.write_bytes(pickle.dumps(answer))
        return answer


# --- writing ----------------------------------------------------------------------------------------------------------

def members(ranges):
    return {c for first, last in ranges for c in range(first, last + 1) if not 0xD800 <= c < 0xE000}


def wrapped(text, indent=4):
    """Adjacent C++ string literals."""
    lines = textwrap.wrap(text, 112) or [""]
    return "\n".join(" " * indent + '"%s%s"' % (line, " " if line is not lines[-1] else "") for line in lines)


def runs_text(ranges):
    """Alternating lengths in hexadecimal: outside, inside, outside, ..."""
    words, position = [], 0
    for first, last in ranges:
        words += ["%x" % (first - position), "%x" % (last + 1 - first)]
        position = last + 1
    return " ".join(words)


def mapping_text(mapping):
    """FIRST[+COUNT[/STEP]]=TO,TO...: COUNT characters STEP apart whose last TO grows with them."""
    words, rest = [], dict(sorted(mapping.items()))
    while rest:
        first = next(iter(rest))
        target = list(rest[first])
        best = (1, 1)
        for step in (1, 2):
            count = 1
            while rest.get(first + count * step) == tuple(target[:-1] + [target[-1] + count * step]):
                count += 1
            if count > best[0]:
                best = (count, step)
        count, step = best
        for i in range(count):
            del rest[first + i * step]
        size = "+%x" % count if count > 1 else ""
        words.append("%x%s%s=%s" % (first, size, "/2" if step == 2 else "", ",".join("%x" % c for c in target)))
    return " ".join(words)


def write_table(name, what, body):
    header = textwrap.fill("Generated by tools/goldens/unicode.py from tokenizers %s: %s Do not edit." % (VERSION, what),
                           117, initial_indent="// ", subsequent_indent="// ")
    (TABLES / name).write_text(header + "\n" + body)


def set_rows(sets):
    """Rows {names, categories, runs}: the categories' union, exclusive or the runs; equal sets share a row."""
    by_members = {}
    for name, ranges in sets.items():
        by_members.setdefault(tuple(ranges), []).append(name)
    category = {c: members(sets[c.lower()]) for c in CATEGORIES if c.lower() in sets}
    rows = []
    for ranges, names in by_members.items():
        best_categories, best_runs = "", runs_text(ranges)
        if not any(name in [c.lower() for c in CATEGORIES] for name in names):
            wanted = members(ranges)
            inside = [c for c in category if 2 * len(category[c] & wanted) > len(category[c])]
            union = set().union(*(category[c] for c in inside)) if inside else set()
            difference = runs_text(ranges_of(sorted(union ^ wanted)))
            if len(difference) < len(best_runs):
                best_categories, best_runs = " ".join(c.lower() for c in inside), difference
        rows.append('{"%s", "%s",\n%s},\n' % (" ".join(names), best_categories, wrapped(best_runs)))
    return "".join(rows)


def normalized_name(name):
    return "".join(ch for ch in name.lower() if ch not in " -_")


def collect_sets(ask):
    """{name in the tables: ranges}. The categories come first: other rows are written with them."""
    tasks = {name.lower(): (matched_by, r"\p{%s}" % name) for name in CATEGORIES}
    for name in PROPERTIES + POSIX:
        tasks.setdefault(normalized_name(name), (matched_by, r"\p{%s}" % name))
    for name in POSIX:
        tasks["posix:" + name] = (matched_by, "[[:%s:]]" % name)
    for name, pattern in (("space", r"\s"), ("word", r"\w"), ("digit", r"\d"), ("xdigit", r"\h")):
        tasks["escape:" + name] = (matched_by, pattern)
    for name in BLOCKS:
        tasks["in" + normalized_name(name)] = (block_of, name)
    for name in ("space", "numeric", "punctuation", "mark", "word", "added word", "left", "right"):
        tasks["rust:" + name] = (of_rust, name)
    for name in CLUSTER_QUESTIONS:
        tasks["cluster:" + name] = (graphemes, name)
    with multiprocessing.Pool(2) as pool:
        return dict(zip(tasks, pool.imap(ask, tasks.values())))


# --- normal forms -----------------------------------------------------------------------------------------------------

FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def combining_classes(ask):
    """{class: characters}; the class numbers are Python's, where the library orders characters at all."""
    low, high = "\u0334", "\u0315"  # the classes 1 and 232
    after = ask((pairs_by, ("%s" + low)))
    before = ask((pairs_by, (high + "%s")))
    marks = [c for c in SCALARS if after.get(c) == low + chr(c) or before.get(c) == chr(c) + high]
    marks += [ord(low)] if ord(low) not in marks else []
    marks += [c for c in (ord(high),) if c not in marks]
    # Characters of class 234 and 240 do not move before U+0315; they move behind class 1, so they are in already.
    representatives = {}
    for c in sorted(marks):
        representatives.setdefault(unicodedata.combining(chr(c)), c)
    assert 0 not in representatives, [hex(c) for c in marks if not unicodedata.combining(chr(c))]
    nfd = normalizers.NFD()
    for number, other in representatives.items():
        for text_of, moves in ((lambda c: chr(c) + chr(other), lambda c: unicodedata.combining(chr(c)) > number),
                               (lambda c: chr(other) + chr(c), lambda c: unicodedata.combining(chr(c)) < number)):
            answers = nfd.normalize_str(NEWLINE.join(map(text_of, marks))).split(NEWLINE)
            for c, answer in zip(marks, answers):
                assert (answer != text_of(c)) == moves(c), (hex(c), hex(other))
    classes = {}
    for c in sorted(marks):
        classes.setdefault(unicodedata.combining(chr(c)), []).append(c)
    return classes


def pairs_by(template):
    """Where a mark moves past a character: what NFD makes of the pair, unless the character itself decomposes."""
    nfd = normalizers.NFD()
    alone = each_by(nfd)
    return {c: text for c, text in each_by(nfd, template).items() if text != template % chr(c) and alone[c] == chr(c)}


def compositions(canonical):
    """{(first, second): composed} for all decompositions that NFC takes back, and the ones that it does not."""
    nfc = normalizers.NFC()
    pairs, excluded, composed = {}, [], {}
    for c, text in sorted(canonical.items(), key=lambda item: len(item[1])):
        if nfc.normalize_str(text) != chr(c):
            excluded.append(c)
            continue
        first = text[:-1] if len(text) == 2 else composed[text[:-1]]
        composed[text] = chr(c)
        pairs[first, text[-1]] = chr(c)
    # No other pair composes (a first that is composed itself may be taken apart to put the second in its place).
    firsts, seconds = sorted({f for f, _ in pairs if ord(f) not in canonical}), sorted({s for _, s in pairs})
    asked = [f + s for f in firsts for s in seconds]
    answers = nfc.normalize_str(NEWLINE.join(asked)).split(NEWLINE)
    for text, answer in zip(asked, answers):
        if (text[0], text[1]) in pairs:
            assert answer == pairs[text[0], text[1]]
        else:
            assert len(answer) > 1, (text, answer)
    return pairs, sorted(excluded)


def form_tables(ask):
    changes = {form: ask((changes_by, form)) for form in FORMS}
    hangul = range(0xAC00, 0xAC00 + 11172)
    canonical = {c: text for c, text in changes["NFD"].items() if c not in hangul}
    compatible = {c: text for c, text in changes["NFKD"].items() if c not in hangul and canonical.get(c) != text}
    _, excluded = compositions(canonical)
    classes = combining_classes(ask)
    rows = "".join('{%d,\n%s},\n' % (number, wrapped(runs_text(ranges_of(found)))) for number, found in
                   sorted(classes.items()))
    code_points = lambda mapping: {c: tuple(map(ord, text)) for c, text in mapping.items()}
    write_table("unicode_forms.inc", "the normal forms of the crate unicode-normalization-alignments.",
                "constexpr std::string_view kCanonical =\n%s;\n\n" % wrapped(mapping_text(code_points(canonical))) +
                "// Where it differs from the canonical one.\n" +
                "constexpr std::string_view kCompatible =\n%s;\n\n" % wrapped(mapping_text(code_points(compatible))) +
                "// Canonical decompositions that composition does not take back.\n" +
                "constexpr std::string_view kNotComposed =\n%s;\n\n" % wrapped(runs_text(ranges_of(excluded))) +
                "constexpr CombiningClassRow kCombiningClasses[] = {\n%s};\n" % rows)


# --- cases ------------------------------------------------------------------------------------------------------------

def fold_tables(ask, sets):
    cased = set(ask((changes_by, "Lowercase")))
    for name in ("lu", "ll", "lt", "cased", "changeswhencasefolded", "changeswhencasemapped"):
        cased |= members(sets[name])
    cased |= {c for c in SCALARS if chr(c).casefold() != chr(c) or chr(c).upper() != chr(c)}
    cased = sorted(cased)
    classes = ask((fold_classes, cased))
    # What has no case equals nothing that has.
    pattern = "(?i:[%s])" % "".join(r"\x{%x}" % c for c in cased)
    known = set(cased)
    text = "".join(chr(c) for c in SCALARS if c not in known)
    assert gaps(text, pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text)) == []
    folds, long_folds = {}, {}
    for c, found in classes.items():
        assert c in found and all(classes[other] == found for other in found), hex(c)
        if min(found) != c:
            folds[c] = (min(found),)
        text = chr(c).casefold()
        if len(text) > 1:
            split = pre_tokenizers.Split(Regex(r"(?i:\x{%x})" % c), "removed")
            if split.pre_tokenize_str(text) == []:
                long_folds[c] = tuple(map(ord, text))
    return folds, long_folds


def case_tables(ask, sets):
    lowercase = {c: tuple(map(ord, text)) for c, text in ask((changes_by, "Lowercase")).items()}
    folds, long_folds = fold_tables(ask, sets)
    write_table("unicode_case.inc", "Rust's char::to_lowercase, and what Oniguruma's (?i) takes for equal.",
                "constexpr std::string_view kLowercase =\n%s;\n\n" % wrapped(mapping_text(lowercase)) +
                "// To the smallest character that is equal.\n" +
                "constexpr std::string_view kFolds =\n%s;\n\n" % wrapped(mapping_text(folds)) +
                "// To the two or three that one character is equal to.\n" +
                "constexpr std::string_view kLongFolds =\n%s;\n" % wrapped(mapping_text(long_folds)))


def set_tables(sets):
    wanted = dict(sets)
    for name, same in (("escape:space", "posix:space"), ("escape:word", "word"), ("escape:digit", "posix:digit"),
                       ("escape:xdigit", "posix:xdigit"), ("rust:added word", "rust:word"), ("rust:left", "rust:space"),
                       ("rust:right", "rust:space")):
        assert wanted.pop(name) == wanted[same], name
    for name in CLUSTER_QUESTIONS:
        found = wanted.pop("cluster:" + name)
        if name != "control":  # CR joins the newline between the questions, and nothing else
            found = ranges_of(sorted(members(found) - {13}))
        wanted["cluster:" + normalized_name(name)] = found
    swept = {name: ranges for name, ranges in sets.items() if ":" not in name}
    for alias, name in resolved_aliases(swept).items():
        wanted.setdefault(normalized_name(alias), wanted[name])
    write_table("unicode_sets.inc", "classes of characters.", set_rows(wanted))
    return wanted


# --- test data --------------------------------------------------------------------------------------------------------

def write_sweep(ask, sets):
    """CRC-32 of the answers for all scalar values: for a set '0' or '1' each, for a normalizer the answers as lines."""
    lines, seen = [], set()
    for name, ranges in sets.items():
        if tuple(ranges) in seen or name.startswith("in") and normalized_name(name[2:]) in BLOCK_NAMES:
            continue  # aliases, and blocks, which are single ranges
        seen.add(tuple(ranges))
        bitmap = bytearray(b"0" * 0x110000)
        for first, last in ranges:
            bitmap[first:last + 1] = b"1" * (last + 1 - first)
        del bitmap[0xD800:0xE000]
        lines.append("%08x set %s" % (zlib.crc32(bitmap), name))
    for form in FORMS + ("Lowercase", "StripAccents"):
        changed = ask((changes_by, form))
        text = "".join(changed.get(c, chr(c)) + NEWLINE for c in SCALARS)
        lines.append("%08x normalizer %s" % (zlib.crc32(text.encode()), form))
    (TESTS / "sweep.txt").write_text("\n".join(lines) + "\n")


def write_sequences(ask):
    """Combining sequences: what decomposes, marks of all classes, jamo, and what takes part in compositions."""
    rng = random.Random(15)
    decomposed = sorted(ask((changes_by, "NFKD")))
    marks = sorted(c for found in combining_classes(ask).values() for c in found)
    jamo = list(range(0x1100, 0x1200)) + [0xAC00, 0xAC01, 0xAC1C, 0xD7A3]
    pools = [decomposed, marks, marks, jamo, list(range(0x20, 0x250)), list(range(0x900, 0xE00)), SCALARS]
    cases = []
    for _ in range(400):
        text = "".join(chr(rng.choice(rng.choice(pools))) for _ in range(rng.randint(1, 8)))
        cases.append({"text": text, **{form: getattr(normalizers, form)().normalize_str(text) for form in FORMS}})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (TESTS / "normal_forms.json").write_text("[\n%s\n]\n" % lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--memo", help="a folder that keeps the answers of tokenizers between runs")
    ask = Memo(parser.parse_args().memo)
    assert tokenizers.__version__ == VERSION, tokenizers.__version__
    form_tables(ask)
    write_sequences(ask)
    sets = collect_sets(ask)
    case_tables(ask, sets)
    write_sweep(ask, set_tables(sets))


if __name__ == "__main__":
    main()
