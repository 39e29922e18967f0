"""The figures of a benchmark run: one row each, as a table, and beside an older run's.

A row is {"name", "unit", "value" (the median), "spread" ((max - min) / median, or the coefficient of variation where
that is what is known; null for a single run), "bound" (the value that the machine's limits allow, or null), "fraction"
(of the bound, or null when there is none or the probe was low)}.
"""

import statistics

HIGHER_IS_BETTER = ("tokens/s", "requests/s", "GB/s", "GFLOP/s")


def row(name, unit, value, spread=None, bound=None, fraction=None):
    return {"name": name, "unit": unit, "value": value, "spread": spread, "bound": bound, "fraction": fraction}


def row_of_values(name, unit, values):
    median = statistics.median(values)
    spread = (max(values) - min(values)) / median if len(values) > 1 and median else None
    return row(name, unit, median, spread)


def rows_of_engine(report):
    """Of engine_bench --json."""
    return [row("model/" + r["name"], r["unit"], r["median"], (r["max"] - r["min"]) / r["median"] if r["median"] else None,
                r["bound"], r["fraction"]) for r in report["rows"]]


def rows_of_benchmark(suite, report, probe_low=False):
    """Of Google Benchmark's JSON with repetitions: medians, with the coefficients of variation beside them."""
    medians, variations = {}, {}
    for entry in report["benchmarks"]:
        if entry.get("aggregate_name") == "median":
            medians[entry["run_name"]] = entry
        elif entry.get("aggregate_name") == "cv":
            variations[entry["run_name"]] = entry
    rows = []
    for name, entry in medians.items():
        fraction = None if probe_low else entry.get("bound")
        value = entry["real_time"]
        rows.append(row(suite + "/" + name, entry["time_unit"], value, variations.get(name, {}).get("real_time"),
                        value * fraction if fraction else None, fraction))
    return rows


def rows_of_load(name, reports):
    """Of several runs of foregate-loadgen --json under one load."""
    rows = [row_of_values("%s, output" % name, "tokens/s", [r["output_tokens_per_s"] for r in reports])]
    for what in ("ttft", "itl", "e2e"):
        for part in ("p50", "p90", "p99"):
            rows.append(row_of_values("%s, %s %s" % (name, what.upper(), part), "ms",
                                      [r[what + "_ms"][part] for r in reports]))
    if any(r["goodput"]["slo_ttft_ms"] is not None or r["goodput"]["slo_itl_ms"] is not None for r in reports):
        rows.append(row_of_values("%s, goodput" % name, "requests/s", [r["goodput"]["requests_per_s"] for r in reports]))
    failed = sum(r["requests"]["sent"] - r["requests"]["ok"] for r in reports)
    if failed:
        rows.append(row("%s, failed requests" % name, "requests", failed))
    return rows


def percent(value):
    return "" if value is None else "%.1f %%" % (100 * value)


def number(value):
    return "%.1f" % value if abs(value) >= 10 else "%.3g" % value


def table(rows):
    lines = ["%-58s %12s %-9s %9s %9s" % ("", "median", "", "spread", "of bound")]
    for r in rows:
        lines.append(("%-58s %12s %-9s %9s %9s" % (r["name"], number(r["value"]), r["unit"], percent(r["spread"]),
                                                   percent(r["fraction"]))).rstrip())
    return "\n".join(lines)


def verdict(old, new):
    """better, worse, or nothing when the difference is within both spreads."""
    if not old["value"] or not new["value"]:
        return ""
    ratio = new["value"] / old["value"]
    noise = max(old["spread"] or 0, new["spread"] or 0)
    if abs(ratio - 1) <= noise:
        return ""
    return "better" if (ratio > 1) == (new["unit"] in HIGHER_IS_BETTER) else "worse"


def comparison(old_run, new_run):
    """Ratios new / old of the rows that both runs have, and the names that only one has."""
    olds = {r["name"]: r for r in old_run["rows"]}
    news = {r["name"]: r for r in new_run["rows"]}
    lines = []
    for what in ("cpu", "kind", "flags", "cpus"):
        before, after = old_run["machine"].get(what), new_run["machine"].get(what)
        if before != after:
            lines.append("NOT THE SAME MACHINE: %s was %s, is %s" % (what, before, after))
    lines.append("%-58s %12s %12s %8s" % ("", old_run["commit"][:10], new_run["commit"][:10], "ratio"))
    for name, new in news.items():
        old = olds.get(name)
        if old is None or old["unit"] != new["unit"]:
            continue
        ratio = "%8.3f" % (new["value"] / old["value"]) if old["value"] else ""
        lines.append(("%-58s %12s %12s %8s %s %s" % (name, number(old["value"]), number(new["value"]), ratio,
                                                     new["unit"], verdict(old, new))).rstrip())
    lines += ["only in the old run: " + name for name in olds if name not in news]
    lines += ["only in the new run: " + name for name in news if name not in olds]
    return "\n".join(lines)
