#!/usr/bin/env python3
"""Rows, tables and comparisons of benchmark runs, from the JSON that the programs write."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_rows  # noqa: E402  (beside this file)
import run_bench  # noqa: E402


def load(tokens, ttft, ok=4, slo=None):
    times = {"count": 4, "mean": ttft, "p50": ttft, "p90": ttft, "p99": ttft, "max": ttft}
    return {"output_tokens_per_s": tokens, "ttft_ms": times, "itl_ms": times, "e2e_ms": times,
            "requests": {"sent": 4, "ok": ok, "errors": {}},
            "goodput": {"slo_ttft_ms": slo, "slo_itl_ms": None, "requests_per_s": 1.5, "fraction": 1}}


def run_of(commit, rows, **machine):
    return {"commit": commit, "machine": {"cpu": "c", "kind": "k", "flags": [], "cpus": 2, **machine}, "rows": rows}


class BenchRowsTest(unittest.TestCase):
    def test_engine_rows(self):
        rows = bench_rows.rows_of_engine({"rows": [
            {"name": "decode 1", "unit": "tokens/s", "median": 10.0, "min": 9.0, "max": 11.0, "bound": 20.0,
             "fraction": 0.5}]})
        self.assertEqual(rows, [{"name": "model/decode 1", "unit": "tokens/s", "value": 10.0, "spread": 0.2,
                                 "bound": 20.0, "fraction": 0.5}])

    def test_kernel_rows_have_no_fraction_when_the_probe_was_low(self):
        report = {"benchmarks": [
            {"run_name": "BM_A/1", "aggregate_name": "mean", "real_time": 9, "time_unit": "ns", "bound": 0.1},
            {"run_name": "BM_A/1", "aggregate_name": "median", "real_time": 8.0, "time_unit": "ns", "bound": 0.25},
            {"run_name": "BM_A/1", "aggregate_name": "cv", "real_time": 0.03, "time_unit": "ns", "bound": 0.1}]}
        (row,) = bench_rows.rows_of_benchmark("kernels", report)
        self.assertEqual(row, bench_rows.row("kernels/BM_A/1", "ns", 8.0, 0.03, 2.0, 0.25))
        (row,) = bench_rows.rows_of_benchmark("kernels", report, True)
        self.assertIsNone(row["fraction"])
        self.assertIsNone(row["bound"])

    def test_load_rows(self):
        rows = bench_rows.rows_of_load("server/x", [load(100, 5), load(120, 7), load(110, 6)])
        self.assertEqual(len(rows), 10)
        self.assertEqual(rows[0]["value"], 110)
        self.assertAlmostEqual(rows[0]["spread"], 20 / 110)
        self.assertEqual(rows[1]["name"], "server/x, TTFT p50")
        names = [r["name"] for r in bench_rows.rows_of_load("server/x", [load(1, 1, ok=1, slo=5)])]
        self.assertIn("server/x, goodput", names)
        self.assertIn("server/x, failed requests", names)

    def test_the_table_shows_no_fraction_where_there_is_none(self):
        text = bench_rows.table([bench_rows.row("a", "ms", 1234.5, 0.05, None, None),
                                 bench_rows.row("b", "tokens/s", 0.12345, None, 1, 0.123)])
        self.assertRegex(text.splitlines()[1], r"^a +1234\.5 ms +5\.0 %$")
        self.assertRegex(text.splitlines()[2], r"^b +0\.123 tokens/s +12\.3 %$")

    def test_verdicts_know_the_direction_and_the_noise(self):
        def verdict(unit, before, after, spread):
            return bench_rows.verdict(bench_rows.row("a", unit, before, spread), bench_rows.row("a", unit, after, spread))
        self.assertEqual(verdict("tokens/s", 100, 120, 0.1), "better")
        self.assertEqual(verdict("tokens/s", 100, 80, 0.1), "worse")
        self.assertEqual(verdict("ms", 100, 120, 0.1), "worse")
        self.assertEqual(verdict("MiB", 100, 80, None), "better")
        self.assertEqual(verdict("ms", 100, 105, 0.1), "")
        self.assertEqual(verdict("ms", 0, 105, 0.1), "")

    def test_a_comparison_names_what_is_missing_and_other_machines(self):
        old = run_of("aaaaaaaaaaaa", [bench_rows.row("x", "ms", 10), bench_rows.row("gone", "ms", 1)])
        new = run_of("bbbbbbbbbbbb", [bench_rows.row("x", "ms", 5), bench_rows.row("new", "ms", 1)], cpus=4)
        text = bench_rows.comparison(old, new)
        self.assertIn("NOT THE SAME MACHINE: cpus was 2, is 4", text)
        self.assertRegex(text, r"x +10\.0 +5 +0\.500 ms better")
        self.assertIn("only in the old run: gone", text)
        self.assertIn("only in the new run: new", text)


class RunBenchTest(unittest.TestCase):
    def test_flags(self):
        self.assertEqual(run_bench.parse(["bin"]).suites, list(run_bench.SUITES))
        self.assertEqual(run_bench.parse(["bin", "model", "--repetitions", "1"]).suites, ["model"])
        for bad in (["bin", "nonsense"], ["bin", "--repetitions", "0"]):
            with self.assertRaises(SystemExit), open(os.devnull, "w") as null:
                original, sys.stderr = sys.stderr, null
                try:
                    run_bench.parse(bad)
                finally:
                    sys.stderr = original


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
