#!/usr/bin/env python3
"""The closing line of `./dev test` counts what happened, whatever went wrong."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "dev", "test_report.py")
XML = """<testsuites><testsuite name="S">
  <testcase name="A" classname="S" status="run" result="completed"/>
  %s
</testsuite></testsuites>"""


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def result(self, label, status, xml):
        path = os.path.join(self.folder.name, label.replace("/", "_") + " a.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(xml)
        return {"id": {"testResult": {"label": label, "run": 1}},
                "testResult": {"status": status, "testActionOutput": [
                    {"name": "test.xml", "uri": "file://" + path.replace(" ", "%20")}]}}

    def run_report(self, events, exit_code):
        path = os.path.join(self.folder.name, "events")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)
        done = subprocess.run([sys.executable, SCRIPT, path, str(exit_code)], capture_output=True, text=True)
        lines = done.stdout.splitlines()
        return lines[-1], lines[:-1], done.returncode

    def test_counts_cases(self):
        skip = '<testcase name="B" classname="S" status="run" result="skipped"><skipped message="no AVX-512"/></testcase>'
        last, lines, code = self.run_report([self.result("//a:t", "PASSED", XML % skip)], 0)
        self.assertEqual((last, code), ("1 passed, 0 failed, 1 skipped", 0))
        self.assertEqual(lines, ["SKIPPED //a:t S.B: no AVX-512"])

    def test_a_failed_case(self):
        failure = '<testcase name="B" classname="S" status="run"><failure message="x"/></testcase>'
        last, lines, code = self.run_report([self.result("//a:t", "FAILED", XML % failure)], 3)
        self.assertEqual((last, code), ("1 passed, 1 failed, 0 skipped", 1))
        self.assertEqual(lines, ["FAILED //a:t S.B"])

    def test_a_crash_after_the_cases(self):
        last, lines, code = self.run_report([self.result("//a:t", "FAILED", XML % "")], 3)
        self.assertEqual((last, code), ("1 passed, 1 failed, 0 skipped", 1))

    def test_a_timeout_with_half_an_xml(self):
        last, lines, code = self.run_report([self.result("//a:t", "TIMEOUT", "<testsuites><tests")], 3)
        self.assertEqual((last, code), ("0 passed, 1 failed, 0 skipped", 1))
        self.assertIn("TIMEOUT", lines[0])

    def test_a_binary_without_cases(self):
        last, _, code = self.run_report([self.result("//a:t", "PASSED", "<testsuites/>")], 0)
        self.assertEqual((last, code), ("0 passed, 1 failed, 0 skipped", 1))

    def test_a_target_that_does_not_build(self):
        broken = {"id": {"targetCompleted": {"label": "//a:broken"}}, "aborted": {}}
        last, lines, code = self.run_report([self.result("//a:t", "PASSED", XML % ""), broken], 1)
        self.assertEqual((last, code), ("1 passed, 1 failed, 0 skipped", 1))
        self.assertEqual(lines, ["FAILED //a:broken: did not build"])

    def test_nothing_ran(self):
        last, _, code = self.run_report([], 4)
        self.assertEqual((last, code), ("0 passed, 1 failed, 0 skipped", 1))
        last, _, code = self.run_report([], 0)
        self.assertEqual((last, code), ("0 passed, 1 failed, 0 skipped", 1))

    def test_no_events_at_all(self):
        done = subprocess.run([sys.executable, SCRIPT, os.path.join(self.folder.name, "none"), "37"],
                              capture_output=True, text=True)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed, 0 skipped")
        self.assertEqual(done.returncode, 1)

    def test_a_retried_test_counts_once(self):
        events = [self.result("//a:t", "FAILED", XML % ""), self.result("//a:t", "PASSED", XML % "")]
        last, _, code = self.run_report(events, 0)
        self.assertEqual((last, code), ("1 passed, 0 failed, 0 skipped", 0))


if __name__ == "__main__":
    unittest.main()
