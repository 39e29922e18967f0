#!/usr/bin/env python3
"""Whole chat templates against jinja2: every template in the style of a family, with every conversation.

Usage: compare_families.py PROBE RANDOM_CHATS [FIRST_SEED]   (from the root of the repository)

Prints one line a template, and the first differences; exit status 1 when there is one.
"""
import glob
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "templates")]
import conversations  # noqa: E402
import jinja_reference  # noqa: E402

SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
SHOWN = 10


class Probe:
    """Answers in order; whole batches are written at once, because a pipe's round trip costs more than a rendering."""

    def __init__(self, path):
        self.path = path

    def answers(self, lines):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run([self.path], input=text.encode(), stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.decode().split("\n") if line]


def expected(template, context):
    try:
        return {"text": jinja_reference.comparable(template.render(**context))}
    except Exception as error:  # jinja2 lets Python's own exceptions through
        return {"error": "%s: %s" % (type(error).__name__, error)}


def agree(ours, theirs):
    if "error" in theirs:
        return "error" in ours and ours.get("code") == "INVALID_ARGUMENT"
    return "text" in ours and jinja_reference.comparable(ours["text"]) == theirs["text"]


def compare(env, probe, path, chats):
    """(texts, differences) of one template."""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    template = env.from_string(source)
    contexts = [{**SPECIAL_TOKENS, **variables} for _, variables in chats]
    answers = probe.answers([{"templates": {"default": source}, "special_tokens": {}}] +
                            [{"context": context} for context in contexts])
    if "error" in answers[0]:
        return 0, [("does not compile", answers[0], {})]
    texts, differences = 0, []
    for (name, _), context, ours in zip(chats, contexts, answers[1:]):
        theirs = expected(template, context)
        texts += "text" in theirs
        if not agree(ours, theirs):
            differences.append((name, ours, theirs))
    return texts, differences


def show(path, name, ours, theirs):
    print("%s, %s\n  ours:   %s\n  jinja2: %s" % (os.path.basename(path), name, str(ours)[:600], str(theirs)[:600]))


def main():
    probe, count = Probe(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    chats = list(conversations.all_chats(seed, count))
    env = jinja_reference.environment()
    start, shown, total, texts = time.time(), 0, 0, 0
    paths = sorted(glob.glob("tests/data/templates/chats/**/*.jinja", recursive=True))
    for path in paths:
        rendered, differences = compare(env, probe, path, chats)
        total, texts = total + len(chats), texts + rendered
        print("%-28s %4d chats, %4d texts, %d differ" % (os.path.basename(path), len(chats), rendered, len(differences)))
        for name, ours, theirs in differences[:max(0, SHOWN - shown)]:
            show(path, name, ours, theirs)
        shown += len(differences)
    print("%d templates, %d renderings, %d texts, %d differ, %.1f s, jinja2 %s" % (
        len(paths), total, texts, shown, time.time() - start, ".".join(map(str, jinja_reference.VERSION))))
    if len(paths) < 50 or texts < total // 2:
        sys.exit("too little was compared")
    sys.exit(1 if shown else 0)


if __name__ == "__main__":
    main()
