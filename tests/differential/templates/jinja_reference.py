"""jinja2 as transformers configures it for chat templates, the reference of every comparison.

Equal to transformers 5.23's environment: an immutable sandbox, trim_blocks, lstrip_blocks, loop controls, the generation
tag, a tojson that escapes nothing, raise_exception, strftime_now, a dict and a namespace that hide Python's internals.
"""
import datetime
import json
import re

import jinja2
import jinja2.ext
import jinja2.sandbox
from jinja2 import nodes

VERSION = tuple(int(part) for part in jinja2.__version__.split(".")[:3])


class Generation(jinja2.ext.Extension):
    """{% generation %}: a call block that gives its own text, as far as the text goes."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_generation_support"), [], [], body).set_lineno(line)

    @staticmethod
    def _generation_support(caller):
        return caller()


class TemplateDict:
    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)

    def fromkeys(self, *args, **kwargs):
        return dict.fromkeys(*args, **kwargs)


class TemplateNamespace(jinja2.utils.Namespace):
    """Names that begin with an underscore are refused, when it is made and when they are set."""

    def __init__(*args, **kwargs):  # as jinja2's, so that `self` is free for a keyword
        self, args = args[0], args[1:]
        attributes = dict(*args, **kwargs)
        for name in attributes:
            TemplateNamespace.check(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name, value):
        TemplateNamespace.check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def check(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(f"underscore-prefixed attribute {name!r}")


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def strftime_now(format):
        return datetime.datetime.now().strftime(format)

    env.filters["tojson"] = tojson
    env.globals.update(raise_exception=raise_exception, strftime_now=strftime_now, dict=TemplateDict(),
                       namespace=TemplateNamespace)
    return env


ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def comparable(text):
    """Addresses are nobody's to reproduce."""
    return ADDRESS.sub(" at 0x", text)


def render(env, source, context):
    """{"text": ...}, or {"error": the exception's type, "message": ..., "stage": "compile" or "render"}."""
    stage = "compile"
    try:
        template = env.from_string(source)
        stage = "render"
        return {"text": comparable(template.render(**context))}
    except RecursionError as error:
        return {"error": "RecursionError", "message": str(error), "stage": stage}
    except Exception as error:  # jinja2 lets Python's own exceptions through
        return {"error": type(error).__name__, "message": str(error), "stage": stage}
