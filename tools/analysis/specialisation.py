#!/usr/bin/env python3
"""Which experts work for which kind of task: records routing traces by family of tasks from a daemon, and draws them.

    specialisation.py record --bin DIR --tasks FILE --traces OUT [--model DIR] [--limit N]
    specialisation.py draw --bin DIR --traces DIR --svg FILE [--json FILE]

`record` starts the daemon of DIR (a bazel-bin) on the model and, for each family of the task file, records the routing
of N tasks while `foregate eval` asks them: OUT/FAMILY.fgr (docs/route_trace.md). `draw` needs only the traces.

The picture has a row for each family and a column for each expert of each layer: how much more or less often than an even
share the expert was chosen. Below, for each layer, which two experts are chosen together: how much more often than
their own shares would have it (lift).
"""
import argparse
import collections
import csv
import io
import json
import math
import pathlib
import subprocess
import tempfile
import time

CELL, LEFT, GAP = 9, 110, 8
DEADLINE_S = 60


class Daemon:
    def __init__(self, binaries, model):
        self.binaries = binaries
        self.folder = tempfile.TemporaryDirectory()
        ready = pathlib.Path(self.folder.name, "ready.json")
        self.process = subprocess.Popen(
            [binaries / "server/foregated", "--model", model, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             "--lifecycle.ready_file", ready], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + DEADLINE_S
        while not (ready.exists() and ready.read_text()):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("foregated did not start")
            time.sleep(0.05)
        self.addresses = json.loads(ready.read_text())
        self.run("status", "--wait", "--timeout", str(DEADLINE_S))

    def command(self, *arguments):
        return [self.binaries / "client/cli/foregate", "--address", self.addresses["data"], "--admin-address",
                self.addresses["admin"], *arguments]

    def run(self, *arguments):
        return subprocess.run(self.command(*arguments), check=True, capture_output=True, text=True).stdout

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def record(flags):
    families = list(dict.fromkeys(json.loads(line)["family"] for line in flags.tasks.read_text().splitlines()))
    flags.traces.mkdir(parents=True, exist_ok=True)
    daemon = Daemon(flags.bin, flags.model)
    try:
        for family in families:
            trace = flags.traces / f"{family}.fgr"
            trace.unlink(missing_ok=True)
            recorder = subprocess.Popen(daemon.command("trace", "record", "-o", trace), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
            # The recorder's part file appears when the daemon has begun.
            end = time.monotonic() + DEADLINE_S
            while not any(flags.traces.glob(f"{family}.fgr*")) and time.monotonic() < end:
                time.sleep(0.02)
            daemon.run("eval", str(flags.tasks), "--family", family, "--limit", str(flags.limit), "--concurrency", "1")
            recorder.send_signal(2)
            if recorder.wait() not in (0, 130) or not trace.exists():
                raise SystemExit(f"{family}: nothing was recorded")
    finally:
        daemon.stop()


class Routing:
    """Choices of one family: counts by (layer, expert), and of pairs that were chosen together."""

    def __init__(self):
        self.rows = collections.Counter()  # by layer
        self.chosen = collections.Counter()
        self.pairs = collections.Counter()

    def add_csv(self, text):
        lines = io.StringIO(text)
        header = None
        for line in lines:
            if line.startswith("#"):
                continue
            header = line.strip().split(",")
            break
        columns = [i for i, name in enumerate(header) if name.startswith("expert_")]
        for row in csv.reader(lines):
            layer, experts = int(row[1]), sorted(int(row[i]) for i in columns)
            self.rows[layer] += 1
            for i, expert in enumerate(experts):
                self.chosen[layer, expert] += 1
                for other in experts[i + 1:]:
                    self.pairs[layer, expert, other] += 1


def read_traces(binaries, directory):
    found = {}
    for trace in sorted(directory.glob("*.fgr")):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "t.csv")
            subprocess.run([binaries / "tools/offline/foregate-offline", "trace", "export", trace, "-o", out], check=True, capture_output=True)
            routing = found.setdefault(trace.stem, Routing())
            routing.add_csv(out.read_text())
    if not found:
        raise SystemExit(f"{directory}: no traces")
    return found


def shade(log_ratio):
    """Blue for more than an even share (or lift), red for less; white at 0. Four times is full color."""
    strength = max(-1.0, min(1.0, log_ratio / 2))
    other = round(255 * (1 - abs(strength)))
    return f"#{other:02x}{other:02x}ff" if strength >= 0 else f"#ff{other:02x}{other:02x}"


def log2_ratio(count, expected):
    return math.log2(max(count, 0.25) / expected) if expected > 0 else 0.0


def statistics(routings, layers, experts, top_k):
    result = {}
    for family, routing in routings.items():
        by_layer = []
        for layer in layers:
            shares = sorted((routing.chosen[layer, expert] / (top_k * routing.rows[layer]) for expert in experts), reverse=True)
            entropy = -sum(share * math.log2(share) for share in shares if share > 0)
            by_layer.append({"layer": layer, "top4_share": round(sum(shares[:4]), 4), "entropy_bits": round(entropy, 3)})
        result[family] = {"rows": routing.rows[layers[0]], "layers": by_layer,
                          "top4_share": round(sum(one["top4_share"] for one in by_layer) / len(by_layer), 4)}
    return result


def draw_svg(routings, order, layers, experts, top_k, figures):
    step = CELL * len(experts) + GAP
    lift_top = 40 + CELL * len(order) + 50
    width, height = LEFT + step * len(layers) + 60, lift_top + CELL * len(experts) + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="9">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    text = lambda x, y, what, extra="": out.append(f'<text x="{x}" y="{y}" {extra}>{what}</text>')
    cell = lambda x, y, color: out.append(f'<path fill="{color}" d="M{x} {y}h{CELL}v{CELL}h-{CELL}"/>')
    text(LEFT, 12, "How often each expert is chosen, by family of tasks: blue more, red less than an even share (full color: four times)")
    text(LEFT + step * len(layers), 34, "top 4 of 16" if len(experts) == 16 else "top 4")
    for i, layer in enumerate(layers):
        text(LEFT + i * step, 34, f"layer {layer}")
    for row, family in enumerate(order):
        y = 40 + row * CELL
        text(LEFT - 6, y + CELL - 1, family, 'text-anchor="end"')
        routing = routings[family]
        for i, layer in enumerate(layers):
            even = top_k * routing.rows[layer] / len(experts)
            for expert in experts:
                count = routing.chosen[layer, expert]
                cell(LEFT + i * step + expert * CELL, y, shade(log2_ratio(count, even)))
        text(LEFT + step * len(layers), y + CELL - 1, f"{100 * figures[family]['top4_share']:.0f} %")
    text(LEFT, lift_top - 22, "Which two experts are chosen together, all families: blue more, red less than their own shares would have it")
    for i, layer in enumerate(layers):
        text(LEFT + i * step, lift_top - 6, f"layer {layer}")
        rows = sum(routing.rows[layer] for routing in routings.values())
        alone = {expert: sum(routing.chosen[layer, expert] for routing in routings.values()) for expert in experts}
        pairs = sum((routing.pairs for routing in routings.values()), collections.Counter())
        total = rows * top_k * (top_k - 1) / 2
        # The chance of a pair when both are drawn by their shares, without replacement.
        weight = {(a, b): alone[a] * alone[b] for a in experts for b in experts if a < b}
        norm = sum(weight.values()) or 1
        for (a, b), share in weight.items():
            lift = log2_ratio(pairs[layer, a, b], total * share / norm)
            for x, y in ((a, b), (b, a)):
                cell(LEFT + i * step + x * CELL, lift_top + y * CELL, shade(lift))
    out.append("</svg>")
    return "\n".join(out) + "\n"


def draw(flags):
    routings = read_traces(flags.bin, flags.traces)
    layers = sorted({layer for routing in routings.values() for layer in routing.rows})
    experts = range(1 + max(expert for routing in routings.values() for _, expert in routing.chosen))
    some = next(iter(routings.values()))
    top_k = round(sum(some.chosen.values()) / sum(some.rows.values()))
    figures = statistics(routings, layers, experts, top_k)
    # Most specialised first.
    order = sorted(routings, key=lambda family: -figures[family]["top4_share"])
    flags.svg.write_text(draw_svg(routings, order, layers, experts, top_k, figures))
    if flags.json:
        flags.json.write_text(json.dumps(figures, indent=1) + "\n")
    for family in order:
        print(f"{family:14} {figures[family]['rows']:6} rows; the four most used of {len(experts)} experts do {100 * figures[family]['top4_share']:.0f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    for name, run in (("record", record), ("draw", draw)):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("--bin", type=pathlib.Path, required=True, help="a bazel-bin with the daemon and the command line")
        command.add_argument("--traces", type=pathlib.Path, required=True)
        if name == "record":
            command.add_argument("--tasks", type=pathlib.Path, required=True)
            command.add_argument("--model", default="models/mini")
            command.add_argument("--limit", type=int, default=8, help="tasks of each family")
        else:
            command.add_argument("--svg", type=pathlib.Path, required=True)
            command.add_argument("--json", type=pathlib.Path)
    flags = parser.parse_args()
    flags.run(flags)


if __name__ == "__main__":
    main()
