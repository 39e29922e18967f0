#!/usr/bin/env python3
"""loadgen_test.py FOREGATED FOREGATE_LOADGEN MODEL_DIR: the load generator against the real daemon."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

DAEMON, LOADGEN, MODEL = sys.argv[1:4]
DEADLINE_S = 120


class LoadgenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        ready_file = os.path.join(folder.name, "ready.json")
        # The daemon counts a call until a moment after its client has seen the end: a client may count twice. Loops of
        # up to 4 clients fit, 16 do not.
        limit = "8"
        cls.process = subprocess.Popen(
            [DAEMON, "--model", MODEL, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--metrics-listen",
             "127.0.0.1:0", "--limits.max_concurrent_calls", limit, "--log-level", "warn", "--lifecycle.ready_file",
             ready_file], stdin=subprocess.DEVNULL)
        cls.addClassCleanup(cls.process.wait)
        cls.addClassCleanup(cls.process.kill)
        end = time.monotonic() + DEADLINE_S
        while not (os.path.exists(ready_file) and os.path.getsize(ready_file) > 0):
            assert cls.process.poll() is None and time.monotonic() < end, "the daemon did not start"
            time.sleep(0.02)
        with open(ready_file, encoding="utf-8") as file:
            cls.address = json.load(file)["data"]
        # The listener opens before the model is loaded.
        while cls.run_loadgen("--requests", "1", "--prompt-tokens", "2", "--output-tokens", "1").returncode != 0:
            assert cls.process.poll() is None and time.monotonic() < end, "the model was not loaded"

    @classmethod
    def command(cls, *flags):
        return [LOADGEN, "--address", cls.address, *flags]

    @classmethod
    def run_loadgen(cls, *flags):
        return subprocess.run(cls.command(*flags), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=DEADLINE_S)

    def report(self, *flags):
        done = self.run_loadgen("--json", "-", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_closed_loop(self):
        report = self.report("--clients", "3", "--requests", "9", "--prompt-tokens", "5:20", "--output-tokens", "12",
                             "--slo-ttft-ms", "0.001", "--slo-itl-ms", "1000000")
        self.assertEqual(report["load"]["loop"], "closed")
        self.assertEqual(report["requests"], {"sent": 9, "ok": 9, "late": 0, "errors": {}})
        self.assertEqual(report["ttft_ms"]["count"], 9)
        self.assertEqual(report["itl_ms"]["count"], 9 * 11)
        self.assertAlmostEqual(report["output_tokens_per_s"] * report["seconds"], 9 * 12, places=3)
        self.assertGreater(report["ttft_ms"]["p50"], 0)
        self.assertLessEqual(report["ttft_ms"]["p99"], report["e2e_ms"]["max"])
        self.assertEqual(report["goodput"]["fraction"], 0)
        self.assertEqual(report["server"]["weights"], "bf16")

    def test_long_prompts_beside_a_closed_loop(self):
        report = self.report("--clients", "2", "--prompt-tokens", "8", "--output-tokens", "64", "--long-prompt-tokens",
                             "300", "--long-prompts", "2", "--long-prompt-gap", "0.2")
        found = report["long_prompts"]
        self.assertEqual((found["sent"], found["ok"], found["errors"]), (2, 2, {}))
        self.assertEqual(found["ttft_ms"]["count"], 2)
        self.assertGreater(found["itl_ms_in_flight"]["count"], 0)
        self.assertEqual(found["itl_ms_in_flight"]["count"] + found["itl_ms_otherwise"]["count"],
                         report["itl_ms"]["count"])
        self.assertGreater(found["itl_p99_in_flight_over_p50_otherwise"], 0)
        self.assertIsNone(self.report("--requests", "1")["long_prompts"])
        refused = self.run_loadgen("--long-prompt-tokens", "900000")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--long-prompt-tokens: the server takes prompts of at most", refused.stderr)

    def test_the_requests_may_end_before_a_long_prompt(self):
        report = self.report("--requests", "2", "--output-tokens", "2", "--long-prompt-tokens", "20",
                             "--long-prompt-gap", "60")
        self.assertEqual(report["requests"]["ok"], 2)
        self.assertEqual(report["long_prompts"]["sent"], 0)

    def test_an_open_loop(self):
        report = self.report("--rate", "20", "--requests", "10", "--clients", "4", "--prompt-tokens", "4",
                             "--output-tokens", "2", "--slo-ttft-ms", "1000000")
        self.assertEqual(report["load"]["rate"], 20)
        self.assertEqual(report["requests"]["ok"], 10)
        self.assertEqual(report["goodput"]["fraction"], 1)

    def test_a_duration_ends_a_closed_loop(self):
        report = self.report("--duration", "0.3", "--prompt-tokens", "4", "--output-tokens", "2")
        self.assertGreater(report["requests"]["ok"], 0)

    def test_overload_is_counted_by_code(self):
        report = self.report("--clients", "16", "--requests", "60", "--prompt-tokens", "64", "--output-tokens", "200")
        self.assertGreater(report["requests"]["ok"], 0)
        self.assertEqual(list(report["requests"]["errors"]), ["RESOURCE_EXHAUSTED"])
        self.assertEqual(report["requests"]["ok"] + report["requests"]["errors"]["RESOURCE_EXHAUSTED"], 60)

    def test_a_table_and_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.json")
            done = self.run_loadgen("--requests", "2", "--output-tokens", "3", "--json", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("2 sent, 2 succeeded", done.stdout)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(json.load(file)["requests"]["ok"], 2)

    def test_what_cannot_be_served_is_refused_once(self):
        done = self.run_loadgen("--prompt-tokens", "900000")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--prompt-tokens", done.stderr)
        self.assertEqual(self.run_loadgen("--token-file", "/nonexistent").returncode, 2)
        unreachable = subprocess.run([LOADGEN, "--address", "127.0.0.1:1"], capture_output=True, text=True,
                                     timeout=DEADLINE_S)
        self.assertEqual(unreachable.returncode, 1)
        self.assertIn("127.0.0.1:1", unreachable.stderr)

    def test_an_interrupt_reports_what_was_done(self):
        process = subprocess.Popen(self.command("--duration", "600", "--output-tokens", "2", "--prompt-tokens", "2"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1)  # any moment will do: before the load begins the exit code is 130
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE_S)
        self.assertIn(process.returncode, (0, 130), err)
        if process.returncode == 0:
            self.assertIn("succeeded", out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
