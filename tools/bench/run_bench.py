#!/usr/bin/env python3
"""run_bench.py BIN_DIR SUITE.. [--model DIR] [--json FILE] [--compare OLD.json]: what `./dev bench` runs.

Suites: kernels, model, server, startup, text. BIN_DIR is where Bazel put the programs. One run, one probe of the machine, one
JSON file: {"machine", "roofline", "commit", "date", "model", "weights", "rows": [see bench_rows.py]}.
Python's standard library only.
"""

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time

import bench_rows

SUITES = ("kernels", "model", "server", "startup", "text")
DEADLINE_S = 900
WARM_STARTS = 5


class Programs:
    def __init__(self, bin_dir):
        def program(path):
            return os.path.join(os.path.abspath(bin_dir), path)
        self.kernels_bench = program("tests/bench/kernels_bench")
        self.engine_bench = program("tests/bench/engine_bench")
        self.step_bench = program("tests/bench/step_bench")
        self.text_bench = program("tests/bench/text_bench")
        self.template_bench = program("tests/bench/template_bench")
        self.daemon = program("server/foregated")
        self.cli = program("client/cli/foregate")
        self.loadgen = program("client/loadgen/foregate-loadgen")
        self.offline = program("tools/offline/foregate-offline")


def run(command):
    """Standard output of a program that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("run_bench.py: %s ended with %d" % (command[0], done.returncode))
    return done.stdout


def run_json(command):
    return json.loads(run(command))


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Daemon:
    """foregated on free ports; times are seconds after the process began."""

    def __init__(self, programs, flags, folder):
        self.programs, self.folder = programs, folder
        ready_file = os.path.join(folder, "ready.json")
        with contextlib.suppress(FileNotFoundError):
            os.remove(ready_file)
        self.log = open(os.path.join(folder, "log"), "wb")
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            [programs.daemon, "--model", flags.model, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             "--metrics-listen", "127.0.0.1:0", "--log-level", "warn", "--lifecycle.ready_file", ready_file,
             *(["--model.weights", flags.weights] if flags.weights else []), *flags.daemon_flag],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        while not (os.path.exists(ready_file) and os.path.getsize(ready_file) > 0):
            self.check()
            time.sleep(0.002)
        self.address = read_json(ready_file)["data"]

    def check(self):
        if self.process.poll() is None and time.monotonic() - self.start < DEADLINE_S:
            return
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            sys.exit("run_bench.py: foregated is not ready (exit code %s):\n%s" %
                     (self.process.poll(), log.read()[-2000:]))

    def cli(self, *args):
        return [self.programs.cli, "--address", self.address, "--retry", "0", *args]

    def first_token(self):
        """Seconds until a request of one token was answered; asks again while the model loads."""
        ask = self.cli("generate", "--ids", "1", "--max-tokens", "1", "--ignore-eos", "--no-stream", "--json")
        while subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
            self.check()
            time.sleep(0.005)
        return time.monotonic() - self.start

    def memory_bytes(self):
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as file:
            sizes = dict(line.split(":", 1) for line in file)
        return {key: 1024 * int(sizes[key].split()[0]) for key in ("VmRSS", "VmHWM")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def google_benchmark(suite, program, flags, folder):
    path = os.path.join(folder, "benchmark.json")
    out = run([program, "--benchmark_repetitions=%d" % flags.repetitions, "--benchmark_report_aggregates_only=true",
               "--benchmark_out=" + path, "--benchmark_out_format=json"])
    return bench_rows.rows_of_benchmark(suite, read_json(path), "probe low" in out)


def kernels_suite(programs, flags, folder):
    return google_benchmark("kernels", programs.kernels_bench, flags, folder)


def text_suite(programs, flags, folder):
    return [row for program in (programs.text_bench, programs.template_bench)
            for row in google_benchmark("text", program, flags, folder)]


def model_suite(programs, flags, folder):
    path = os.path.join(folder, "model.json")
    rows = []
    for program in (programs.engine_bench, programs.step_bench):
        command = [program, "--model", flags.model, "--repetitions", str(flags.repetitions), "--json", path]
        print(run(command + (["--weights", flags.weights] if flags.weights else [])), file=sys.stderr)
        rows += bench_rows.rows_of_engine(read_json(path))
    return rows


def server_suite(programs, flags, folder):
    rows = []
    with Daemon(programs, flags, folder) as daemon:
        daemon.first_token()

        def load(*args):
            return run_json([programs.loadgen, "--address", daemon.address, "--json", "-", "--prompt-tokens",
                             str(flags.prompt_tokens), "--output-tokens", str(flags.output_tokens), *args])

        rate = 0
        for clients in (1, 4, 16):
            requests = str(max(3, clients * flags.requests_per_client))
            reports = [load("--clients", str(clients), "--requests", requests) for _ in range(flags.repetitions)]
            rows += bench_rows.rows_of_load("server/closed loop, %d clients" % clients, reports)
            rate = max(rate, *(r["requests_per_s"] for r in reports))
        # Half of what the server can do: users of a server that is neither idle nor overrun.
        reports = [load("--rate", "%.6f" % (rate / 2), "--requests", str(16 * flags.requests_per_client),
                        "--seed", str(i + 1), "--slo-ttft-ms", str(flags.slo_ttft_ms), "--slo-itl-ms",
                        str(flags.slo_itl_ms)) for i in range(flags.repetitions)]
        rows += bench_rows.rows_of_load("server/open loop, half of full load", reports)
    return rows


def startup_suite(programs, flags, folder):
    """Warm page cache: the first start reads the files and is not counted."""
    times, resident, peak, weights = [], [], [], 0
    for i in range(WARM_STARTS + 1):
        with Daemon(programs, flags, folder) as daemon:
            seconds = daemon.first_token()
            if i == 0:
                weights = int(run_json(daemon.cli("models", "--json"))["architecture"]["weight_bytes"])
                continue
            times.append(1000 * seconds)
            memory = daemon.memory_bytes()
            resident.append(memory["VmRSS"] / 2**20)
            peak.append(memory["VmHWM"] / 2**20)
    rows = [bench_rows.row_of_values("startup/first token, warm page cache", "ms", times),
            bench_rows.row_of_values("startup/resident memory", "MiB", resident),
            bench_rows.row_of_values("startup/peak resident memory", "MiB", peak)]
    if weights:
        rows.append(bench_rows.row("startup/resident memory over weights", "x", rows[1]["value"] * 2**20 / weights))
    return rows


def commit():
    try:
        text = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],
                              capture_output=True, text=True, check=True).stdout.strip()
        return text or "unknown"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def parse(argv):
    parser = argparse.ArgumentParser(description="Runs benchmark suites and compares their figures.")
    parser.add_argument("bin_dir")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="%s (default: all)" % ", ".join(SUITES))
    parser.add_argument("--model", default="models/mini", help="checkpoint for model, server and startup")
    parser.add_argument("--weights", default="", help="format of its matrices, as the daemon's --model.weights")
    parser.add_argument("--json", help="write the figures there")
    parser.add_argument("--compare", metavar="OLD.json", help="print ratios to an older run")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--output-tokens", type=int, default=64)
    parser.add_argument("--requests-per-client", type=int, default=3)
    parser.add_argument("--slo-ttft-ms", type=float, default=1000)
    parser.add_argument("--slo-itl-ms", type=float, default=100)
    parser.add_argument("--daemon-flag", action="append", default=[], metavar="FLAG",
                        help="also given to foregated, as --daemon-flag=--x=y; repeatable")
    flags = parser.parse_args(argv)
    for suite in flags.suites:
        if suite not in SUITES:
            parser.error("unknown suite %r (there are %s)" % (suite, ", ".join(SUITES)))
    flags.suites = flags.suites or list(SUITES)
    if min(flags.repetitions, flags.prompt_tokens, flags.output_tokens, flags.requests_per_client) < 1:
        parser.error("repetitions, tokens and requests are at least 1")
    return flags


def main():
    flags = parse(sys.argv[1:])
    # Before hours of measuring, not after.
    old = read_json(flags.compare) if flags.compare else None
    programs = Programs(flags.bin_dir)
    probe = run_json([programs.offline, "roofline", "--json", "-"])
    result = {"machine": probe["machine"], "roofline": probe, "commit": commit(),
              "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "model": os.path.basename(os.path.abspath(flags.model)), "weights": flags.weights or "stored", "rows": []}
    suites = {"kernels": kernels_suite, "model": model_suite, "server": server_suite, "startup": startup_suite,
              "text": text_suite}
    with tempfile.TemporaryDirectory() as folder:
        for suite in flags.suites:
            print("== %s" % suite, file=sys.stderr)
            result["rows"] += suites[suite](programs, flags, folder)
            if flags.json:  # after each suite: what was measured is kept whatever happens to the next
                with open(flags.json, "w", encoding="utf-8") as file:
                    json.dump(result, file, indent=1)
                    file.write("\n")
    print("%s (%s), commit %s, %s, %s weights%s" % (
        result["machine"]["cpu"], result["machine"]["kind"], result["commit"], result["model"], result["weights"],
        "" if probe["counts"] else "; probe low: something else used the machine"))
    print(bench_rows.table(result["rows"]))
    if old:
        print("\n" + bench_rows.comparison(old, result))


if __name__ == "__main__":
    main()
