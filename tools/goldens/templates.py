#!/usr/bin/env python3
"""Writes tests/data/templates/constructs.json: what jinja2, configured as transformers does, renders.

Usage: python3 tools/goldens/templates.py   (needs jinja2; run from the root of the repository)
"""
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.sandbox
from jinja2 import nodes

ROOT = pathlib.Path("tests/data/templates")


class Generation(jinja2.ext.Extension):
    """{% generation %}: transformers' AssistantTracker, as far as the text goes."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(line)

    @staticmethod
    def _support(caller):
        return caller()


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def render(env, source, context):
    try:
        return {"text": env.from_string(source).render(**context)}
    except Exception as error:  # jinja2 lets Python's own exceptions through
        return {"error": type(error).__name__}


DATA = {
    "s": "Hello, World", "e": "", "u": "straße ÉCOLE ǆ", "n": None, "t": True, "f": False, "i": 7, "z": 0, "neg": -7,
    "x": 2.5, "big": 1e16, "tiny": 1e-7, "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "empty": [], "d": {"b": 1, "a": [1, "x"], "items": 5},
    "rows": [{"k": "x", "v": 2, "o": {"p": 1}}, {"k": "y", "v": 1}, {"k": "x", "v": 3, "o": {"p": 2}}],
    "text": "  one two\n three\t\n\n", "quote": "it's \"q\"\n\\ \x01 é\u200b",
}

# Each is one template over DATA.
CONSTRUCTS = r"""
{{ s }}|{{ n }}|{{ t }}|{{ i }}|{{ x }}|{{ big }}|{{ tiny }}|{{ 1.0 }}|{{ 100000000000000.0 }}|{{ -0.0 }}|{{ 1e22 }}
{{ l }}|{{ d }}|{{ w }}|{{ (1,) }}|{{ (1, 'a') }}|{{ quote }}|{{ [quote] }}|{{ {1: none, 'a': 1.5} }}|{{ range(3) }}
{{ missing }}|{{ d.missing }}|{{ d['missing'] }}|{{ missing is defined }}|{{ missing|default('x') }}|{{ e|default('y') }}|{{ e|d('y', true) }}
{{ missing.attribute }}
{{ missing + 1 }}
{{ missing() }}
{{ d.missing.deeper }}
{{ d.items is callable }}|{{ d['items'] }}|{{ d.items() }}|{{ d.keys()|list }}|{{ d.values()|list }}
{{ 1 + 2 * 3 ** 2 - 4 / 2 }}|{{ 7 // 2 }}|{{ neg // 2 }}|{{ neg % 3 }}|{{ 7 % -3 }}|{{ -7.5 // 2 }}|{{ 7.5 % 2 }}|{{ 2 ** -1 }}|{{ 2 ** 3 ** 2 }}|{{ -2 ** 2 }}
{{ 1 / 0 }}
{{ 'a' + 1 }}
{{ 'a' ~ 1 ~ none ~ [1] }}|{{ 'ab' * 3 }}|{{ [1] * 2 + [3] }}|{{ 3 * 'x' }}
{{ 1 < 2 < 3 }}|{{ 1 < 3 < 2 }}|{{ 1 == 1.0 == true }}|{{ 'a' < 'b' }}|{{ [1, 2] < [1, 3] }}|{{ 1 != 2 }}|{{ 3 >= 3 }}
{{ 1 < 'a' }}
{{ 1 in l }}|{{ 9 not in l }}|{{ 'ell' in s }}|{{ 'b' in d }}|{{ not 1 in l }}|{{ 'x' in missing }}
{{ 5 in 5 }}
{{ t and 0 or 'z' }}|{{ none or '' }}|{{ e and 1 }}|{{ not e }}|{{ not not 1 }}|{{ true and not false }}
{{ 'y' if i > 5 else 'n' }}|{{ 'y' if i > 50 }}|{{ 1 if f else 2 if f else 3 }}
{{ l[0] }}|{{ l[-1] }}|{{ l[9] }}|{{ l[1:] }}|{{ l[::-1] }}|{{ l[-2:] }}|{{ s[1:4] }}|{{ s[::-2] }}|{{ s[-1] }}|{{ u[4] }}|{{ l[:-1] }}|{{ l[5:] }}|{{ l[::2] }}|{{ (1,2,3)[1:] }}
{{ s.upper() }}|{{ s.lower() }}|{{ u.upper() }}|{{ u.lower() }}|{{ u.title() }}|{{ u.capitalize() }}|{{ s.swap }}
{{ text.strip() }}|{{ text.lstrip() }}|{{ text.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abcba'.lstrip('ab') }}|{{ text.split() }}|{{ 'a,b,,c'.split(',') }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ ' a b c '.split(none, 1) }}
{{ 'a\nb\r\nc\n'.splitlines() }}|{{ 'a\nb'.splitlines(true) }}|{{ 'k=v=w'.partition('=') }}|{{ 'k=v=w'.rpartition('=') }}
{{ s.startswith('Hell') }}|{{ s.startswith(('x', 'H')) }}|{{ s.endswith('d') }}|{{ s.find('o') }}|{{ s.rfind('o') }}|{{ s.find('zz') }}|{{ s.count('o') }}|{{ s.index('W') }}|{{ s.find('o', 5) }}
{{ s.replace('l', 'L') }}|{{ s.replace('l', 'L', 1) }}|{{ 'ab'.replace('', '-') }}|{{ '-'.join(w) }}|{{ 'abc'.removeprefix('a') }}|{{ 'abc'.removesuffix('c') }}|{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}
{{ '12'.isdigit() }}|{{ ''.isdigit() }}|{{ 'ab'.isalpha() }}|{{ 'a1'.isalnum() }}|{{ ' '.isspace() }}|{{ 'AB'.isupper() }}|{{ 'aB'.islower() }}|{{ '½'.isnumeric() }}
{{ 'a'.center(4) }}|{{ 'ab'.center(5, '*') }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}
{{ '{} {0}'.format(1) }}
{{ '{} {} {x}'.format(1, 'b', x=2) }}|{{ '{{}}'.format() }}|{{ '%s is %d %.2f %5s|%-5s|%03d %r %%' % ('a', 3, 2.345, 'b', 'c', 7, 'q') }}|{{ '%s' % 5 }}|{{ '%(a)s' % {'a': 1} }}
{{ '%d' % 'a' }}
{{ d.get('b') }}|{{ d.get('zz') }}|{{ d.get('zz', 4) }}|{{ d['a'][1] }}|{{ d.a.1 }}|{{ l.index(1) }}|{{ l.count(2) }}
{{ l.append(4) }}
{% set _ = d.update({'q': 1}) %}{{ d }}
{{ s.__class__ }}|{{ l.append }}
{{ s|upper }}|{{ s|lower }}|{{ 'foo bar-baz (qux'|title }}|{{ 'hELLO wORLD'|capitalize }}|{{ text|trim }}|{{ 'xxaxx'|trim('x') }}|{{ s|length }}|{{ d|length }}|{{ missing|length }}|{{ i|string + 'x' }}
{{ i|length }}
{{ l|first }}|{{ l|last }}|{{ s|first }}|{{ empty|first }}|{{ l|join(', ') }}|{{ rows|join('-', attribute='k') }}|{{ l|join }}|{{ w|sort }}|{{ w|sort(case_sensitive=true) }}|{{ l|sort(reverse=true) }}|{{ rows|sort(attribute='v')|map(attribute='v')|list }}
{{ w|unique|list }}|{{ l|max }}|{{ l|min }}|{{ w|max }}|{{ l|sum }}|{{ rows|sum(attribute='v') }}|{{ l|reverse|list }}|{{ s|reverse }}|{{ d|dictsort }}|{{ d|items|list }}|{{ rows|groupby('k') }}
{{ rows|map(attribute='o.p')|list }}
{{ rows|map(attribute='k')|list }}|{{ rows|map(attribute='o.p', default=0)|list }}|{{ w|map('upper')|list }}|{{ ['1', '2']|map('int')|list }}|{{ rows|map(attribute='k')|map('replace', 'x', 'q')|join }}
{{ rows|selectattr('k', 'equalto', 'x')|list|length }}|{{ rows|selectattr('o')|map(attribute='v')|list }}|{{ rows|rejectattr('o')|map(attribute='v')|list }}|{{ l|select('odd')|list }}|{{ l|reject('odd')|list }}|{{ [0, 1, '']|select|list }}|{{ rows|selectattr('v', 'in', [1, 2])|list|length }}|{{ l|select('>', 1)|list }}
{{ '3'|int }}|{{ '3.7'|int }}|{{ 'q'|int }}|{{ 'q'|int(5) }}|{{ 3.9|int }}|{{ 'ff'|int(base=16) }}|{{ '2.5'|float }}|{{ 'q'|float }}|{{ neg|abs }}|{{ 2.567|round(2) }}|{{ 2.5|round }}|{{ 2.1|round(method='ceil') }}|{{ 7|round }}|{{ 42.55|round(1, 'floor') }}|{{ true|int }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent('> ') }}|{{ s|replace('o', '0') }}|{{ s|replace('o', '0', 1) }}|{{ '<a>'|e }}|{{ '<a>'|safe }}|{{ '%s!'|format('x') }}|{{ 'two words'|wordcount }}|{{ 'a'|center(5) }}|
{{ [1,2,3,4,5]|batch(2)|list }}|{{ [1,2,3]|batch(2, 0)|list }}|{{ 'abc'|list }}|{{ d|list }}
{{ d|tojson }}|{{ quote|tojson }}|{{ [1.0, 1e20, none, true, 'é']|tojson }}|{{ 'é🙂'|tojson(ensure_ascii=true) }}|{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}|{{ d|tojson(separators=(',', ':')) }}|{{ {1: 2, none: 3, true: 4}|tojson }}|{{ (1, 2)|tojson }}
{{ d|tojson(indent=2) }}|{{ []|tojson(indent=2) }}|{{ {}|tojson(indent=2) }}|{{ [[1], {'a': []}]|tojson(indent=1) }}
{{ missing|tojson }}
{{ d.items()|tojson }}
{{ x is number }}|{{ t is number }}|{{ t is integer }}|{{ i is integer }}|{{ x is float }}|{{ s is string }}|{{ l is sequence }}|{{ d is sequence }}|{{ d is mapping }}|{{ l is iterable }}|{{ s is iterable }}|{{ i is iterable }}|{{ n is none }}|{{ t is true }}|{{ 1 is true }}|{{ f is false }}|{{ t is boolean }}|{{ missing is undefined }}|{{ missing is sequence }}|{{ missing is none }}|{{ range is callable }}
{{ 4 is even }}|{{ 4 is odd }}|{{ 9 is divisibleby 3 }}|{{ 9 is divisibleby(2) }}|{{ 3 is eq 3 }}|{{ 3 is equalto(4) }}|{{ 3 is ne 4 }}|{{ 3 is gt 2 }}|{{ 3 is lessthan 2 }}|{{ 'a' is in ['a'] }}|{{ 'AB' is upper }}|{{ 'ab' is lower }}|{{ n is sameas none }}|{{ 3 is not eq 3 }}|{{ s is not none and i is defined }}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}
{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}={{ x }}{{ ',' if not loop.last }}{% else %}none{% endfor %}
{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}|{% for x in missing %}{{ x }}{% else %}void{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}|{% for k in d %}{{ k }}{% endfor %}|{% for c in 'añb' %}{{ c }}.{% endfor %}|{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x > 4 %}{% break %}{% endif %}{{ x }}{% endfor %}|{{ range(1, 10, 3)|list }}|{{ range(5, 0, -2)|list }}
{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% for y in [1, 2] %}{{ loop.depth }}{{ y }}{% endfor %}{{ loop.index }}{% endfor %}
{% for n in [{'v': 1, 'c': [{'v': 2, 'c': [{'v': 3}]}, {'v': 4}]}] recursive %}{{ n.v }}@{{ loop.depth }}{% if n.c %}({{ loop(n.c) }}){% endif %}{% endfor %}
{% set v = 1 %}{% for x in l %}{{ v }}{% set v = x %}{{ v }};{% endfor %}{{ v }}|{% if true %}{% set v = 9 %}{% endif %}{{ v }}
{% set ns = namespace(a=1, b=[]) %}{% for x in l %}{% set ns.a = ns.a + x %}{% set ns.b = ns.b + [x] %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}
{% set d.x = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}|{% set c %}  block {{ a }} {% endset %}[{{ c }}]|{% set c | upper | trim %} up {% endset %}[{{ c }}]|{% set q = 1, 2 %}{{ q }}
{% macro m(a, b=2, c='x' ~ b) %}{{ a }}-{{ b }}-{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=5) }}{{ m(b=0, a=9) }}{{ m() }}|{{ m(1)|upper }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(q=2) }}
{% macro box(t) %}[{{ t }}:{{ caller('z') }}]{% endmacro %}{% call(y) box('h') %}in {{ y }}{{ s }}{% endcall %}|{% macro f(k) %}{{ k }}{% if k > 0 %}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro late() %}{{ after }}{% endmacro %}{% set after = 'A' %}{{ late() }}|{% macro lst() %}{% set inner = 1 %}{% endmacro %}{{ lst() }}{{ inner is defined }}
{% filter upper %}abc {{ s }}{% endfilter %}|{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}|{% generation %}gen{% endgeneration %}
{% raw %}{{ not }} {% this %}{% endraw %}|{%- raw -%}  x  {%- endraw -%}  |{# comment #}|{#- trimmed -#}  x
a  {%- if true %}  b  {% endif -%}   c  {{- ' d ' -}}  e {{ ' f ' }} g
{%+ if true %}x{% endif +%} y
{{ joiner('-')() }}|{% set j = joiner('-') %}{{ j() }}{{ j() }}{{ j() }}|{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}|{{ dict(a=1, b=2) }}|{{ dict([('k', 1)]) }}
{{ 'a\tb\\n\x41\u00e9\'"' }}|{{ "it's" 'joined' }}|{{ 0x1f }}|{{ 1_000 }}|{{ 0b11 }}|{{ 1.5e3 }}|{{ "\q" }}
{{ nosuchfilter if false else 'ok' }}|{{ 1|nosuchfilter if false else 'fine' }}
{{ 1 is nosuchtest }}
{{ raise_exception('stop') }}
{{ {'a': 1}.a }}|{{ [1, 2][0] }}|{{ (1, 2)|length }}|{{ 'x'.upper().lower() }}|{{ (s|lower).split(',')[1].strip() }}|{{ -1|abs }}|{{ (-1)|abs }}|{{ not missing is defined }}|{{ i if i is defined and i > 3 else none }}
{% if n %}a{% elif i == 7 %}b{% else %}c{% endif %}|{% if d %}d{% endif %}|{% if empty or e or z %}x{% else %}falsy{% endif %}|{% if 'a', %}tuple{% endif %}
{{ [1, [2, {'a': (3,)}]] == [1, [2, {'a': (3,)}]] }}|{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}|{{ (1,) == [1] }}|{{ none == false }}|{{ missing == other }}
{{ true + 1 }}|{{ 1 == true }}|{{ 10 / 4 }}|{{ 10 / 5 }}|{{ 3 * 1.5 }}|{{ 0.1 + 0.2 }}|{{ 1e3 }}|{{ 123456789.125 }}|{{ 5e-324 }}
{{ 'a' if 'b' }}{{ ('a' if false) is defined }}|{{ l|length - 1 }}|{{ s|length > 5 and 'long' }}|{{ s ~ '!' | upper }}|{{ -x|abs }}|{{ 2 * l|length }}
{% for r in rows %}{% if loop.first %}<{% endif %}{{ r.k }}{% if loop.last %}>{% endif %}{% endfor %}|{{ rows[0].o.p }}|{{ rows[1].o is defined }}|{{ rows[-1]['v'] }}|{{ rows[1:]|map(attribute='v')|sum }}
{% if true
{{ 'unterminated }}
{% endfor %}
{% unknown %}
{{ 1 + }}
{{ (1 }}
{% for x in %}{% endfor %}
{% include 'x' %}
"""

MULTILINE = [
    "  {% if true %}\n  a\n  {% endif %}\n  b\n",
    "{% for x in l %}\n    {{ x }}\n{% endfor %}\nend\n",
    "line\n    {# comment #}\nnext\r\nlast\r",
    "a\n  {%- if true -%}\n  b\n  {%- endif %}\n\n  {{- ' c' }}\n",
    "x {% if true %}\ny{% endif %} \n\n",
    "\n\n{{ s }}\n\n",
    "    {%+ if true %}k{% endif %}\n\t{% set q = 1 %}\n{{ q }}\n",
    "{% raw %}\n  {{ a }}\n{% endraw %}\nz",
]


def main():
    env = environment()
    constructs = [{"source": source, **render(env, source, DATA)}
                  for source in CONSTRUCTS.strip().split("\n") + MULTILINE]
    text = json.dumps({"context": DATA, "cases": constructs}, ensure_ascii=True, indent=1)
    (ROOT / "constructs.json").write_text(text + "\n")
    print("constructs", len(constructs))


if __name__ == "__main__":
    main()
