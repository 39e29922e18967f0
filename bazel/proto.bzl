"""C++ and gRPC code from .proto files with the system's protoc; import paths are relative to //proto."""

load("@rules_cc//cc:defs.bzl", "cc_library")

ProtoSrcInfo = provider(fields = ["srcs"])

def _impl(ctx):
    root = ctx.label.package
    transitive = depset(ctx.files.srcs, transitive = [d[ProtoSrcInfo].srcs for d in ctx.attr.deps])
    hdrs, srcs = [], []
    for proto in ctx.files.srcs:
        stem = proto.path[len(root) + 1:-len(".proto")]
        outs_h = [ctx.actions.declare_file(stem + ".pb.h")]
        outs_c = [ctx.actions.declare_file(stem + ".pb.cc")]
        out_dir = ctx.bin_dir.path + "/" + root
        args = ctx.actions.args()
        args.add("-I" + root)
        args.add("-I/usr/include")
        args.add("--cpp_out=" + out_dir)
        if ctx.attr.grpc:
            outs_h.append(ctx.actions.declare_file(stem + ".grpc.pb.h"))
            outs_c.append(ctx.actions.declare_file(stem + ".grpc.pb.cc"))
            args.add("--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin")
            args.add("--grpc_out=" + out_dir)
        args.add(proto.path)
        # proto3's generated parser refuses a message with a string that is not UTF-8, and gRPC then says UNIMPLEMENTED.
        # server/rpc/utf8_fields.h names the field and the byte instead.
        ctx.actions.run_shell(
            command = "/usr/bin/protoc \"$@\" && sed -i 's/^ *CHK_(::_pbi::VerifyUTF8(.*));$//' %s" % outs_c[0].path,
            arguments = [args],
            inputs = transitive,
            outputs = outs_h + outs_c,
            mnemonic = "Protoc",
            progress_message = "protoc %s" % proto.short_path,
            use_default_shell_env = True,
        )
        hdrs += outs_h
        srcs += outs_c
    return [
        DefaultInfo(files = depset(srcs + hdrs)),
        OutputGroupInfo(hdrs = depset(hdrs), srcs = depset(srcs)),
        ProtoSrcInfo(srcs = transitive),
    ]

_protoc = rule(
    implementation = _impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".proto"]),
        "deps": attr.label_list(providers = [ProtoSrcInfo]),
        "grpc": attr.bool(),
    },
)

def cc_proto(name, srcs, deps = [], grpc = False, **kwargs):
    """One cc_library of the messages (and, with grpc = True, the services) of `srcs`."""
    _protoc(name = name + "_gen", srcs = srcs, deps = [d + "_gen" for d in deps], grpc = grpc)
    native.filegroup(name = name + "_hdrs", srcs = [name + "_gen"], output_group = "hdrs")
    native.filegroup(name = name + "_srcs", srcs = [name + "_gen"], output_group = "srcs")
    cc_library(
        name = name,
        srcs = [name + "_srcs"],
        hdrs = [name + "_hdrs"],
        copts = ["-w"],
        includes = ["."],
        deps = deps + (["@grpc//:lib"] if grpc else ["@protobuf//:lib"]),
        **kwargs
    )
