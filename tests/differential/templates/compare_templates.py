#!/usr/bin/env python3
"""Renders templates with jinja2 and with the probe, and compares texts, and where there are errors.

Usage: compare_templates.py PROBE NUM_RANDOM [FIRST_SEED]
"""
import copy
import json
import pathlib
import subprocess
import sys

import jinja_reference
import random_templates
from template_data import CONTEXT

HERE = pathlib.Path(__file__).parent
NEWLINE = "⏎"  # a line end inside of a template of the table


def table():
    """(name, source) of the hand-written constructs: a template a line; "#" at the start of a line is a heading."""
    for path in sorted((HERE / "constructs").glob("*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line and not line.startswith("# "):
                yield f"{path.name}:{number}", line.replace(NEWLINE, "\n")


def ask(probe, cases):
    lines = "".join(json.dumps({"source": source, "context": CONTEXT}) + "\n" for _, source in cases)
    result = subprocess.run([probe], input=lines, capture_output=True, text=True, encoding="utf-8", check=False)
    answers = [json.loads(line) for line in result.stdout.split("\n") if line]
    if result.returncode != 0 or len(answers) != len(cases):
        name, source = cases[min(len(answers), len(cases) - 1)]
        sys.exit(f"the probe ended with {result.returncode} at {name}: {source!r}\n{result.stderr[-2000:]}")
    return answers


def difference(expected, answer):
    """What is wrong with the answer, or None."""
    if "error" in expected:
        if "error" not in answer:
            return f"gave {answer['text']!r}"
        if answer["line"] < 1 or answer["column"] < 1:
            return f"an error without a place: {answer['error']}"
        return None
    if "error" in answer:
        return f"failed: {answer['error']}"
    text = jinja_reference.comparable(answer["text"])
    return None if text == expected["text"] else f"gave {text!r}"


def main():
    probe, num_random = sys.argv[1], int(sys.argv[2])
    first_seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    cases = list(table())
    num_table = len(cases)
    cases += [(f"seed {seed}", random_templates.make(seed)) for seed in range(first_seed, first_seed + num_random)]
    env = jinja_reference.environment()
    failures = errors = 0
    for (name, source), answer in zip(cases, ask(probe, cases)):
        # A copy: Python lets some filters write into what they are given (the probe reads its context anew each time).
        expected = jinja_reference.render(env, source, copy.deepcopy(CONTEXT))
        errors += "error" in expected
        wrong = difference(expected, answer)
        if wrong is not None:
            failures += 1
            if failures <= 60:
                print(f"{name}: {source!r}\n  expected {expected}\n  {wrong}")
    print(f"jinja2 {jinja_reference.jinja2.__version__}: {num_table} constructs, {num_random} random templates, "
          f"{errors} of them errors, {failures} differences")
    if num_table < 300 or errors > 0.6 * len(cases):
        sys.exit("too few templates, or too few that render, to mean anything")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
