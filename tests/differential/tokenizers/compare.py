#!/usr/bin/env python3
"""compare.py --probe TOKENIZER_PROBE [--data DIR] [--seed N] [--strings N] [--only SUBSTRING]
compare.py --write-sample FILE

Compares our tokenizer (the probe) with Python's `tokenizers`, which must be importable, on random and hostile texts:
ids with and without special tokens, ids of untrusted text, and how ids read, whole and streamed. Ends with exit code 1
when anything differs. The second form stores what `tokenizers` answers to a few strings a kind, for sample_test:
  python3 tests/differential/tokenizers/compare.py --write-sample tests/data/tokenizers/differential/sample.json
Run by Bazel in shards, each process takes its part of the kinds.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time

import tokenizers

import kinds
import texts

REFERENCE = "0.23.3"
SAMPLE_STRINGS = 7


class Kind:
    def __init__(self, name, base, patch, data):
        self.name, self.base, self.patch = name, base, patch
        document = json.loads((data / base / "tokenizer.json").read_text("utf-8")) if base else {}
        self.document = kinds.merge_patch(document, patch)
        self.text = json.dumps(self.document, ensure_ascii=False)

    def material(self, prose):
        vocabulary = self.document["model"]["vocab"]
        names = list(vocabulary) if isinstance(vocabulary, dict) else [entry[0] for entry in vocabulary]
        words = [name.replace("\u0120", " ").replace("\u010a", "\n").replace("\u2581", " ") for name in names if len(name) > 1]
        added = [entry["content"] for entry in self.document.get("added_tokens", []) if entry["content"]]
        return texts.Material(added, words, prose)


def reference(kind):
    tokenizer = tokenizers.Tokenizer.from_str(kind.text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


class Failed:
    """What `tokenizers` refuses, we may refuse too, or answer."""


def attempt(action):
    try:
        return action()
    except BaseException as problem:  # a Rust panic is not an Exception
        if isinstance(problem, KeyboardInterrupt):
            raise
        return Failed


def decoded(tokenizer, ids):
    return {"decoded": attempt(lambda: tokenizer.decode(ids, skip_special_tokens=False)),
            "skipped": attempt(lambda: tokenizer.decode(ids, skip_special_tokens=True))}


def encoded(tokenizer, text):
    answer = {"ids": attempt(lambda: tokenizer.encode(text).ids),
              "bare": attempt(lambda: tokenizer.encode(text, add_special_tokens=False).ids)}
    tokenizer.encode_special_tokens = True
    answer["untrusted"] = attempt(lambda: tokenizer.encode(text, add_special_tokens=False).ids)
    tokenizer.encode_special_tokens = False
    if answer["bare"] is not Failed:
        answer.update(decoded(tokenizer, answer["bare"]))
    return answer


def random_ids(chooser, known):
    end = len(known) if chooser.random() < 0.5 else min(len(known), 300)
    return [known[chooser.randrange(end)] for _ in range(chooser.randrange(24) if known else 0)]


def questions_of(kind, seed, strings, prose):
    """Texts, and lists of ids: nine to one."""
    chooser = random.Random("%s/%s" % (seed, kind.name))
    material = kind.material(prose)
    known = sorted(set(reference(kind).get_vocab().values()))
    ids = [{"decode": random_ids(chooser, known)} for _ in range(strings // 9 + 1)]
    return [{"text": texts.make(chooser, material)} for _ in range(strings)] + ids


def ask(probe, kind, questions):
    lines = [json.dumps({"parse": kind.text})] + [json.dumps(question) for question in questions]
    done = subprocess.run([probe], input="\n".join(lines).encode(), stdout=subprocess.PIPE, check=False)
    answers = [json.loads(line) for line in done.stdout.decode("utf-8").split("\n") if line]
    if done.returncode != 0 or len(answers) != len(lines):
        raise SystemExit("%s: the probe ended with %d after %d of %d answers: %s" %
                         (kind.name, done.returncode, len(answers), len(lines), lines[min(len(answers), len(lines) - 1)][:300]))
    return answers[0], answers[1:]


def differences(question, ours, theirs):
    for key, want in theirs.items():
        if want is Failed:
            continue
        if ours.get(key) != want:
            yield key, ours.get(key), want
        elif key in ("decoded", "skipped") and ours["streamed_" + key] != want:
            yield "streamed_" + key, ours["streamed_" + key], want


def compare(kind, arguments, prose):
    started = time.monotonic()
    tokenizer = attempt(lambda: reference(kind))
    if tokenizer is Failed:
        verdict, _ = ask(arguments.probe, kind, [])
        print("%-40s tokenizers refuses it, we %s" % (kind.name, "too" if "error" in verdict else "do not"), flush=True)
        return 0
    questions = questions_of(kind, arguments.seed, arguments.strings, prose)
    verdict, answers = ask(arguments.probe, kind, questions)
    if "error" in verdict:
        print("%-40s NOT LOADED: %s" % (kind.name, verdict["error"]), flush=True)
        return 1
    wrong = refused = 0
    for question, ours in zip(questions, answers):
        theirs = encoded(tokenizer, question["text"]) if "text" in question else decoded(tokenizer, question["decode"])
        refused += any(value is Failed for value in theirs.values())
        found = list(differences(question, ours, theirs))
        wrong += bool(found)
        if found and wrong <= arguments.show:
            print("%s: %s" % (kind.name, json.dumps(question)))
            for key, got, want in found[:2]:
                print("    %s\n      ours   %s\n      theirs %s" % (key, json.dumps(got)[:300], json.dumps(want)[:300]))
    print("%-40s %d of %d differ, %d refused by tokenizers, %.1f s" %
          (kind.name, wrong, len(questions), refused, time.monotonic() - started), flush=True)
    return 1 if wrong else 0


def sampled(kind, seed, prose):
    """What `tokenizers` answers; an answer is left out where it equals the one before it or the text."""
    tokenizer = attempt(lambda: reference(kind))
    if tokenizer is Failed:
        return None
    cases = []
    for question in questions_of(kind, seed, SAMPLE_STRINGS * (1 if kind.patch else 8), prose):
        answer = encoded(tokenizer, question["text"]) if "text" in question else decoded(tokenizer, question["decode"])
        if Failed in answer.values() or len(question.get("text", "")) > 150:
            continue
        if answer.get("untrusted") == answer.get("bare"):
            answer.pop("untrusted", None)
        if answer.get("bare") == answer.get("ids"):
            answer.pop("bare", None)
        if answer["skipped"] == answer["decoded"]:
            del answer["skipped"]
        if answer["decoded"] == question.get("text"):
            del answer["decoded"]
        cases.append(dict(question, **answer))
    return {"name": kind.name, "base": kind.base, "patch": kind.patch, "cases": cases}


def write_sample(chosen, seed, prose, path):
    lines = [json.dumps(sample, separators=(",", ":")) for sample in (sampled(kind, seed, prose) for kind in chosen) if sample]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", "ascii")


def my_shard(chosen):
    total = int(os.environ.get("TEST_TOTAL_SHARDS", "1"))
    if "TEST_SHARD_STATUS_FILE" in os.environ:
        pathlib.Path(os.environ["TEST_SHARD_STATUS_FILE"]).touch()
    return chosen[int(os.environ.get("TEST_SHARD_INDEX", "0"))::total]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("tests/data/tokenizers"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strings", type=int, default=20000)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", type=int, default=3)
    parser.add_argument("--write-sample", type=pathlib.Path)
    arguments = parser.parse_args()
    if tokenizers.__version__ != REFERENCE:
        raise SystemExit("the reference is tokenizers %s, this is %s" % (REFERENCE, tokenizers.__version__))
    bases = sorted(path.parent.name for path in arguments.data.glob("*/tokenizer.json"))
    prose = [case["text"] for base in bases if (arguments.data / base / "cases.json").exists()
             for case in json.loads((arguments.data / base / "cases.json").read_text("utf-8"))["cases"]][:300]
    chosen = [Kind(base, base, {}, arguments.data) for base in bases]
    chosen += [Kind(name, base, patch, arguments.data) for name, base, patch in kinds.constructed()]
    chosen = [kind for kind in chosen if arguments.only in kind.name]
    if arguments.write_sample:
        write_sample(chosen, arguments.seed, prose, arguments.write_sample)
        return 0
    chosen = my_shard(chosen)
    wrong = sum(compare(kind, arguments, prose) for kind in chosen)
    print("%d of %d tokenizers differ" % (wrong, len(chosen)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
