#!/usr/bin/env python3
"""architecture_lint.py ROOT: the rules of docs/architecture.md that a compiler cannot state.

Prints `path:line: rule: what is wrong` for each violation and ends with exit code 1 when there is one.
Python's standard library only. A rule's exceptions stand in this file, each with its reason.
"""

import fnmatch
import os
import re
import sys

ROOMS = ("bazel", "client", "deploy", "docs", "engine", "kernels", "proto", "server", "tests", "tools")
SKIPPED_DIRS = {"node_modules", "__pycache__", ".git", "build", "data", "corpus"}
CODE = (".h", ".cc", ".cu", ".cuh")
TEXT = CODE + (".proto", ".py", ".sh", ".bzl", ".bazel", ".md", ".json", ".yaml", ".txt")
MAX_LINES = 800

# First match wins: what a file under the prefix may include of our own tree. Generated protobuf headers are "proto/".
EDGES = [
    ("tests/", None),  # everything
    ("kernels/base/", ["kernels/base/"]),
    ("kernels/api/", ["kernels/api/", "kernels/base/"]),
    ("kernels/weights/", ["kernels/weights/", "kernels/api/", "kernels/base/"]),
    ("kernels/ref/", ["kernels/ref/", "kernels/weights/", "kernels/api/", "kernels/base/"]),
    ("kernels/cpu/", ["kernels/cpu/", "kernels/weights/", "kernels/api/", "kernels/base/"]),
    ("kernels/cuda/", ["kernels/cuda/", "kernels/api/", "kernels/base/"]),
    # Inside the engine: moe knows nothing of requests, sequences or KV; kv nothing of experts; model reads the Batch
    # that schedule defines. Files directly in engine/ are the loop, which sees all its rooms.
    ("engine/formats/", ["engine/formats/", "kernels/base/"]),
    ("engine/host/", ["engine/host/", "kernels/api/", "kernels/base/"]),
    ("engine/kv/", ["engine/kv/", "engine/host/", "kernels/api/", "kernels/base/"]),
    # The store alone reads files.
    ("engine/moe/store/", ["engine/moe/", "engine/formats/", "kernels/api/", "kernels/base/"]),
    ("engine/moe/", ["engine/moe/", "engine/host/", "engine/parallel/", "kernels/api/", "kernels/base/"]),
    ("engine/parallel/", ["engine/parallel/", "engine/moe/", "engine/host/", "kernels/api/", "kernels/base/"]),
    ("engine/model/", ["engine/model/", "engine/moe/", "engine/kv/", "engine/host/", "engine/parallel/",
                       "engine/formats/", "engine/schedule/", "kernels/api/", "kernels/base/", "kernels/weights/"]),
    ("engine/request/", ["engine/request/", "engine/kv/", "engine/host/", "kernels/base/"]),
    ("engine/schedule/", ["engine/schedule/", "engine/request/", "engine/kv/", "engine/host/", "kernels/base/"]),
    ("engine/sample/", ["engine/sample/", "engine/request/", "engine/host/", "kernels/base/"]),
    ("engine/", ["engine/", "kernels/api/", "kernels/base/"]),
    ("server/backend_factory", ["server/", "kernels/"]),
    ("server/", ["server/", "engine/", "kernels/api/", "kernels/base/", "proto/"]),
    ("client/", ["client/", "proto/"]),
    # The roofline is a measurement of the CPU; no other tool names a backend.
    ("tools/offline/roofline", ["tools/", "kernels/base/", "kernels/cpu/probe/"]),
    # How a daemon would divide memory is computed in one place.
    ("tools/", ["tools/", "engine/", "kernels/api/", "kernels/base/", "server/config/", "server/text/",
                "server/backend_factory", "server/lifecycle/memory_division"]),
]
OWN_INCLUDE = re.compile(r'^(client|engine|kernels|proto|server|tests|tools)/')
GENERATED_INCLUDE = re.compile(r'\.pb\.h$')

# Exceptions end at the border of the library that throws; the file turns them into a Status.
EXCEPTION_BORDERS = {
    "client/cli/command_line.cc": "CLI11 reports usage errors by throwing",
    "client/evaluation/ordered_work.cc": "std::thread throws when the machine refuses a thread",
    "client/loadgen/load_flags.cc": "CLI11 reports usage errors by throwing",
    "client/loadgen/load_runner.cc": "std::thread throws when the machine refuses a thread",
    "tools/offline/main.cc": "CLI11 reports usage errors by throwing",
    "kernels/cpu/thread_pool.cc": "std::thread throws when the machine refuses a thread",
    "server/telemetry/prometheus_endpoint.cc": "prometheus::Exposer throws when it cannot bind",
    "server/text/json_node.cc": "nlohmann-json throws",
}

BANNED_WORDS = {"util", "utils", "common", "helper", "helpers", "misc", "manager", "managers"}

# (rule, pattern over code without comments and strings, path prefixes where it is fine, why)
TOKENS = [
    ("cuda", re.compile(r'#\s*include\s*[<"]\s*(cuda|cublas|nccl|cudnn|cutlass)|\bcuda(Malloc|Memcpy|Stream|Event|Launch)|\b__global__\b'),
     ["kernels/cuda/"], "a device API never leaves kernels/cuda"),
    ("intrinsics", re.compile(r'#\s*include\s*<\w*intrin\.h>|#\s*include\s*<arm_\w+\.h>|\b_mm\d*_\w+|\b_tile_\w+'),
     ["kernels/cpu/", "tests/emulation/"], "ISA intrinsics never leave kernels/cpu and what emulates them in tests"),
    ("wire", re.compile(r'#\s*include\s*["<](grpcpp/|grpc/(?!health/v1/)|google/protobuf/|google/rpc/|\S+\.pb\.h)'),
     ["server/", "client/", "tests/", "proto/"], "protobuf and gRPC never leave server and client"),
    ("mutex", re.compile(r'#\s*include\s*"absl/synchronization/'), [],
     "std::mutex: the thread sanitizer cannot see into Debian's absl::Mutex"),
    ("environment", re.compile(r'\b(secure_)?getenv\s*\(|\babsl::GetFlag\b|\bABSL_FLAG\b|\bDEFINE_(string|bool|int32)\b'),
     ["server/config/", "tests/"], "configuration is read in server/config only"),
    ("flags", re.compile(r'#\s*include\s*[<"]CLI/'), ["server/config/", "client/cli/", "client/loadgen/", "tools/", "tests/"],
     "flags are parsed in server/config, client/cli, client/loadgen and tools only"),
    # A room may open its own internals inside a function.
    ("using", re.compile(r'\busing\s+namespace\b(?!\s+internal\s*;)'), [],
     "`using namespace` hides where a name comes from"),
    ("unfinished", re.compile(r'\b(TO' r'DO|FIX' r'ME)\b'), [], "finish it or open an issue"),
]
EXCEPTION = re.compile(r'\bthrow\b|\bcatch\s*\(|\btry\s*\{')
HOST_PATH = re.compile(r'(?<![\w./-])/(wor' r'k|roo' r't|hom' r'e)/\w')
STRING_OR_COMMENT = re.compile(
    r'R"(?P<raw>\w*)\((?:.|\n)*?\)(?P=raw)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*(?:.|\n)*?\*/')


def strip_comments_and_strings(text):
    """Same lines, but strings are empty and comments gone; #include lines keep their names."""
    def blank(match):
        found = match.group(0)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if found.startswith('"') and re.match(r'\s*#\s*include', text[line_start:match.start()]):
            return found
        return "\n" * found.count("\n")
    return STRING_OR_COMMENT.sub(blank, text)


class Linter:
    def __init__(self, root):
        self.root = root
        self.problems = []

    def report(self, path, line, rule, message):
        self.problems.append("%s:%d: %s: %s" % (path, line, rule, message))

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def files(self):
        for room in ROOMS:
            for folder, dirs, names in os.walk(os.path.join(self.root, room)):
                dirs[:] = sorted(d for d in dirs if d not in SKIPPED_DIRS)
                for name in sorted(names):
                    yield os.path.relpath(os.path.join(folder, name), self.root)

    def run(self):
        paths = list(self.files())
        for path in paths:
            self.check_name(path)
            if not path.endswith(TEXT):
                continue
            text = self.read(path)
            self.check_host_path(path, text)
            if path.endswith(CODE + (".py", ".sh", ".proto", ".bzl")):
                self.check_length(path, text)
            if path.endswith(CODE):
                self.check_code(path, text)
            elif path.endswith((".py", ".sh", ".proto", ".bzl", ".bazel")):
                self.check_tokens(path, text, text, ["unfinished"])
        for path in ("dev", "README.md", "CONTRIBUTING.md", ".bazelrc", "WORKSPACE"):
            if os.path.exists(os.path.join(self.root, path)):
                self.check_host_path(path, self.read(path))
        self.check_builds(paths)
        return self.problems

    def check_name(self, path):
        words = set(re.split(r'[/._\-]', path.lower()))
        for word in sorted(words & BANNED_WORDS):
            self.report(path, 1, "name", "'%s' says nothing about what is inside" % word)

    def check_host_path(self, path, text):
        for number, line in enumerate(text.splitlines(), 1):
            if HOST_PATH.search(line):
                self.report(path, number, "host-path", "a path of one machine: %s" % line.strip()[:80])

    def check_length(self, path, text):
        count = text.count("\n")
        if count > MAX_LINES and not re.search(r'LONG-FILE: \S', text):
            self.report(path, count, "length", "%d lines, limit %d (`LONG-FILE: reason` exempts)" % (count, MAX_LINES))

    def check_code(self, path, text):
        code = strip_comments_and_strings(text)
        self.check_tokens(path, text, code, None)
        if path not in EXCEPTION_BORDERS:
            for match in EXCEPTION.finditer(code):
                self.report(path, code.count("\n", 0, match.start()) + 1, "exceptions",
                            "none in our code; a border file is listed in tests/lint/architecture_lint.py")
        self.check_includes(path, code)
        if path.endswith((".h", ".cuh")):
            self.check_guard(path, text)

    def check_tokens(self, path, text, code, only):
        for rule, pattern, allowed, reason in TOKENS:
            if only is not None and rule not in only or path.startswith(tuple(allowed)):
                continue
            if rule == "environment" and path.endswith("_test.cc"):
                continue  # TEST_TMPDIR and the like
            where = text if rule == "unfinished" else code
            for match in pattern.finditer(where):
                self.report(path, where.count("\n", 0, match.start()) + 1, rule, reason)

    def check_includes(self, path, code):
        allowed = next((targets for prefix, targets in EDGES if path.startswith(prefix)), [])
        # A unit test beside the code may use fakes and the reference backend.
        is_test = path.endswith(("_test.cc", "_fuzz.cc"))
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', code, re.MULTILINE):
            included = match.group(1)
            line = code.count("\n", 0, match.start()) + 1
            if ".." in included.split("/"):
                self.report(path, line, "include", "relative include %s; paths start at the workspace" % included)
            target = "proto/" if GENERATED_INCLUDE.search(included) else included
            if allowed is None or is_test or not OWN_INCLUDE.match(target):
                continue
            if not target.startswith(tuple(allowed)):
                self.report(path, line, "edge", "may not include %s (docs/architecture.md, dependency rule)" % included)

    def check_guard(self, path, text):
        guard = "FOREGATE_%s_" % re.sub(r'\W', "_", path).upper()
        if "#ifndef %s\n#define %s\n" % (guard, guard) not in text:
            self.report(path, 1, "guard", "the include guard must be %s" % guard)

    def check_builds(self, paths):
        builds = {os.path.dirname(p): self.read(p) for p in paths if os.path.basename(p) == "BUILD.bazel"}
        for path in paths:
            if path.endswith(("_test.cc", "_fuzz.cc")):
                package = os.path.dirname(path)
                while package and package not in builds:
                    package = os.path.dirname(package)
                name = os.path.relpath(path, package) if package else path
                # A list comprehension over names may add the `.cc`.
                if not any('"%s"' % n in builds.get(package, "") for n in (name, name[:-len(".cc")])):
                    self.report(path, 1, "build", "no BUILD.bazel names this test, so it never runs")
        for package, text in sorted(builds.items()):
            for match in re.finditer(r'foregate_fuzz_test\((.*?)^\)', text, re.DOTALL | re.MULTILINE):
                self.check_corpus(package, text.count("\n", 0, match.start()) + 1, match.group(1))

    def check_corpus(self, package, line, rule_text):
        path = os.path.join(package, "BUILD.bazel")
        corpus = re.search(r'corpus\s*=\s*(glob\()?\s*\[(.*?)\]', rule_text, re.DOTALL)
        patterns = re.findall(r'"([^"]+)"', corpus.group(2)) if corpus else []
        for folder, _, names in os.walk(os.path.join(self.root, package)):
            for name in names:
                relative = os.path.relpath(os.path.join(folder, name), os.path.join(self.root, package))
                if any(fnmatch.fnmatch(relative, p.replace("**", "*")) for p in patterns):
                    return
        self.report(path, line, "corpus", "a fuzz target without a corpus explores from nothing")


def main():
    problems = Linter(sys.argv[1] if len(sys.argv) > 1 else ".").run()
    for problem in problems:
        print(problem)
    print("%d violations" % len(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
