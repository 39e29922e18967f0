#!/usr/bin/env python3
"""Self-test of architecture_lint.py: each rule reports its violation in a small tree, and a clean tree is silent."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import architecture_lint  # noqa: E402


def header(path, body=""):
    guard = "FOREGATE_" + path.replace("/", "_").replace(".", "_").upper() + "_"
    return "#ifndef %s\n#define %s\n%s\n#endif\n" % (guard, guard, body)


class LintTest(unittest.TestCase):
    def lint(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            return architecture_lint.Linter(root).run()

    def assert_reports(self, files, rule, path):
        problems = self.lint(files)
        self.assertTrue(any(p.startswith(path + ":") and " %s: " % rule in p for p in problems),
                        "no %s for %s in %s" % (rule, path, problems))

    def assert_clean(self, files):
        self.assertEqual(self.lint(files), [])

    def test_clean_tree(self):
        self.assert_clean({
            "engine/moe/router.h": header("engine/moe/router.h", '#include "kernels/api/kernels.h"'),
            "engine/moe/router_test.cc": '#include "kernels/ref/ref_backend.h"\n',
            "engine/moe/BUILD.bazel": 'cc_test(srcs = ["router_test.cc"])',
            "server/rpc/service.cc": '#include "foregate/inference/v1/inference.pb.h"\n#include "engine/engine.h"\n',
            "server/backend_factory.cc": '#include "kernels/cpu/cpu_backend.h"\n',
            "client/client.cc": '// a comment may say throw, getenv() and _mm256_add_ps\nconst char* k = "try { catch (";\n',
        })

    def test_edges(self):
        for path, included in [
                ("engine/moe/a.cc", "engine/kv/block_table.h"),
                ("engine/moe/a.cc", "engine/request/sequence.h"),
                ("engine/kv/a.cc", "engine/moe/router.h"),
                ("engine/a.cc", "server/text/tokenizer.h"),
                ("engine/a.cc", "kernels/cpu/cpu_backend.h"),
                ("server/a.cc", "kernels/ref/ref_backend.h"),
                ("server/a.cc", "client/client.h"),
                ("client/a.cc", "engine/engine.h"),
                ("kernels/base/a.cc", "kernels/api/kernels.h"),
                ("kernels/cpu/a.cc", "kernels/ref/ref_backend.h"),
                ("tools/a.cc", "server/rpc/service.h"),
                ("server/a.cc", "tools/plan.h"),
                ("server/a.cc", "tests/fakes/fake_engine.h")]:
            with self.subTest(path=path, included=included):
                self.assert_reports({path: '#include "%s"\n' % included}, "edge", path)

    def test_wire_stays_at_the_border(self):
        for included in ("foregate/inference/v1/inference.pb.h", "grpcpp/server.h", "google/protobuf/message.h"):
            self.assert_reports({"engine/a.cc": '#include "%s"\n' % included}, "wire", "engine/a.cc")

    def test_names(self):
        for name in ("moe_utils.h", "common.h", "cache_manager.h", "misc/x.h", "helper.h"):
            path = "engine/" + name
            self.assert_reports({path: header(path)}, "name", path)

    def test_length(self):
        long = "int x;\n" * 801
        self.assert_reports({"engine/a.cc": long}, "length", "engine/a.cc")
        self.assert_clean({"engine/a.cc": "// LONG-FILE: one table\n" + long})
        self.assert_clean({"engine/a.cc": "int x;\n" * 800})

    def test_tokens(self):
        for rule, line in [
                ("cuda", "#include <cuda_runtime.h>"),
                ("cuda", "void f() { cudaMalloc(&p, 1); }"),
                ("intrinsics", "#include <immintrin.h>"),
                ("intrinsics", "auto x = _mm256_setzero_ps();"),
                ("environment", 'const char* v = std::getenv("X");'),
                ("flags", '#include "CLI/CLI.hpp"'),
                ("using", "using namespace std;"),
                ("mutex", '#include "absl/synchronization/mutex.h"'),
                ("exceptions", "void f() { throw 1; }"),
                ("exceptions", "void f() { try { g(); } catch (...) {} }"),
                ("unfinished", "// TO" + "DO: later"),
                ("host-path", '// see /wor' + 'k/shared')]:
            with self.subTest(rule=rule, line=line):
                self.assert_reports({"engine/a.cc": line + "\n"}, rule, "engine/a.cc")

    def test_line_numbers(self):
        problems = self.lint({"engine/a.cc": "/* two\nlines */\nusing namespace std;\n"})
        self.assertEqual(len(problems), 1)
        self.assertTrue(problems[0].startswith("engine/a.cc:3: using"), problems)

    def test_relative_include(self):
        self.assert_reports({"engine/a.cc": '#include "../kernels/a.h"\n'}, "include", "engine/a.cc")

    def test_guard(self):
        self.assert_reports({"engine/a.h": "#pragma once\n"}, "guard", "engine/a.h")

    def test_every_test_is_built(self):
        self.assert_reports({"engine/a_test.cc": "", "engine/BUILD.bazel": ""}, "build", "engine/a_test.cc")
        self.assert_reports({"engine/a_test.cc": ""}, "build", "engine/a_test.cc")

    def test_every_fuzz_target_has_a_corpus(self):
        build = 'foregate_fuzz_test(\n    name = "a_fuzz",\n    corpus = glob(["corpus/a_fuzz/**"]),\n)\n'
        self.assert_reports({"tests/fuzz/x/BUILD.bazel": build}, "corpus", "tests/fuzz/x/BUILD.bazel")
        self.assert_clean({"tests/fuzz/x/BUILD.bazel": build, "tests/fuzz/x/corpus/a_fuzz/seed": "1"})


if __name__ == "__main__":
    unittest.main()
