#!/usr/bin/env python3
"""Prints the tables of the embedded model's card, as Markdown.

    card.py NAME=REPORT.json...                 accuracy by family: what `foregate eval --json` wrote of each variant
    card.py --pre-gates PRE_GATE.json...        what tune_pre_gate.py wrote
"""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent))

from corpus.mixture import GROUP_OF  # noqa: E402


def percent(share):
    return f"{100 * share:.1f}"


def score(one):
    low, high = one["interval"]
    return f"{percent(one['accuracy'])} ({100 * low:.0f}-{100 * high:.0f})"


def accuracy_table(reports):
    lines = ["| group | family | tasks | " + " | ".join(reports) + " |", "| --- " * (3 + len(reports)) + "|"]
    by_family = [{one["family"]: one for one in report["families"]} for report in reports.values()]
    groups = {}
    for family in sorted(by_family[0], key=lambda family: list(GROUP_OF).index(family)):
        groups.setdefault(GROUP_OF[family], []).append(family)
    for group, families in groups.items():
        for family in families:
            lines.append(f"| {group} | {family} | {by_family[0][family]['answered']} | " +
                         " | ".join(score(report[family]) for report in by_family) + " |")
        totals = []
        for report in by_family:
            exact, answered = (sum(report[family][key] for family in families) for key in ("exact", "answered"))
            totals.append(f"**{percent(exact / answered)}**")
        lines.append(f"| **{group}** | all | {sum(by_family[0][family]['answered'] for family in families)} | " + " | ".join(totals) + " |")
    lines.append(f"| **all** | | {next(iter(reports.values()))['all']['answered']} | " +
                 " | ".join(score(report["all"]) for report in reports.values()) + " |")
    return "\n".join(lines)


def pre_gate_table(reports):
    layers = sorted({int(layer) for report in reports for layer in report["agreement_by_layer"]})
    lines = ["| | base accuracy | own | base loss | own | " + " | ".join(f"layer {layer}" for layer in layers) + " |",
             "| --- " * (5 + len(layers)) + "|"]
    for report in reports:
        cells = []
        for layer in layers:
            one = report["agreement_by_layer"].get(str(layer))
            cells.append(f"{100 * one['base_router']:.0f} / {100 * one['own_router']:.0f}" if one else "own router")
        lines.append(f"| k = {report['distance']} | {percent(report['base']['accuracy'])} % | {percent(report['pre_gated']['accuracy'])} % | "
                     f"{report['base']['answer_loss']:.3f} | {report['pre_gated']['answer_loss']:.3f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reports", nargs="+")
    parser.add_argument("--pre-gates", action="store_true")
    flags = parser.parse_args()
    if flags.pre_gates:
        print(pre_gate_table([json.loads(pathlib.Path(path).read_text()) for path in flags.reports]))
    else:
        named = dict(one.split("=", 1) for one in flags.reports)
        print(accuracy_table({name: json.loads(pathlib.Path(path).read_text()) for name, path in named.items()}))


if __name__ == "__main__":
    main()
