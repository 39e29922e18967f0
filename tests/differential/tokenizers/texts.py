"""Random and hostile texts for the tokenizers' differential test; the same seed gives the same texts.

Every maker takes (random, material) and returns one string. `material` knows the tokenizer under test: its added tokens
and the words of its vocabulary.
"""
import collections

Material = collections.namedtuple("Material", "added words prose")

SCRIPTS = {
    "latin": (0x20, 0x7E), "latin1": (0xA0, 0xFF), "extended": (0x100, 0x24F), "ipa": (0x250, 0x2FF),
    "greek": (0x370, 0x3FF), "cyrillic": (0x400, 0x52F), "hebrew": (0x591, 0x5F4), "arabic": (0x600, 0x6FF),
    "devanagari": (0x900, 0x97F), "thai": (0xE01, 0xE5B), "tibetan": (0xF00, 0xFDA), "georgian": (0x10A0, 0x10FF),
    "jamo": (0x1100, 0x11FF), "cherokee": (0x13A0, 0x13F5), "khmer": (0x1780, 0x17F9), "vietnamese": (0x1E00, 0x1EFF),
    "punctuation": (0x2010, 0x205E), "superscripts": (0x2070, 0x209C), "currency": (0x20A0, 0x20C0),
    "letterlike": (0x2100, 0x218B), "arrows": (0x2190, 0x23FF), "enclosed": (0x2460, 0x24FF), "boxes": (0x2500, 0x27BF),
    "cjk_marks": (0x3000, 0x303F), "hiragana": (0x3041, 0x309F), "katakana": (0x30A0, 0x30FF), "han": (0x4E00, 0x9FFF),
    "han_a": (0x3400, 0x4DBF), "hangul": (0xAC00, 0xD7A3), "private": (0xE000, 0xE0FF), "compat": (0xF900, 0xFAD9),
    "presentation": (0xFB00, 0xFDFF), "halfwidth": (0xFF01, 0xFFEF), "gothic": (0x10330, 0x1034A),
    "deseret": (0x10400, 0x1044F), "math": (0x1D400, 0x1D7FF), "emoji": (0x1F300, 0x1FAFF), "han_b": (0x20000, 0x2A6DF),
    "tags": (0xE0020, 0xE007F), "plane16": (0x10FF00, 0x10FFFD),
}
SPACES = [" ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680",
          "\u180e", "\u2000", "\u2009", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"]
MARKS = [0x300, 0x301, 0x302, 0x303, 0x307, 0x308, 0x323, 0x327, 0x328, 0x331, 0x338, 0x345, 0x34F, 0x5B0, 0x64B,
         0x93C, 0x94D, 0x9BE, 0xE38, 0xFB8, 0x1DC0, 0x20D0, 0x20E3, 0x302A, 0x3099, 0x309A, 0xFE0F, 0xFE20, 0x1D165]
EMOJI = ["\U0001F600", "\U0001F469\u200d\U0001F4BB", "\U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466",
         "\U0001F44D\U0001F3FD", "\u2764\ufe0f", "\U0001F1E9\U0001F1EA", "\U0001F1EF\U0001F1F5\U0001F1FA", "1\ufe0f\u20e3",
         "\U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F", "\u200d", "\ufe0e", "\U0001FAE0"]
CODE = ["def f(x):\n    return x ** 2\n", "int main(void) {\n\treturn 0;\n}\n", "for (auto& [k, v] : map) {", "\t\t}\n",
        "x += 0x1F;  // hex\n", "#include <vector>\n", "<div class=\"a-b\">&nbsp;</div>", "SELECT * FROM t WHERE id<>3;",
        "{\"key\": [1, 2.5e-3, null]}", "a->b::c", "!=", "===", "||", "&&", "$HOME/bin", "C:\\dir\\n", "\\u00e9", "'''", "```py\n",
        "https://example.org/a?b=c&d=%20#e", "me@example.org", "snake_case_name", "camelCaseName", "CONST_VALUE", "0b1010"]
NUMBERS = ["0", "7", "42", "123", "1234", "12345678901234567890", "3.14159", "1,000,000", "1e-9", "-5", "2026-11-22", "10:30",
           "\u0663\u0664", "\u0967\u0968", "\u00bd", "\u2167", "\u3289", "\U0001D7D8", "\uff11\uff12", "\u00b2", "100%", "$5.00", "\u4e00\u767e"]
ENGLISH = ("the of and to in is you that it he was for on are as with his they I at be this have from or one had by word but "
           "not what all were we when your can said there use an each which she do how their if will up other about out many "
           "I'm don't can't we'll they're it's I'd you've O'Neill HE'LL DON'T won\u2019t naïve café").split()
OTHER_WORDS = ["\u4f60\u597d", "\u4e16\u754c", "\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002", "\u65e5\u672c\u8a9e", "\u30c6\u30b9\u30c8",
               "\u3072\u3089\u304c\u306a", "\uc548\ub155", "\ud558\uc138\uc694", "\u043f\u0440\u0438\u0432\u0435\u0442", "\u041c\u0418\u0420", "\u0645\u0631\u062d\u0628\u0627",
               "\u05e9\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "Stra\u00dfe", "\u00c9cole", "\u0130stanbul", "\u01c5", "\ufb01n", "\u1e9e"]
BYTES = ["<0x00>", "<0x41>", "<0xE4>", "<0xff>", "<0x0A>", "<0x", "\u2581", "\u2581\u2581", "\u2581a", "\u0120", "\u0120the", "\u010a", "##", "</w>"]


def scalar(random):
    while True:
        plane = random.choice((0, 0, 0, 0, 1, 1, 2, 3, 14, 16))
        code = plane << 16 | random.randrange(0x10000)
        if not 0xD800 <= code <= 0xDFFF and code <= 0x10FFFF:
            return chr(code)


def cased(random, word):
    return random.choice((str.lower, str.upper, str.title, str.swapcase, str))(word)


def random_planes(random, _):
    return "".join(scalar(random) for _ in range(random.randrange(1, 24)))


def script_runs(random, _):
    out = []
    for _ in range(random.randrange(1, 5)):
        low, high = SCRIPTS[random.choice(list(SCRIPTS))]
        out.append("".join(chr(random.randint(low, high)) for _ in range(random.randrange(1, 9))))
        out.append(random.choice(("", "", " ", "\n")))
    return "".join(out)


def latin(random, _):
    return "".join(chr(random.randint(0x20, 0x7E)) for _ in range(random.randrange(1, 40)))


def whitespace(random, _):
    return "".join(random.choice(SPACES + ["a", "Z", "1", ".", "\u4e2d"]) for _ in range(random.randrange(1, 16)))


def controls(random, _):
    pool = [chr(c) for c in range(0x20)] + ["\x7f", "\x80", "\x9f", "\xad", "\u200e", "\u202a", "\u2066", "\ufffd", "\ufffe", "\uffff", "a", " "]
    return "".join(random.choice(pool) for _ in range(random.randrange(1, 14)))


def added(random, material):
    if not material.added:
        return prose(random, material)
    out = []
    for _ in range(random.randrange(1, 7)):
        token = random.choice(material.added)
        kind = random.randrange(9)
        if kind == 0:
            token = cased(random, token)
        elif kind == 1:
            token = token[:random.randrange(len(token) + 1)]
        elif kind == 2:
            token = token[random.randrange(len(token)):]
        elif kind == 3:
            token = token + token[-1:]
        out.append(random.choice(("", "", "", " ", "  ", "\n", "\u00a0", "a", "_", ".", "\u4e2d", "\u0301", "\u200d", "9")))
        out.append(token)
    out.append(random.choice(("", "", " ", "  x", "s")))
    return "".join(out)


def words(random, material):
    out = []
    for _ in range(random.randrange(1, 10)):
        word = random.choice(material.words) if material.words and random.random() < 0.6 else random.choice(ENGLISH)
        if random.random() < 0.3 and len(word) > 1:
            cut = random.randrange(len(word))
            word = random.choice((word[:cut] + word[cut + 1:], word[:cut] + word[cut:][::-1], word + word[:cut]))
        out.append(cased(random, word) if random.random() < 0.2 else word)
    return random.choice(("", " ", "  ")).join(out)


def prose(random, _):
    return "".join(random.choice(ENGLISH) + random.choice((" ", " ", " ", ", ", ". ", "! ", "\n", "\n\n", "-", "...", " (")) for _ in range(random.randrange(1, 14)))


def multilingual(random, _):
    return "".join(random.choice(OTHER_WORDS) + random.choice(("", "", " ", "\uff0c", "\u3002", "\u060c ")) for _ in range(random.randrange(1, 8)))


def code(random, _):
    return "".join(random.choice(CODE) + random.choice(("", " ", "\n", "    ")) for _ in range(random.randrange(1, 6)))


def numbers(random, _):
    return "".join(random.choice(NUMBERS) + random.choice(("", " ", ",", "a", "\u4e2d", "\n")) for _ in range(random.randrange(1, 9)))


def emoji(random, _):
    return "".join(random.choice(EMOJI) + random.choice(("", "", " ", "!")) for _ in range(random.randrange(1, 9)))


def combining(random, _):
    out = []
    for _ in range(random.randrange(1, 6)):
        out.append(random.choice(("a", "e", "O", " ", "\u4e2d", "\u1100\u1161", "\u0915", "", "\u00c5", "\u1e9b", "\u212b", "\u03a9", "\ufb2c", "\u0958")))
        out.append("".join(chr(random.choice(MARKS)) for _ in range(random.randrange(0, 6))))
    return "".join(out)


def repeats(random, material):
    unit = random.choice(("a", " ", "\n", "=", "-", "ab", "\u4e2d", "\U0001F600", "\u0301", "1", "\t", "<", "\r\n", "A", "'s", "\u2581", "ha", "é"))
    return unit * random.choice((2, 3, 7, 17, 25, 33, 64, 130, 300)) + random.choice(("", "x", " ", "b a"))


def byte_like(random, _):
    return "".join(random.choice(BYTES) + random.choice(("", " ", "x")) for _ in range(random.randrange(1, 6)))


def contractions(random, _):
    return "".join(random.choice(("I", "we", "you", "", " ", "HE", "\u4e2d", "9", "\u017f")) + random.choice(("'", "'", "\u2019")) +
                   random.choice(("s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Ll", "x", "\u017f", "", "sa")) for _ in range(random.randrange(1, 6)))


def slices(random, material):
    text = random.choice(material.prose)
    begin = random.randrange(len(text) + 1)
    return text[begin:begin + random.randrange(1, 120)]


def mixture(random, material):
    return random.choice(("", "", " ", "\n")).join(random.choice(SIMPLE)(random, material) for _ in range(random.randrange(2, 5)))


SIMPLE = [random_planes, script_runs, latin, whitespace, controls, added, added, words, words, prose, multilingual, code,
          numbers, emoji, combining, repeats, byte_like, contractions, slices]
MAKERS = SIMPLE + [mixture, mixture, mixture]


def make(random, material):
    if random.random() < 0.005:
        return ""
    return random.choice(MAKERS)(random, material)
