#!/usr/bin/env python3
"""expert_view_test.py FOREGATED FOREGATE MODEL_DIR: what the daemon says of its experts agrees wherever it says it."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
import urllib.request

DAEMON, CLI, MODEL = sys.argv[1:4]
DEADLINE_S = 120
SLOT_STATES = ("EXPERT_RESIDENCY_LOADING", "EXPERT_RESIDENCY_RESIDENT", "EXPERT_RESIDENCY_PINNED")


class Daemon:
    def __init__(self, folder, *flags):
        self.ready_file = os.path.join(folder, "ready.json")
        if os.path.exists(self.ready_file):
            os.remove(self.ready_file)
        self.process = subprocess.Popen(
            [DAEMON, "--model", MODEL, "--model-name", "m", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             "--metrics-listen", "127.0.0.1:0", "--log-level", "warn", "--lifecycle.ready_file", self.ready_file,
             *flags], stdin=subprocess.DEVNULL)
        end = time.monotonic() + DEADLINE_S
        while not (os.path.exists(self.ready_file) and os.path.getsize(self.ready_file) > 0):
            assert self.process.poll() is None and time.monotonic() < end, "the daemon did not start"
            time.sleep(0.02)
        with open(self.ready_file, encoding="utf-8") as file:
            self.listeners = json.load(file)
        self.run("status", "--wait", "--timeout", str(DEADLINE_S))

    def command(self, *arguments):
        return [CLI, "--address", self.listeners["data"], *arguments]

    def run(self, *arguments):
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=DEADLINE_S)
        assert done.returncode == 0, (arguments, done.returncode, done.stderr)
        return done.stdout

    def generate(self, ids="5,6,7,8", tokens=24):
        return self.run("generate", "--ids", ids, "--temperature", "0", "--ignore-eos", "--max-tokens", str(tokens),
                        "--no-stream", "--print-ids")

    def metrics(self):
        """{(name, (sorted labels)): value}"""
        with urllib.request.urlopen("http://%s/metrics" % self.listeners["metrics"]) as answer:
            body = answer.read().decode()
        found = {}
        for name, labels, value in re.findall(r"^foregate_(\w+)(?:\{([^}]*)\})? (\S+)$", body, re.M):
            found[(name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels))))] = float(value)
        return found

    def await_rest(self):
        """Until no request runs and no guess of the last step is being read."""
        end = time.monotonic() + DEADLINE_S
        while True:
            metrics = self.metrics()
            if total(metrics, "requests_running") + total(metrics, "expert_reads_pending") == 0:
                return
            assert time.monotonic() < end, "the daemon does not come to rest"
            time.sleep(0.02)

    def stop(self, sent=signal.SIGTERM):
        self.process.send_signal(sent)
        return self.process.wait(timeout=DEADLINE_S)


def total(metrics, name, **labels):
    wanted = set(labels.items())
    return sum(value for (of, have), value in metrics.items() if of == name and wanted <= set(have))


class ExpertViewTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name

    def start(self, *flags):
        daemon = Daemon(self.folder, *flags)
        self.addCleanup(daemon.process.wait)
        self.addCleanup(daemon.process.kill)
        return daemon

    def start_with_few_slots(self):
        return self.start("--model.cache_dir", self.folder, "--expert-memory", "30%")

    def test_top_the_service_and_the_metrics_agree(self):
        daemon = self.start_with_few_slots()
        for ids in ("5,6,7,8", "9,9,1,3,2,40,41,42,43", "57"):
            daemon.generate(ids)
        daemon.await_rest()
        top = json.loads(daemon.run("top", "--once", "--json", "--interval", "0.05"))
        stats = json.loads(daemon.run("experts", "--json"))
        metrics = daemon.metrics()

        tier, found = stats["tier"], top["since_start"]["found"]
        self.assertFalse(tier["holds_all"])
        self.assertLess(tier["num_slots"], tier["num_experts"])
        self.assertGreater(found["misses"], 0)
        self.assertEqual(found["hits"] + found["late"] + found["misses"], found["acquired"])
        for name, label in (("hits", "resident"), ("late", "late"), ("misses", "absent")):
            of_layers = sum(layer[name] for layer in stats["layers"])
            self.assertEqual(of_layers, found[name], name)
            self.assertEqual(tier[name], found[name], name)
            self.assertEqual(total(metrics, "expert_acquired_total", found=label), found[name], name)
            self.assertEqual(sum(group[name] for group in top["since_start"]["layer_groups"]), found[name], name)
        self.assertEqual(total(metrics, "expert_evictions_total"), tier["evictions"])
        self.assertEqual(top["since_start"]["evictions"], tier["evictions"])
        # Nothing runs, so every layer acquired what its rows chose: no less than a token's experts, no more than all.
        steps = total(metrics, "engine_steps_total")
        self.assertLessEqual(found["acquired"], steps * tier["num_experts"])

        in_slots = sum(state in SLOT_STATES for layer in stats["layers"] for state in layer["residency"])
        self.assertEqual([len(layer["residency"]) for layer in stats["layers"]],
                         [stats["num_experts"]] * len(stats["layers"]))
        self.assertGreater(in_slots, 0)
        self.assertLessEqual(in_slots, tier["num_slots"])
        self.assertEqual(top["tier"]["in_memory"], in_slots)
        self.assertEqual(top["tier"]["slots"], tier["num_slots"])
        self.assertTrue(all(layer["expert_bytes"] > 0 for layer in stats["layers"]))

        for reads in tier["reads"]:
            kind = reads["read_class"].replace("EXPERT_READ_CLASS_", "").lower()
            self.assertEqual(reads["bytes_read"], total(metrics, "expert_read_bytes_total", **{"class": kind}))
            self.assertEqual(reads["bytes_read"], top["since_start"]["reads"][kind]["bytes"])
            self.assertEqual(reads["experts_read"], total(metrics, "expert_read_seconds_count", **{"class": kind}))
            self.assertEqual(total(metrics, "expert_reads_pending", **{"class": kind}), 0)
        self.assertEqual(tier["pieces_read"], total(metrics, "expert_read_piece_seconds_count"))
        self.assertGreater(tier["pieces_read"], 0)
        # What was waited for, by class, is what the engine waited, but for its way to the queue and for rounding.
        waited = sum(reads["stall_us"] for reads in tier["reads"])
        self.assertGreater(waited, 0)
        self.assertLessEqual(waited, 1.01 * tier["stall_us"] + 1000)
        self.assertEqual(tier["read_failures"], 0)
        self.assertIn("not all in memory", daemon.run("models"))
        self.assertEqual(daemon.stop(), 0)

    def test_rates_are_those_of_the_interval(self):
        daemon = self.start_with_few_slots()
        is_over = threading.Event()

        def load():
            while not is_over.is_set():
                daemon.generate(tokens=64)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            top = json.loads(daemon.run("top", "--once", "--json", "--interval", "1"))
        finally:
            is_over.set()
            thread.join()
        self.assertGreater(top["now"]["generated_tokens_per_s"], 0)
        self.assertGreater(top["now"]["found"]["acquired"], 0)
        self.assertLess(top["now"]["found"]["acquired"], top["since_start"]["found"]["acquired"] + 1)
        self.assertGreater(top["now"]["seconds"], 0.9)
        self.assertGreater(len(top["tier"]["busiest"]), 0)

    def test_a_model_in_memory_is_all_resident(self):
        daemon = self.start()
        stats = json.loads(daemon.run("experts", "--json"))
        self.assertTrue(stats["tier"]["holds_all"])
        self.assertEqual({state for layer in stats["layers"] for state in layer["residency"]},
                         {"EXPERT_RESIDENCY_RESIDENT"})
        self.assertIn("stay in memory", daemon.run("top", "--once", "--interval", "0.05"))
        self.assertEqual(total(daemon.metrics(), "expert_acquired_total"), 0)

    def test_frames_end_when_the_daemon_goes_away(self):
        daemon = self.start()
        top = subprocess.Popen(daemon.command("top", "--interval", "0.05"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("foregate top - m, ready", top.stdout.readline())
        daemon.stop(signal.SIGKILL)
        out, err = top.communicate(timeout=DEADLINE_S)
        self.assertEqual(top.returncode, 4, err)
        self.assertIn("cannot reach " + daemon.listeners["data"], err)
        self.assertNotIn("\x1b", out)

    def test_a_terminal_gets_frames_of_its_size_and_its_cursor_back(self):
        daemon = self.start_with_few_slots()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(CLI, daemon.command("top", "--interval", "0.05"))
        self.addCleanup(os.close, terminal)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 30, 0, 0))

        def read_until(wanted):
            seen = b""
            end = time.monotonic() + DEADLINE_S
            while wanted(seen) is None:
                self.assertLess(time.monotonic(), end, seen)
                if select.select([terminal], [], [], 1)[0]:
                    seen += os.read(terminal, 65536)
            return wanted(seen), seen

        def narrow_frame(seen):
            # A whole frame of the size set above: the first may have been drawn before.
            frames = [part for part in seen.split(b"\x1b[?25l\x1b[H")[1:] if part.endswith(b"\x1b[J\x1b[?25h")]
            frames = [frame.removeprefix(b"\x1b[2J").removesuffix(b"\x1b[J\x1b[?25h").split(b"\x1b[K\r\n")[:-1]
                      for frame in frames]
            return next((lines for lines in frames if all(len(line) <= 30 for line in lines)), None)

        lines, output = read_until(narrow_frame)
        self.assertEqual(len(lines), 11)
        self.assertTrue(lines[0].startswith(b"foregate top - m, ready"), lines)
        os.write(terminal, b"\x03")
        try:
            while chunk := os.read(terminal, 65536):
                output += chunk
        except OSError:
            pass  # the other side has been closed
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130)
        self.assertEqual(output.count(b"\x1b[?25l"), output.count(b"\x1b[?25h"), output)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
