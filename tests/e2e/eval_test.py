#!/usr/bin/env python3
"""eval_test.py FOREGATED FOREGATE MAKE_TASKS MODEL_DIR: `foregate eval` against the real daemon."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon_process import DaemonProcess  # noqa: E402  (beside this file)

DAEMON, CLI, MAKE_TASKS, MODEL = sys.argv[1:5]
DEADLINE_S = 120


class Daemon(DaemonProcess):
    def __init__(self, *flags):
        super().__init__(DAEMON, CLI, MODEL, *flags)


class EvalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.daemon = Daemon().__enter__()
        cls.addClassCleanup(cls.daemon.__exit__)
        cls.tasks = cls.make_tasks("tasks.jsonl", 3)
        with open(cls.tasks, encoding="utf-8") as file:
            cls.families = sorted({json.loads(line)["family"] for line in file})

    @classmethod
    def make_tasks(cls, name, per_family):
        path = os.path.join(cls.folder, name)
        with open(path, "wb") as file:
            subprocess.run([sys.executable, "-B", MAKE_TASKS, "--per-family", str(per_family), "--seed", "11"], stdout=file,
                           check=True)
        return path

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, *tasks):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(task) + "\n" for task in tasks)
        return self.path(name)

    def report(self, *words, daemon=None):
        done = (daemon or self.daemon).cli("eval", "--json", "-", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_table_of_families(self):
        done = self.daemon.cli("eval", self.tasks)
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in ("family", "all tasks", "mean of families", *self.families):
            self.assertIn("\n" + line + " ", done.stdout)
        self.assertIn("tasks/s", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

    def test_the_model_answers(self):
        report = self.report(self.tasks, "--prompt-logprobs")
        self.assertEqual(report["tasks"]["failed"], 0)
        self.assertEqual(report["all"]["answered"] + report["tasks"]["repeated"], 120)
        self.assertGreater(report["all"]["accuracy"], 0.5)
        self.assertGreater(report["mean_family_accuracy"], 0.5)
        self.assertLess(report["all"]["interval"][0], report["all"]["accuracy"])
        self.assertEqual(sorted(family["family"] for family in report["families"]), self.families)
        self.assertGreaterEqual(report["all"]["perplexity"]["answer"], 1)

    def test_a_run_agrees_with_itself_and_not_with_other_weights(self):
        self.report(self.tasks, "--prompt-logprobs", "--save", self.path("stored.jsonl"))
        # Matched by what they are, not where they stand.
        with open(self.tasks, encoding="utf-8") as file:
            lines = file.readlines()
        random.Random(1).shuffle(lines)
        with open(self.path("shuffled.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(lines)
        against = ("--prompt-logprobs", "--against", self.path("stored.jsonl"))
        same = self.report(self.path("shuffled.jsonl"), *against, "--concurrency", "3")["all"]["against"]
        self.assertEqual(same["same_reply"], same["pairs"])
        self.assertEqual((same["change"], same["only_reference"], same["only_this"]), (0, 0, 0))
        for text in (same["answer"], same["all"]):
            self.assertEqual(text["kl_bound"], 0)
            self.assertAlmostEqual(text["perplexity_ratio"], 1, 9)
            self.assertEqual(text["same_top"], 1)
        with Daemon("--weights", "int4") as daemon:
            other = self.report(self.tasks, *against, daemon=daemon)
        self.assertNotEqual(other["run"]["weights"], other["against"]["run"]["weights"])
        self.assertGreater(other["all"]["against"]["all"]["kl_bound"], 0)
        self.assertGreater(other["all"]["against"]["answer"]["kl_bound"], 0)
        self.assertEqual(other["all"]["against"]["pairs"], same["pairs"])

    def test_a_mismatch_says_what_differs(self):
        self.report(self.tasks, "--save", self.path("part.jsonl"), "--limit", "2")
        done = self.daemon.cli("eval", self.tasks, "--against", self.path("part.jsonl"), "--limit", "3")
        self.assertEqual(done.returncode, 2)
        count = len(self.families)
        self.assertIn("it lacks %d of %d" % (count, 3 * count), done.stderr)
        done = self.daemon.cli("eval", self.tasks, "--against", self.path("part.jsonl"), "--prompt-logprobs")
        self.assertEqual(done.returncode, 2)
        self.assertIn("without --prompt-logprobs", done.stderr)

    def test_bad_files_name_line_and_field(self):
        path = self.write("bad.jsonl", {"family": "f", "prompt": "p", "answer": "a"},
                          {"family": "f", "prompt": 3, "answer": "a"})
        done = self.daemon.cli("eval", path)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, "foregate: %s line 2: prompt must be a string, is number\n" % path)
        self.assertEqual(self.daemon.cli("eval", self.path("none")).returncode, 2)
        done = self.daemon.cli("eval", self.tasks, "--against", self.tasks)
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 1: not the first line", done.stderr)

    def test_a_refused_request_is_counted_and_named(self):
        path = self.write("long.jsonl", {"family": "long", "prompt": "word " * 20000, "answer": "a"},
                          {"family": "short", "prompt": "What is 1 + 1?", "answer": "2"})
        done = self.daemon.cli("eval", path, "--json", self.path("long.json"))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("the task at line 1 (long) failed: INVALID_ARGUMENT", done.stderr)
        with open(self.path("long.json"), encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual(report["tasks"]["failed"], 1)
        self.assertEqual(report["all"]["answered"], 1)

    def test_ctrl_c_keeps_what_there_is(self):
        tasks = self.make_tasks("many.jsonl", 500)
        saved = self.path("many_results.jsonl")
        client = subprocess.Popen(self.daemon.command("eval", tasks, "--concurrency", "1", "--prompt-logprobs",
                                                      "--save", saved),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + DEADLINE_S
        while not (os.path.exists(saved + ".part") and os.path.getsize(saved + ".part") > 10000):
            assert client.poll() is None and time.monotonic() < end, "nothing was saved"
            time.sleep(0.01)
        client.send_signal(signal.SIGINT)
        out, err = client.communicate(timeout=DEADLINE_S)
        self.assertEqual(client.returncode, 130, err)
        self.assertIn("INTERRUPTED", out)
        self.assertIn("the results so far are in %s.part" % saved, err)
        self.assertFalse(os.path.exists(saved))

    def test_nobody_there(self):
        done = subprocess.run([CLI, "eval", self.tasks, "--address", "127.0.0.1:1", "--retry", "0"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 4, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
