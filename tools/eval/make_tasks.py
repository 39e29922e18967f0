#!/usr/bin/env python3
"""Held-out tasks for the embedded model, drawn from a seed, one JSON object a line (docs/evaluation.md).

    tools/eval/make_tasks.py [--per-family N] [--family A,B] [--seed S] > tasks.jsonl

Every prompt has a phrasing, and where its answer is no fact, operands that the training text never has
(docs/training.md). Families of few facts give fewer than N.
"""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent.parent / "train"))

from corpus.mixture import EXACT, held_out_tasks  # noqa: E402  (found there)


def line(task):
    stated = {"family": task.family}
    if len(task.messages) == 1:
        stated["prompt"] = task.messages[0]["content"]
    else:
        stated["messages"] = task.messages
    if task.tools:
        stated["tools"] = task.tools
    if task.tool_call:
        stated["tool_call"] = task.tool_call
    else:
        stated["answer"] = task.answer
    return json.dumps(stated, ensure_ascii=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-family", type=int, default=12)
    parser.add_argument("--family", help="names with commas between; default: all")
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    families = arguments.family.split(",") if arguments.family else EXACT
    unknown = sorted(set(families) - set(EXACT))
    if unknown:
        parser.error(f"--family: not known: {', '.join(unknown)}; known: {', '.join(EXACT)}")
    if arguments.per_family < 1:
        parser.error(f"--per-family: want at least 1, got {arguments.per_family}")
    for task in held_out_tasks(arguments.per_family, arguments.seed, families):
        print(line(task))


if __name__ == "__main__":
    main()
