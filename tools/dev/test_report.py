#!/usr/bin/env python3
"""test_report.py EVENTS BAZEL_EXIT_CODE: counts the test cases of one `bazel test` run.

EVENTS is Bazel's build event file (one JSON object a line). A googletest binary counts one per test case, any other
test one. Prints each failure and the reason of each skip, then `N passed, N failed, N skipped` as the last line.
Exit code 1 when anything failed, did not build, or no test ran.
"""

import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = []  # lines
        self.skipped = []  # lines

    def add_case(self, label, case):
        name = "%s %s.%s" % (label, case.get("classname", ""), case.get("name", ""))
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            self.failed.append(name)
        elif case.get("status") == "notrun":
            self.skipped.append(name + ": disabled in the source")
        elif skip is not None or case.get("result") == "skipped":
            reason = " ".join((skip.get("message") or skip.text or "").split()) if skip is not None else ""
            self.skipped.append("%s: %s" % (name, reason or "no reason given"))
        else:
            self.passed += 1

    def add_target(self, label, passed, status, xml_path):
        failed_before = len(self.failed)
        counted = self.passed + len(self.failed) + len(self.skipped)
        try:
            cases = list(ElementTree.parse(xml_path).getroot().iter("testcase")) if xml_path else []
        except (OSError, ElementTree.ParseError) as error:
            # A test that crashed leaves no XML or half of one; a test that passed has no such excuse.
            cases = []
            if passed:
                self.failed.append("%s: unreadable test.xml (%s)" % (label, error))
        for case in cases:
            self.add_case(label, case)
        if not passed and len(self.failed) == failed_before:
            self.failed.append("%s: %s outside of any test case" % (label, status))
        if passed and self.passed + len(self.failed) + len(self.skipped) == counted:
            self.failed.append("%s: passed without running a test case" % label)


def xml_of(result):
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml":
            return urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
    return None


def read_events(path, report):
    """Adds every target of the run to `report`; returns the labels that did not build."""
    results = {}  # (label, run, shard) -> last attempt
    broken = {}
    with open(path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            ident = event.get("id", {})
            if "testResult" in event:
                key = ident["testResult"]
                results[(key["label"], key.get("run"), key.get("shard"))] = event["testResult"]
            elif "targetCompleted" in ident:
                label = ident["targetCompleted"]["label"]
                skipped = event.get("aborted", {}).get("reason") == "SKIPPED"
                if skipped:
                    report.skipped.append("%s: incompatible with this machine" % label)
                elif not event.get("completed", {}).get("success"):
                    broken[label] = True
            elif "aborted" in event and any(kind in ident for kind in ("pattern", "unconfiguredLabel", "configuredLabel")):
                broken[json.dumps(ident)] = True
    for (label, _, _), result in sorted(results.items(), key=lambda item: str(item[0])):
        status = result.get("status", "NO_STATUS")
        report.add_target(label, status in ("PASSED", "FLAKY"), status, xml_of(result))
    return sorted(broken)


def main():
    path, bazel_exit_code = sys.argv[1], int(sys.argv[2])
    report = Report()
    broken = read_events(path, report) if os.path.exists(path) else []
    report.failed.extend("%s: did not build" % label for label in broken)
    ran = report.passed + len(report.failed) + len(report.skipped)
    if bazel_exit_code not in (0, 3) and not report.failed:
        report.failed.append("bazel ended with exit code %d" % bazel_exit_code)
    elif bazel_exit_code == 3 and not report.failed:
        report.failed.append("bazel reports failed tests that its events do not name")
    elif ran == 0:
        report.failed.append("no test ran")
    for line in report.skipped:
        print("SKIPPED " + line)
    for line in report.failed:
        print("FAILED " + line)
    print("%d passed, %d failed, %d skipped" % (report.passed, len(report.failed), len(report.skipped)))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
