#!/usr/bin/env python3
"""Tasks with one right answer for the embedded model, drawn from a seed: a JSON line {"family", "prompt", "answer"} each.

    tools/eval/make_tasks.py [--count N] [--seed S] > tasks.jsonl

Only families whose answer follows from the prompt: operands are drawn afresh, so a model that answers has learned the
task and not the line.
"""
import argparse
import json
import random

WORDS = ("anchor basket candle desert engine forest garden hammer island jacket kernel ladder meadow needle orange "
         "pencil planet rocket silver summer ticket tunnel valley window winter yellow bridge castle mirror storm").split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = ("January February March April May June July August September October November December").split()
NAMES = "Ada Ben Cleo Dan Eva Finn Gina Hugo Iris Jon Kim Lena".split()
CITIES = "Paris Oslo Lima Cairo Tokyo Dublin Athens Vienna".split()


def roman(number):
    text = ""
    for value, letters in ((90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        text += letters * (number // value)
        number %= value
    return text


def add(rng):
    a, b = rng.randrange(100), rng.randrange(100)
    return f"What is {a} + {b}?", str(a + b)


def subtract(rng):
    b, a = sorted((rng.randrange(100), rng.randrange(100)))
    return f"What is {a} - {b}?", str(a - b)


def larger(rng):
    a, b = rng.sample(range(1000), 2)
    return f"Which is larger, {a} or {b}?", str(max(a, b))


def sort_numbers(rng):
    numbers = rng.sample(range(100), rng.randrange(3, 6))
    return "Sort these numbers: " + ", ".join(map(str, numbers)), ", ".join(map(str, sorted(numbers)))


def parity(rng):
    number = rng.randrange(1000)
    return f"Is {number} even or odd?", "even" if number % 2 == 0 else "odd"


def spell(rng):
    word = rng.choice(WORDS)
    return f"Spell the word {word}.", "-".join(word)


def reverse(rng):
    word = rng.choice(WORDS)
    return f"Reverse the word {word}.", word[::-1]


def sort_words(rng):
    words = rng.sample(WORDS, rng.randrange(3, 5))
    return "Sort these words: " + ", ".join(words), ", ".join(sorted(words))


def calendar(rng):
    names, unit = (DAYS, "day") if rng.random() < 0.5 else (MONTHS, "month")
    at = rng.randrange(len(names))
    return f"Which {unit} comes after {names[at]}?", names[(at + 1) % len(names)]


def numeral(rng):
    number = rng.randrange(1, 100)
    return f"Write {number} as a Roman numeral.", roman(number)


def extract(rng):
    name, age, city = rng.choice(NAMES), rng.randrange(10, 90), rng.choice(CITIES)
    return f"Extract JSON: {name}, {age}, {city}.", json.dumps({"name": name, "age": age, "city": city})


def count(rng):
    first = rng.randrange(90)
    numbers = range(first, first + rng.randrange(4, 9))
    return f"Count from {numbers[0]} to {numbers[-1]}.", ", ".join(map(str, numbers))


FAMILIES = (add, subtract, larger, sort_numbers, parity, spell, reverse, sort_words, calendar, numeral, extract, count)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=480)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    for i in range(arguments.count):
        family = FAMILIES[i % len(FAMILIES)]
        prompt, answer = family(rng)
        print(json.dumps({"family": family.__name__, "prompt": prompt, "answer": answer}))


if __name__ == "__main__":
    main()
