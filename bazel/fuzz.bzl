"""A fuzz target has two lives: its corpus replays in `bazel test`; `./dev test --fuzz` explores with libFuzzer."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def foregate_fuzz_test(name, srcs, corpus, deps = [], **kwargs):
    """`srcs` define LLVMFuzzerTestOneInput; `corpus` is a list of files (usually glob(["corpus/NAME/**"]))."""
    if not corpus:
        fail("%s: a fuzz target needs a corpus" % name)
    cc_test(
        name = name,
        srcs = srcs,
        args = select({
            "//:fuzzing": [],
            "//conditions:default": ["$(locations %s)" % c for c in [":" + name + "_corpus"]],
        }),
        data = [":" + name + "_corpus"],
        deps = deps + select({
            "//:fuzzing": [],
            "//conditions:default": ["//tests/fuzz:replay_main"],
        }),
        linkopts = select({
            "//:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = ["fuzz"],
        size = "small",
        **kwargs
    )
    native.filegroup(name = name + "_corpus", srcs = corpus)
