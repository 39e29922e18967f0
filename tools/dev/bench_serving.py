#!/usr/bin/env python3
"""bench_serving.py FOREGATED FOREGATE [MODEL_DIR]: tokens per second and time to first token over real gRPC.

Closed loop on one machine, client included: it says what a user of this machine sees, and is no load test. Each figure
is the median of the repetitions with their coefficient of variation; more than 5 % is noise. The times are the
server's own (RequestSummary.timings); the daemon's threads and the client share the cores.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

REPETITIONS = 9
SAMPLES = (1, 4, 16)  # rows of one decode step
PROMPT_TOKENS = (16, 64, 192)
DECODE_TOKENS = 48


def start(daemon, model, folder):
    ready_file = os.path.join(folder, "ready.json")
    log = open(os.path.join(folder, "log"), "wb")
    process = subprocess.Popen(
        [daemon, "--model", model, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
         "--metrics-listen", "127.0.0.1:0", "--log-level", "warn", "--lifecycle.ready_file", ready_file],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for _ in range(600):
        if os.path.exists(ready_file) and os.path.getsize(ready_file) > 0:
            break
        if process.poll() is not None:
            sys.exit("foregated ended with %s" % process.returncode)
        time.sleep(0.05)
    with open(ready_file, encoding="utf-8") as file:
        return process, json.load(file)["data"]


class Bench:
    def __init__(self, cli, address):
        self.command = [cli, "--address", address, "--json"]
        self.salts = itertools.count()

    def run(self, *args):
        return json.loads(subprocess.run(self.command + list(args), check=True, capture_output=True, text=True).stdout)

    def generate(self, prompt_tokens, samples, max_tokens):
        salt = next(self.salts)
        ids = ",".join(str(3 + (salt * 7919 + i * 104729) % 2000) for i in range(prompt_tokens))
        # A salt of each call's own: prefix-cache hits would measure the cache instead of the model.
        return self.run("generate", "--ids", ids, "--no-stream", "--ignore-eos", "--temperature", "1", "--seed", "1",
                        "-n", str(samples), "--max-tokens", str(max_tokens), "--cache-salt", str(salt))["summary"]

    def measure(self, title, value, unit, *args):
        values = [value(self.generate(*args)) for _ in range(REPETITIONS + 1)][1:]  # the first one warms up
        median = statistics.median(values)
        print("%-44s %10.1f %-9s CV %4.1f %%" % (title, median, unit, 100 * statistics.stdev(values) / median))


def decode_rate(summary):
    timings = summary["timings"]
    return 1e6 * summary["usage"]["generated_tokens"] / (timings["total_us"] - timings["first_token_us"])


def main():
    daemon, cli = sys.argv[1:3]
    model = sys.argv[3] if len(sys.argv) > 3 else "models/mini"
    with tempfile.TemporaryDirectory() as folder:
        process, address = start(daemon, model, folder)
        try:
            bench = Bench(cli, address)
            status = bench.run("status", "--wait")
            shape = bench.run("models")["architecture"]
            print("%s %s, %d parameters, isa %s, %d threads" % (
                shape["family"], shape["weights_format"], shape["num_parameters"], status["server"]["isa"],
                status["server"]["compute_threads"]))
            for tokens in PROMPT_TOKENS:
                bench.measure("time to first token, prompt of %d" % tokens,
                              lambda summary: summary["timings"]["first_token_us"] / 1000, "ms", tokens, 1, 1)
                bench.measure("prefill, prompt of %d" % tokens,
                              lambda summary, n=tokens: 1e6 * n / max(1, summary["timings"]["prefill_us"]), "tokens/s",
                              tokens, 1, 1)
            for samples in SAMPLES:
                bench.measure("decode, %d at once" % samples, decode_rate, "tokens/s", 16, samples, DECODE_TOKENS)
        finally:
            process.terminate()
            process.wait(timeout=60)


if __name__ == "__main__":
    main()
