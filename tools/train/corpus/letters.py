"""Tasks on letters and words. Answers of several letters are written with hyphens: a letter a token, whatever the word."""
from .lexicon import word, words

NUMBERS = "zero one two three four five six".split()
ORDINALS = "first second third fourth fifth".split()


def _spell(draw):
    it = word(draw)
    return draw.phrase(
        ["Spell {}.", "Spell the word {}.", "How do you spell {}?", "Write {} letter by letter.", "Letters of {}?"],
        ["Please spell the word {}.", "How is {} spelled?"],
    ).format(it), "-".join(it)


def _reverse(draw):
    it = word(draw)
    return draw.phrase(
        ["Spell {} backwards.", "Reverse the word {}.", "Reverse {}.", "Write the letters of {} in reverse order.",
         "Spell the word {} from back to front."],
        ["Please reverse the word {}.", "Spell the word {} backwards."],
    ).format(it), "-".join(reversed(it))


def _capitals(draw):
    it = word(draw)
    return draw.phrase(
        ["Spell {} in capital letters.", "Capital letters: {}", "Write {} in capital letters.", "Spell {} in upper case."],
        ["Please spell {} in capital letters.", "Write the word {} in capital letters."],
    ).format(it), "-".join(it.upper())


def _length(draw):
    it = word(draw)
    return draw.phrase(
        ["How many letters are in {}?", "Count the letters of {}.", "How many letters does {} have?", "Number of letters in {}?"],
        ["How many letters are in the word {}?", "Please count the letters of {}."],
    ).format(it), str(len(it))


def _letter(draw):
    it = word(draw)
    which, letter = draw.rng.choice((("first", it[0]), ("last", it[-1]), ("second", it[1])))
    return draw.phrase(
        ["What is the {} letter of {}?", "The {} letter of {}?", "Give me the {} letter of {}.", "Name the {} letter in {}."],
        ["Tell me the {} letter of {}.", "What is the {} letter in the word {}?"],
    ).format(which, it), letter


def _sort(draw):
    while True:
        some = words(draw, draw.rng.choice((2, 3, 3, 4)))
        if len({one[0] for one in some}) == len(some):
            break
    return draw.phrase(
        ["Sort these words: {}", "Put these words in alphabetical order: {}", "Sort: {}", "Alphabetical order, please: {}"],
        ["Please sort these words: {}", "Put these words into alphabetical order: {}"],
    ).format(", ".join(some)), ", ".join(sorted(some))


def _pick(draw):
    some = words(draw, draw.rng.randrange(3, 6))
    at = draw.rng.randrange(len(some))
    return draw.phrase(
        ["What is the {0} word of: {1}", "Give me the {0} word: {1}", "{1}. Which word is {0}?", "Pick the {0} word: {1}"],
        ["Tell me the {0} word of: {1}", "Which word is the {0} one: {1}"],
    ).format(ORDINALS[at], ", ".join(some)), some[at]


def _repeat(draw):
    it = word(draw)
    times = draw.rng.randrange(2, 7)
    return draw.phrase(
        ["Write {} {} times.", "Repeat {} {} times.", "Say {} {} times.", "Print the word {} {} times."],
        ["Please write {} {} times.", "Repeat the word {} {} times."],
    ).format(it, NUMBERS[times]), " ".join([it] * times)


def _reorder(draw):
    some = words(draw, draw.rng.randrange(2, 6))
    return draw.phrase(
        ["Reverse the order of these words: {}", "Write this list backwards: {}", "Reverse this list: {}"],
        ["Please reverse this list: {}", "Please write this list backwards: {}"],
    ).format(", ".join(some)), ", ".join(reversed(some))


FAMILIES = {"spell": _spell, "reverse": _reverse, "capitals": _capitals, "length": _length, "letter": _letter, "sort_words": _sort,
            "pick_word": _pick, "repeat": _repeat, "reorder": _reorder}
