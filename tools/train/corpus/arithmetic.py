"""Sums and other tasks on numbers. A number is one token a digit."""

WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ROMAN = ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def in_words(number):
    if number < 20:
        return WORDS[number]
    return TENS[number // 10 - 2] + ("-" + WORDS[number % 10] if number % 10 else "")


def roman(number):
    text = ""
    for value, letters in ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def _below(draw):
    return draw.rng.randrange(draw.rng.choice((10, 100, 100, 1000)))


def _add(draw):
    a, b = draw.operand("add", lambda: (_below(draw), _below(draw)))
    return draw.phrase(
        ["What is {} + {}?", "Add {} and {}.", "Compute {}+{}", "{} + {} = ?", "What is the sum of {} and {}?", "{} plus {}?"],
        ["Please add {} and {}.", "How much is {} + {}?"],
    ).format(a, b), str(a + b)


def _subtract(draw):
    b, a = draw.operand("subtract", lambda: tuple(sorted((_below(draw), _below(draw)))))
    return draw.phrase(
        ["What is {0} - {1}?", "Subtract {1} from {0}.", "Compute {0}-{1}", "{0} - {1} = ?", "{0} minus {1}?", "Take {1} away from {0}."],
        ["How much is {0} - {1}?", "Please subtract {1} from {0}."],
    ).format(a, b), str(a - b)


def _multiply(draw):
    a, b = draw.operand("multiply", lambda: (draw.rng.randrange(2, draw.rng.choice((10, 20, 100))), draw.rng.randrange(2, 10)))
    return draw.phrase(
        ["What is {} times {}?", "Multiply {} by {}.", "Compute {}*{}", "{} * {} = ?", "{} times {}?"],
        ["How much is {} times {}?", "Please multiply {} by {}."],
    ).format(a, b), str(a * b)


def _larger(draw):
    a, b = draw.operand("larger", lambda: tuple(draw.rng.sample(range(draw.rng.choice((100, 1000))), 2)))
    ask, pick = draw.rng.choice((("larger", max), ("smaller", min)))
    return draw.phrase(
        ["Which is {0}, {1} or {2}?", "Which number is {0}: {1} or {2}?", "{1} or {2}: which is {0}?", "Name the {0} of {1} and {2}."],
        ["Tell me which is {0}, {1} or {2}.", "What is {0}: {1} or {2}?"],
    ).format(ask, a, b), str(pick(a, b))


def _sort(draw):
    some = draw.operand("sort", lambda: tuple(draw.rng.sample(range(100), draw.rng.randrange(3, 6))))
    return draw.phrase(
        ["Sort these numbers: {}", "Put in order: {}", "Sort from small to large: {}", "Sort: {}"],
        ["Please sort these numbers: {}", "Put these numbers in order: {}"],
    ).format(", ".join(map(str, some))), ", ".join(map(str, sorted(some)))


def _extreme(draw):
    some = draw.operand("extreme", lambda: tuple(draw.rng.sample(range(100), draw.rng.randrange(3, 6))))
    ask, pick = draw.rng.choice((("largest", max), ("smallest", min)))
    return draw.phrase(
        ["What is the {0} of {1}?", "Find the {0} number: {1}", "The {0} of these numbers: {1}", "Which number is the {0}: {1}"],
        ["Tell me the {0} of {1}.", "Please find the {0} number: {1}"],
    ).format(ask, ", ".join(map(str, some))), str(pick(some))


def _parity(draw):
    number = draw.operand("parity", lambda: _below(draw))
    return draw.phrase(
        ["Is {} even or odd?", "Even or odd: {}", "{}: even or odd?", "Is the number {} even or odd?"],
        ["Tell me if {} is even or odd.", "Would you say {} is even or odd?"],
    ).format(number), "odd" if number % 2 else "even"


def _continue(draw):
    start, step = draw.operand("continue", lambda: (draw.rng.randrange(100), draw.rng.randrange(1, 10)))
    numbers = [start + step * i for i in range(7)]
    return draw.phrase(
        ["Continue: {},", "Go on: {},", "What comes next: {}", "Continue the sequence {}"],
        ["Please continue: {},", "How does this go on: {}"],
    ).format(", ".join(map(str, numbers[:4]))), ", ".join(map(str, numbers[4:]))


def _count(draw):
    start, length = draw.operand("count", lambda: (draw.rng.randrange(1, 190), draw.rng.randrange(4, 13)))
    return draw.phrase(
        ["Count from {} to {}.", "Write the numbers from {} to {}.", "Count: {} to {}"],
        ["Please count from {} to {}.", "List the numbers from {} to {}."],
    ).format(start, start + length), ", ".join(map(str, range(start, start + length + 1)))


def _numeral(draw):
    number = draw.operand("numeral", lambda: draw.rng.randrange(1, 300))
    if draw.rng.random() < 0.5:
        return draw.phrase(
            ["Write {} as a Roman numeral.", "{} in Roman numerals?", "Roman numeral of {}?", "What is {} as a Roman numeral?"],
            ["Please write {} as a Roman numeral.", "How do you write {} in Roman numerals?"],
        ).format(number), roman(number)
    return draw.phrase(
        ["What number is {}?", "Which number is the Roman numeral {}?", "{} as a number?", "Read the Roman numeral {}."],
        ["Tell me what number {} is.", "What is the Roman numeral {} as a number?"],
    ).format(roman(number)), str(number)


def _in_words(draw):
    number = draw.operand("in_words", lambda: draw.rng.randrange(100))
    if draw.rng.random() < 0.5:
        return draw.phrase(
            ["Write {} as a word.", "Write {} in words.", "{} in words?", "How do you write {} in words?"],
            ["Please write {} in words.", "What is {} in words?"],
        ).format(number), in_words(number)
    return draw.phrase(
        ["Write {} as a number.", "Write {} in digits.", "{} in digits?", "Which number is {}?"],
        ["Please write {} in digits.", "What is {} in digits?"],
    ).format(in_words(number)), str(number)


FAMILIES = {"add": _add, "subtract": _subtract, "multiply": _multiply, "larger": _larger, "sort_numbers": _sort, "extreme": _extreme,
            "parity": _parity, "continue": _continue, "count": _count, "numeral": _numeral, "in_words": _in_words}
