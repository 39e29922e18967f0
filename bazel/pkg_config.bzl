"""Repository rule: a cc_library made from pkg-config metadata of an installed Debian package.

`@NAME//:lib` is the library; each entry of `variants` adds `@NAME//:VARIANT`, the library plus more -l flags.
"""

def _words(text):
    return [w for w in text.replace("\n", " ").split(" ") if w]

def _dedup_keep_last(libs):
    seen, out = {}, []
    for lib in reversed(libs):
        if lib not in seen:
            seen[lib] = True
            out.append(lib)
    return reversed(out)

def _as_needed(flags):
    # Bazel's default toolchain links with --no-as-needed, which would record every library that pkg-config lists.
    return ["-Wl,--push-state,--as-needed"] + flags + ["-Wl,--pop-state"] if flags else []

_LIBRARY = """
cc_library(
    name = "{name}",
    testonly = {testonly},
    defines = {defines},
    linkopts = {linkopts},
    deps = {deps},
)
"""

def _impl(rctx):
    result = rctx.execute(["pkg-config", "--libs"] + rctx.attr.packages)
    if result.return_code:
        fail("pkg-config %s failed; run ./dev setup. %s" % (rctx.attr.packages, result.stderr))
    libs = _dedup_keep_last([w for w in _words(result.stdout) if w.startswith("-l") and w != "-latomic"])
    build = 'package(default_visibility = ["//visibility:public"])\n'
    build += 'load("@rules_cc//cc:defs.bzl", "cc_library")\n'
    build += _LIBRARY.format(
        name = "lib",
        testonly = rctx.attr.for_tests,
        defines = rctx.attr.defines,
        linkopts = _as_needed(libs),
        deps = rctx.attr.deps,
    )
    for name, extra in rctx.attr.variants.items():
        build += _LIBRARY.format(
            name = name,
            testonly = rctx.attr.for_tests,
            defines = [],
            # Not as-needed: reflection and gmock_main act through static initialisers, which nothing references.
            linkopts = ["-l" + lib for lib in extra],
            deps = [":lib"],
        )
    rctx.file("BUILD.bazel", build)

pkg_config_repository = repository_rule(
    implementation = _impl,
    attrs = {
        "packages": attr.string_list(mandatory = True),
        "defines": attr.string_list(),
        "deps": attr.string_list(),
        "for_tests": attr.bool(),
        "variants": attr.string_list_dict(),
    },
    local = True,
    environ = ["PKG_CONFIG_PATH"],
)
