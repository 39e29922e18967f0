"""Tasks on letters and words. Answers of several letters are written with hyphens: a letter a token, whatever the word."""
from .lexicon import word, words

NUMBERS = "zero one two three four five six".split()
ORDINALS = "first second third fourth fifth".split()


def _spell(draw):
    it = word(draw)
    return draw.phrase(
        ["Spell {}.", "Spell the word {}.", "How do you spell {}?", "Write {} letter by letter.", "Letters of {}?",
         "Spell this word: {}", "Spell out {}.", "The spelling of {}?", "Say the letters of {}.", "List the letters of {}.",
         "Which letters are in {}?", "Which letters does the word {} have?", "{}: how is it spelled?", "How does one spell {}?",
         "What is the spelling of {}?", "Take {} apart into letters.", "Write out the letters of the word {}.",
         "How is the word {} written?", "Give me {} one letter at a time.", "{}, letter by letter."],
        ["Please spell the word {}.", "How is {} spelled?"],
    ).format(it), "-".join(it)


def _reverse(draw):
    it = word(draw)
    return draw.phrase(
        ["Spell {} backwards.", "Reverse the word {}.", "Reverse {}.", "Write the letters of {} in reverse order.",
         "Spell the word {} from back to front.", "Write {} backwards.", "{} backwards?", "What is {} backwards?",
         "Turn the word {} around.", "Write the word {} in reverse.", "Say {} from the end to the start.",
         "Which letters does {} have from last to first?", "The letters of {} in reverse?", "Spell {} in reverse.",
         "What is the reverse of {}?", "Turn around {}.", "Backwards, how is {} spelled?", "Reverse this word: {}",
         "How do you spell {} backwards?"],
        ["Please reverse the word {}.", "Spell the word {} backwards."],
    ).format(it), "-".join(reversed(it))


def _capitals(draw):
    it = word(draw)
    return draw.phrase(
        ["Spell {} in capital letters.", "Capital letters: {}", "Write {} in capital letters.", "Spell {} in upper case.",
         "Write {} in upper case.", "{} in capitals?", "Turn {} into capital letters.", "Spell {} with capital letters.",
         "Make the letters of {} capital.", "How is {} spelled in capital letters?", "Spell the word {} in capitals.", "Upper case: {}",
         "What is {} in capital letters?", "Write the letters of {} as capitals.", "Use capital letters to spell {}."],
        ["Please spell {} in capital letters.", "Write the word {} in capital letters."],
    ).format(it), "-".join(it.upper())


def _length(draw):
    it = word(draw)
    return draw.phrase(
        ["How many letters are in {}?", "Count the letters of {}.", "How many letters does {} have?", "Number of letters in {}?",
         "How long is {}?", "How long is the word {}?", "What is the number of letters in {}?", "What is the length of {}?",
         "Length of {}?", "{}: how many letters?", "Count the letters in the word {}.", "How many letters are there in {}?",
         "How many letters does the word {} have?", "{} has how many letters?", "Letter count of {}?", "Count how many letters {} has.",
         "Of how many letters is {} made?", "How many letters do you need to write {}?"],
        ["How many letters are in the word {}?", "Please count the letters of {}."],
    ).format(it), str(len(it))


def _letter(draw):
    it = word(draw)
    which, letter = draw.rng.choice((("first", it[0]), ("last", it[-1]), ("second", it[1])))
    return draw.phrase(
        ["What is the {} letter of {}?", "The {} letter of {}?", "Give me the {} letter of {}.", "Name the {} letter in {}.",
         "Which letter is the {} of {}?", "Which letter is the {} one in {}?", "What is the {} letter in {}?",
         "{} letter of the word {}?", "Find the {} letter of {}.", "In {1}, which letter is the {0}?", "{1}: what is its {0} letter?",
         "Which is the {} letter of {}?", "The {} letter in the word {}, what is it?", "Look at the {} letter of {}. Which is it?",
         "Pick the {} letter of the word {}."],
        ["Tell me the {} letter of {}.", "What is the {} letter in the word {}?"],
    ).format(which, it), letter


def _sort(draw):
    while True:
        some = words(draw, draw.rng.choice((2, 3, 3, 4)))
        if len({one[0] for one in some}) == len(some):
            break
    return draw.phrase(
        ["Sort these words: {}", "Put these words in alphabetical order: {}", "Sort: {}", "Alphabetical order, please: {}",
         "Sort this list: {}", "Sort the words {}", "Order these words by the alphabet: {}", "Arrange in alphabetical order: {}",
         "Put in alphabetical order: {}", "Arrange these words from a to z: {}", "Sort alphabetically: {}", "{}. Sort them.",
         "{}. Put these words in order.", "What is the alphabetical order of these words: {}", "Order the words: {}",
         "Bring these words into order: {}", "List these words in alphabetical order: {}",
         "Which order do these words have in a dictionary: {}", "From a to z: {}"],
        ["Please sort these words: {}", "Put these words into alphabetical order: {}"],
    ).format(", ".join(some)), ", ".join(sorted(some))


def _pick(draw):
    some = words(draw, draw.rng.randrange(3, 6))
    at = draw.rng.randrange(len(some))
    return draw.phrase(
        ["What is the {0} word of: {1}", "Give me the {0} word: {1}", "{1}. Which word is {0}?", "Pick the {0} word: {1}",
         "What is the {0} word in {1}?", "Which is the {0} word of {1}?", "Which word comes {0} in {1}?",
         "The {0} word of this list: {1}", "Find the {0} word in this list: {1}", "{1}: which is the {0}?", "{1}. Name the {0} word.",
         "Look at this list: {1}. What is the {0} word?", "Of these words, take the {0}: {1}", "Say the {0} of these words: {1}"],
        ["Tell me the {0} word of: {1}", "Which word is the {0} one: {1}"],
    ).format(ORDINALS[at], ", ".join(some)), some[at]


def _repeat(draw):
    it = word(draw)
    times = draw.rng.randrange(2, 7)
    return draw.phrase(
        ["Write {} {} times.", "Repeat {} {} times.", "Say {} {} times.", "Print the word {} {} times.", "Write the word {} {} times.",
         "Say the word {} {} times.", "Print {} {} times.", "{}, {} times.", "Write {1} times {0}.", "{1} times the word {0}.",
         "Give me {1} times {0}.", "I want to read {} {} times.", "Put {} down {} times.", "Write {} again and again, {} times."],
        ["Please write {} {} times.", "Repeat the word {} {} times."],
    ).format(it, NUMBERS[times]), " ".join([it] * times)


def _reorder(draw):
    some = words(draw, draw.rng.randrange(2, 6))
    return draw.phrase(
        ["Reverse the order of these words: {}", "Write this list backwards: {}", "Reverse this list: {}", "Reverse these words: {}",
         "Turn this list around: {}", "Put this list in reverse order: {}", "Reverse the list {}",
         "Write these words in reverse order: {}", "List these words from last to first: {}", "From last to first: {}",
         "{}. Reverse the list.", "Say these words backwards, the last one first: {}", "The last word first: {}",
         "Turn the order around: {}"],
        ["Please reverse this list: {}", "Please write this list backwards: {}"],
    ).format(", ".join(some)), ", ".join(reversed(some))


FAMILIES = {"spell": _spell, "reverse": _reverse, "capitals": _capitals, "length": _length, "letter": _letter, "sort_words": _sort,
            "pick_word": _pick, "repeat": _repeat, "reorder": _reorder}
