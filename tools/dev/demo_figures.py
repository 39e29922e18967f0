#!/usr/bin/env python3
"""demo_figures.py EVAL.json METRICS_ADDRESS: what the demo's table says of one run, a line each."""
import json
import re
import sys
import urllib.request


def total(body, name):
    return sum(float(value) for value in re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % re.escape(name), body, re.M))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    with urllib.request.urlopen(f"http://{sys.argv[2]}/metrics") as answer:
        body = answer.read().decode()
    steps = total(body, "foregate_step_seconds_sum")
    tokens = total(body, "foregate_prompt_tokens_total") + total(body, "foregate_generation_tokens_total")
    stalls = total(body, "foregate_expert_stall_seconds_total")
    read = total(body, "foregate_expert_read_bytes_total")
    print(f"{100 * report['all']['accuracy']:.0f} %")
    print(f"{tokens / steps:.0f}")
    print(f"{100 * stalls / steps:.1f} % of time")
    print(f"{read / tokens / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
