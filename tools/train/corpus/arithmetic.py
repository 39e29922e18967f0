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
        ["What is {} + {}?", "Add {} and {}.", "Compute {}+{}", "{} + {} = ?", "What is the sum of {} and {}?", "{} plus {}?",
         "What is {} plus {}?", "{}+{}", "{} + {}", "Sum of {} and {}?", "{} and {} together?", "What do {} and {} make?",
         "How much do you get if you add {} and {}?", "Calculate {} + {}.", "Work out {} + {}.", "If I add {} to {}, what do I get?",
         "What is {} added to {}?", "{} plus {} is what?", "How much is {} and {}?", "Find {} + {}.", "Put {} and {} together."],
        ["Please add {} and {}.", "How much is {} + {}?"],
    ).format(a, b), str(a + b)


def _subtract(draw):
    b, a = draw.operand("subtract", lambda: tuple(sorted((_below(draw), _below(draw)))))
    return draw.phrase(
        ["What is {0} - {1}?", "Subtract {1} from {0}.", "Compute {0}-{1}", "{0} - {1} = ?", "{0} minus {1}?", "Take {1} away from {0}.",
         "What is {0} minus {1}?", "{0}-{1}", "{0} - {1}", "Difference of {0} and {1}?", "What is the difference of {0} and {1}?",
         "{0} less {1}?", "Calculate {0} - {1}.", "Work out {0} - {1}.", "If I take {1} from {0}, what is left?",
         "What is left of {0} without {1}?", "What remains if you take {1} away from {0}?", "{0} minus {1} is what?", "Find {0} - {1}.",
         "I have {0} and give away {1}. How many are left?", "How much is {0} minus {1}?"],
        ["How much is {0} - {1}?", "Please subtract {1} from {0}."],
    ).format(a, b), str(a - b)


def _multiply(draw):
    a, b = draw.operand("multiply", lambda: (draw.rng.randrange(2, draw.rng.choice((10, 20, 100))), draw.rng.randrange(2, 10)))
    return draw.phrase(
        ["What is {} times {}?", "Multiply {} by {}.", "Compute {}*{}", "{} * {} = ?", "{} times {}?", "What is {} * {}?", "{}*{}",
         "{} x {}", "Product of {} and {}?", "What is the product of {} and {}?", "Calculate {} * {}.", "Work out {} times {}.",
         "How much do you get if you multiply {} by {}?", "{} multiplied by {}?", "{} times {} is what?", "Find {} * {}.",
         "What do you get for {} times {}?"],
        ["How much is {} times {}?", "Please multiply {} by {}."],
    ).format(a, b), str(a * b)


def _larger(draw):
    a, b = draw.operand("larger", lambda: tuple(draw.rng.sample(range(draw.rng.choice((100, 1000))), 2)))
    ask, pick = draw.rng.choice((("larger", max), ("smaller", min)))
    return draw.phrase(
        ["Which is {0}, {1} or {2}?", "Which number is {0}: {1} or {2}?", "{1} or {2}: which is {0}?", "Name the {0} of {1} and {2}.",
         "{1}, {2}: which is {0}?", "Of {1} and {2}, which is {0}?", "Which one is {0}: {1} or {2}?",
         "Compare {1} and {2}: which is {0}?", "Give me the {0} of {1} and {2}.", "Which of {1} and {2} is {0}?", "Is {1} or {2} {0}?",
         "The {0} of {1} and {2}?", "Choose the {0} number: {1} or {2}", "Say which number is {0}: {1} or {2}"],
        ["Tell me which is {0}, {1} or {2}.", "What is {0}: {1} or {2}?"],
    ).format(ask, a, b), str(pick(a, b))


def _sort(draw):
    some = draw.operand("sort", lambda: tuple(draw.rng.sample(range(100), draw.rng.randrange(3, 6))))
    return draw.phrase(
        ["Sort these numbers: {}", "Put in order: {}", "Sort from small to large: {}", "Sort: {}", "Sort the numbers {}",
         "Sort this list of numbers: {}", "Order these numbers: {}", "Arrange these numbers: {}",
         "Put these numbers from small to large: {}", "From small to large: {}", "Arrange from the smallest to the largest: {}",
         "{}. Sort them.", "{}. Put them in order.", "Order by size: {}", "Sort from the smallest to the largest: {}",
         "Bring these numbers into order: {}", "In order, please: {}", "List these numbers in order: {}",
         "What is the order of these numbers: {}"],
        ["Please sort these numbers: {}", "Put these numbers in order: {}"],
    ).format(", ".join(map(str, some))), ", ".join(map(str, sorted(some)))


def _extreme(draw):
    some = draw.operand("extreme", lambda: tuple(draw.rng.sample(range(100), draw.rng.randrange(3, 6))))
    ask, pick = draw.rng.choice((("largest", max), ("smallest", min)))
    return draw.phrase(
        ["What is the {0} of {1}?", "Find the {0} number: {1}", "The {0} of these numbers: {1}", "Which number is the {0}: {1}",
         "Which is the {0} of {1}?", "Of {1}, which is the {0}?", "{1}: which is the {0}?", "What is the {0} number in {1}?",
         "{1}. Name the {0} number.", "Give me the {0} of these numbers: {1}", "The {0} number of {1}?", "Which one is the {0}: {1}",
         "Pick the {0}: {1}", "Look for the {0} number in {1}."],
        ["Tell me the {0} of {1}.", "Please find the {0} number: {1}"],
    ).format(ask, ", ".join(map(str, some))), str(pick(some))


def _parity(draw):
    number = draw.operand("parity", lambda: _below(draw))
    return draw.phrase(
        ["Is {} even or odd?", "Even or odd: {}", "{}: even or odd?", "Is the number {} even or odd?", "Is {} odd or even?",
         "Odd or even: {}", "{}, odd or even?", "Decide: is {} even or odd?", "Is {} an even or an odd number?",
         "The number {} is even or odd?", "What is {}, even or odd?", "{} is odd or even?", "Which is {}: even or odd?"],
        ["Tell me if {} is even or odd.", "Would you say {} is even or odd?"],
    ).format(number), "odd" if number % 2 else "even"


def _continue(draw):
    start, step = draw.operand("continue", lambda: (draw.rng.randrange(100), draw.rng.randrange(1, 10)))
    numbers = [start + step * i for i in range(7)]
    return draw.phrase(
        ["Continue: {},", "Go on: {},", "What comes next: {}", "Continue the sequence {}", "Go on with {},", "Continue the series: {},",
         "Continue this sequence: {}", "What are the next numbers: {}", "What are the next three numbers after {}?",
         "Which numbers come next: {}", "Which numbers follow: {}", "What follows {}?", "Three more numbers, please: {},",
         "{}, and so on: which numbers follow?", "{}. What comes next?", "{}. Continue.", "Extend the sequence {}",
         "Write the next three numbers: {}", "Keep going: {},", "The sequence starts {}. Go on.", "Find the next three: {},",
         "Count on: {},"],
        ["Please continue: {},", "How does this go on: {}"],
    ).format(", ".join(map(str, numbers[:4]))), ", ".join(map(str, numbers[4:]))


def _count(draw):
    start, length = draw.operand("count", lambda: (draw.rng.randrange(1, 190), draw.rng.randrange(4, 13)))
    return draw.phrase(
        ["Count from {} to {}.", "Write the numbers from {} to {}.", "Count: {} to {}", "Count up from {} to {}.", "Count {} to {}.",
         "Numbers from {} to {}?", "Write all numbers from {} to {}.", "Say the numbers from {} to {}.", "Start at {} and count to {}.",
         "From {} count to {}.", "Go from {} to {}.", "Give me all numbers from {} to {}.", "What are the numbers from {} to {}?",
         "Which numbers are there from {} to {}?", "Count on from {} until {}."],
        ["Please count from {} to {}.", "List the numbers from {} to {}."],
    ).format(start, start + length), ", ".join(map(str, range(start, start + length + 1)))


def _numeral(draw):
    number = draw.operand("numeral", lambda: draw.rng.randrange(1, 300))
    if draw.rng.random() < 0.5:
        return draw.phrase(
            ["Write {} as a Roman numeral.", "{} in Roman numerals?", "Roman numeral of {}?", "What is {} as a Roman numeral?",
             "Turn {} into a Roman numeral.", "{} as a Roman numeral?", "How is {} written in Roman numerals?",
             "What is the Roman numeral for {}?", "Convert {} to a Roman numeral.", "Roman: {}", "Write {} with Roman letters.",
             "Show {} as a Roman numeral."],
            ["Please write {} as a Roman numeral.", "How do you write {} in Roman numerals?"],
        ).format(number), roman(number)
    return draw.phrase(
        ["What number is {}?", "Which number is the Roman numeral {}?", "{} as a number?", "Read the Roman numeral {}.",
         "{} is which number?", "Turn the Roman numeral {} into a number.", "Convert {} to a number.",
         "What is the value of the Roman numeral {}?", "Write the Roman numeral {} as a number.", "Which number does {} stand for?",
         "The Roman numeral {}, which number is it?"],
        ["Tell me what number {} is.", "What is the Roman numeral {} as a number?"],
    ).format(roman(number)), str(number)


def _in_words(draw):
    number = draw.operand("in_words", lambda: draw.rng.randrange(100))
    if draw.rng.random() < 0.5:
        return draw.phrase(
            ["Write {} as a word.", "Write {} in words.", "{} in words?", "How do you write {} in words?", "Say {} in words.",
             "How is {} written as a word?", "Turn {} into words.", "The number {} in words?", "Spell the number {} in words.",
             "{} as a word?", "Put {} into words.", "How do you say {} in words?"],
            ["Please write {} in words.", "What is {} in words?"],
        ).format(number), in_words(number)
    return draw.phrase(
        ["Write {} as a number.", "Write {} in digits.", "{} in digits?", "Which number is {}?", "{} as digits?", "Turn {} into digits.",
         "How is {} written in digits?", "{} is which number in digits?", "Put {} into digits.", "What number is {} in digits?",
         "How do you write {} in digits?"],
        ["Please write {} in digits.", "What is {} in digits?"],
    ).format(in_words(number)), str(number)


FAMILIES = {"add": _add, "subtract": _subtract, "multiply": _multiply, "larger": _larger, "sort_numbers": _sort, "extreme": _extreme,
            "parity": _parity, "continue": _continue, "count": _count, "numeral": _numeral, "in_words": _in_words}
