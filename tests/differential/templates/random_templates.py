"""Random templates: mostly well-typed expressions, some that are not, and statements around them. The seed decides."""
import random

NAMES = {
    "int": ["i", "z", "neg", "3", "1", "0", "-2", "17", "l[0]", "rows[0].v", "s|length", "large", "loop.index"],
    "float": ["x", "big", "tiny", "1.5", "-0.5", "2.0", "1e20", "i / 2"],
    "str": ["s", "e", "u", "text", "quote", "html", "'a'", "'Hello'", "'x y z'", "'é ü'", "long", "rows[0].k", "w[1]",
            "messages[0].content", "messages[1].role", "'a,b,,c'", "'12'", "' 7 '", "'-3.5'", "'\\n'"],
    "list": ["l", "w", "empty", "[1, 2, 3]", "['b', 'a']", "nested", "mixed", "(1, 2)", "range(4)", "pairs", "[]", "rows",
             "d.keys()|list", "messages", "tools"],
    "dict": ["d", "ed", "{'a': 1, 'b': [2]}", "rows[0]", "{}", "tools[0]", "tools[0].function.parameters", "messages[2]"],
    "bool": ["t", "f", "true", "false", "i > 3", "s is defined", "missing is defined", "not t"],
    "any": ["n", "none", "missing", "d.nothing", "l[99]", "mixed[1]", "nested[1].k", "ns.a", "v", "messages[-1].content"],
}
KINDS = list(NAMES)


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.budget = self.random.choice([4, 8, 16, 30])

    def pick(self, *options):
        return self.random.choice(options)

    def chance(self, probability):
        return self.random.random() < probability

    def kind(self):
        return self.random.choice(KINDS)

    def of(self, kind):
        """An expression that should have that type, now and then another's."""
        if self.chance(0.03):
            kind = self.kind()
        self.budget -= 1
        if self.budget <= 0 or self.chance(0.25):
            return self.random.choice(NAMES[kind])
        return getattr(self, "make_" + kind)()

    def group(self, kind):
        inner = self.of(kind)
        return inner if self.chance(0.3) else f"({inner})"

    def constant(self):
        return self.pick("0", "1", "2", "-1", "3", "5")

    def make_int(self):
        return self.pick(
            lambda: f"{self.of('int')} {self.pick('+', '-', '*', '//', '%')} {self.of('int')}",
            lambda: f"{self.group(self.pick('str', 'list', 'dict'))}|{self.pick('length', 'count')}",
            lambda: f"{self.group('list')}|{self.pick('sum', 'max', 'min', 'first', 'last')}",
            lambda: f"{self.group(self.pick('str', 'float', 'int', 'any'))}|int",
            lambda: f"{self.group('str')}|int({self.constant()}, {self.pick('10', '16', '2', '8')})",
            lambda: f"{self.group('str')}.{self.pick('find', 'rfind', 'count')}({self.of('str')})",
            lambda: f"-{self.group('int')}",
            lambda: f"{self.group('int')}|abs",
            lambda: f"{self.group('int')} ** {self.pick('0', '1', '2', '3', '-1')}",
            lambda: f"{self.of('int')} if {self.of('bool')} else {self.of('int')}",
            lambda: f"{self.group('str')}|wordcount",
            lambda: f"{self.group('list')}.{self.pick('index', 'count')}({self.of(self.kind())})",
            lambda: f"[{self.of('int')}, {self.of('int')}][{self.of('int')}]",
            lambda: f"{self.group('bool')} + {self.of('int')}",
        )()

    def make_float(self):
        return self.pick(
            lambda: f"{self.of('float')} {self.pick('+', '-', '*', '/', '//', '%')} {self.of(self.pick('int', 'float'))}",
            lambda: f"{self.group(self.pick('str', 'int', 'any'))}|float",
            lambda: f"{self.group('float')}|round({self.pick('', '1', '2', '-1', '0', '1, %r' % self.pick('ceil', 'floor'))})",
            lambda: f"{self.of('int')} / {self.of('int')}",
            lambda: f"{self.group('float')}|abs",
        )()

    def slice(self):
        part = lambda: "" if self.chance(0.4) else self.of("int")
        return f"{part()}:{part()}" + (f":{self.pick('', '1', '2', '-1', '-2')}" if self.chance(0.4) else "")

    def make_str(self):
        s = lambda: self.of("str")
        return self.pick(
            lambda: f"{s()} + {s()}",
            lambda: f"{self.of(self.kind())} ~ {self.of(self.kind())}",
            lambda: f"{self.group('str')}|{self.pick('upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'e', 'safe', 'striptags', 'urlencode', 'forceescape', 'indent', 'reverse', 'truncate')}",
            lambda: f"{self.group(self.kind())}|{self.pick('string', 'tojson', 'e')}",
            lambda: f"{self.group(self.pick('dict', 'list'))}|tojson({self.pick('indent=2', 'true', 'sort_keys=true', 'indent=1, sort_keys=true', 'ensure_ascii=true')})",
            lambda: f"{self.group('str')}.{self.pick('upper', 'lower', 'title', 'capitalize', 'strip', 'lstrip', 'rstrip', 'swapcase', 'casefold', 'expandtabs')}()",
            lambda: f"{self.group('str')}.{self.pick('strip', 'lstrip', 'rstrip', 'removeprefix', 'removesuffix')}({s()})",
            lambda: f"{self.group('str')}.replace({s()}, {s()}{self.pick('', ', 1', ', 0', ', -1')})",
            lambda: f"{self.group('str')}|replace({s()}, {s()}{self.pick('', ', 1', ', 2')})",
            lambda: f"{self.group('str')}[{self.slice()}]",
            lambda: f"{self.group('str')}[{self.of('int')}]",
            lambda: f"{self.group('list')}|join({self.pick('', s())})",
            lambda: f"{self.group('str')}.join({self.group('list')}|map('string'))",
            lambda: f"{self.group('str')} * {self.pick('0', '1', '2', '3')}",
            lambda: f"{s()} if {self.of('bool')} else {s()}",
            lambda: f"'{self.pick('%s', '%r', '%5s|', '%-6s|', '%.2s')}' % ({self.of(self.kind())},)",
            lambda: f"'{self.pick('%d', '%5d', '%05d', '%x', '%+d', '%.2f', '%8.3f', '%e', '%g', '%s')}' % {self.group(self.pick('int', 'float'))}",
            lambda: f"'{{{self.pick('', '0', '!r', ':>8', ':^9', '!s:*<6', ':.3')}}}'.format({self.of('str')})",
            lambda: f"'{{{self.pick(':d', ':5d', ':<5', ':,', ':x', ':.2f', ':e', ':08.3f', ':+', ':%', ':g', ':b')}}}'.format({self.of(self.pick('int', 'float'))})",
            lambda: f"{self.group('str')}.split({s()})[{self.pick('0', '-1', '1')}]",
            lambda: f"{self.group('str')}|center({self.pick('3', '10', '15')})",
            lambda: f"{self.group('str')}.{self.pick('center', 'ljust', 'rjust', 'zfill')}({self.pick('1', '8', '13')})",
            lambda: f"{self.group('str')}|truncate({self.pick('5', '12', '20, true', '9, true, %r, 0' % '..')})",
            lambda: f"{self.group('str')}|indent({self.pick('2', '1, true', '2, true, true', '%r' % '> ')})",
            lambda: f"{self.group('any')}|default({s()}{self.pick('', ', true')})",
            lambda: f"{self.group('str')}|trim({s()})",
            lambda: f"{self.group('int')}|filesizeformat{self.pick('', '(true)')}",
            lambda: f"m({self.of(self.kind())})" if self.chance(0.7) else f"m(b={self.of(self.kind())})",
        )()

    def make_list(self):
        g = lambda: self.group("list")
        return self.pick(
            lambda: f"{g()} + {g()}",
            lambda: f"[{', '.join(self.of(self.kind()) for _ in range(self.random.randrange(4)))}]",
            lambda: f"({self.of(self.kind())}, {self.of(self.kind())})",
            lambda: f"{g()}[{self.slice()}]",
            lambda: f"{g()}|{self.pick('list', 'sort', 'reverse|list', 'unique|list', 'sort(reverse=true)', 'sort(case_sensitive=true)')}",
            lambda: f"{g()}|map('{self.pick('string', 'upper', 'length', 'int', 'default', 'first', 'list')}')|list",
            lambda: f"{g()}|{self.pick('select', 'reject')}({self.pick('', *map(repr, ('string', 'number', 'mapping', 'none', 'odd', 'defined', 'sequence', 'iterable', 'true', 'upper')))})|list",
            lambda: f"{g()}|{self.pick('select', 'reject')}('{self.pick('eq', 'ne', 'gt', 'in', 'lt', 'sameas')}', {self.of(self.kind())})|list",
            lambda: f"rows|{self.pick('selectattr', 'rejectattr')}('{self.pick('k', 'v', 'o', 'o.p', 'zz')}'{self.pick('', ', %r' % 'defined', ', %r, 2' % 'eq', ', %r, %r' % ('equalto', 'x'), ', %r' % 'mapping')})|list",
            lambda: f"{self.pick('rows', 'messages', 'tools', 'pairs')}|map(attribute={self.pick(*map(repr, ('k', 'v', 'o.p', 'role', 'content', 'function.name', '0', 1)))}{self.pick('', ', default=%s' % self.of('any'))})|list",
            lambda: f"rows|{self.pick('sort', 'groupby', 'unique')}({self.pick('', 'attribute=')}'{self.pick('k', 'v', 'zz')}')|list",
            lambda: f"{g()}|{self.pick('batch', 'slice')}({self.pick('1', '2', '3, 0', '2, none', '4')})|list",
            lambda: f"{self.group('str')}.{self.pick('split()', 'splitlines()', 'split(%s)' % self.of('str'), 'rsplit(none, 1)', 'partition(%s)' % self.of('str'), 'split(none, 2)')}",
            lambda: f"{self.group('dict')}.{self.pick('items', 'keys', 'values')}()|list",
            lambda: f"{self.group('dict')}|{self.pick('dictsort', 'items|list', 'list', 'dictsort(by=%r)' % 'value', 'dictsort(true)')}",
            lambda: f"range({self.pick('3', '1, 5', '5, 0, -2', '0')})|list",
            lambda: f"{self.group('str')}|list",
            lambda: f"{g()} * {self.pick('0', '1', '2')}",
            lambda: f"{g()} if {self.of('bool')} else {g()}",
        )()

    def make_dict(self):
        return self.pick(
            lambda: "{" + ", ".join(f"{self.pick(repr('k'), repr('q'), '1', self.of('str'))}: {self.of(self.kind())}" for _ in range(self.random.randrange(3))) + "}",
            lambda: f"dict({self.of('dict')}, k={self.of(self.kind())})",
            lambda: f"dict(a={self.of(self.kind())})",
            lambda: f"{self.group('dict')}.copy()",
            lambda: f"rows[{self.pick('0', '1', '-1')}]",
            lambda: f"dict({self.group('dict')}.items())",
        )()

    def make_bool(self):
        return self.pick(
            lambda: f"{self.of('int')} {self.pick('<', '<=', '>', '>=', '==', '!=')} {self.of(self.pick('int', 'float'))}",
            lambda: f"{self.of('str')} {self.pick('<', '==', '!=', 'in', 'not in', '>=')} {self.of('str')}",
            lambda: f"{self.of(self.kind())} {self.pick('==', '!=')} {self.of(self.kind())}",
            lambda: f"{self.of(self.kind())} {self.pick('in', 'not in')} {self.of(self.pick('list', 'dict', 'str'))}",
            lambda: f"{self.of('int')} < {self.of('int')} <= {self.of('int')}",
            lambda: f"{self.of('bool')} {self.pick('and', 'or')} {self.of('bool')}",
            lambda: f"not {self.of('bool')}",
            lambda: f"{self.group(self.kind())} is {self.pick('', 'not ')}{self.pick('defined', 'undefined', 'none', 'string', 'number', 'integer', 'float', 'boolean', 'mapping', 'sequence', 'iterable', 'callable', 'true', 'false')}",
            lambda: f"{self.group('int')} is {self.pick('even', 'odd', 'divisibleby 3', 'gt 2', 'divisibleby(2)', 'eq 7', 'in [1, 7]')}",
            lambda: f"{self.group('str')}.{self.pick('startswith', 'endswith')}({self.of('str')})",
            lambda: f"{self.group('str')}.{self.pick('isdigit', 'isalpha', 'isspace', 'isupper', 'islower', 'isalnum', 'istitle', 'isnumeric')}()",
        )()

    def make_any(self):
        return self.pick(
            lambda: f"{self.group('dict')}.{self.pick('a', 'b', 'k', 'items', 'zz', 'o', 'role')}",
            lambda: f"{self.group('dict')}[{self.of(self.pick('str', 'int'))}]",
            lambda: f"{self.group('dict')}.get({self.of('str')}{self.pick('', ', ' + self.of(self.kind()))})",
            lambda: f"{self.group('list')}[{self.of('int')}]",
            lambda: f"{self.of('any')} or {self.of(self.kind())}",
            lambda: f"{self.of('any')} and {self.of(self.kind())}",
            lambda: f"{self.group('any')}|default({self.of(self.kind())}{self.pick('', ', true')})",
            lambda: f"{self.of(self.kind())} if {self.of('bool')}",
            lambda: f"{self.group('list')}|{self.pick('first', 'last', 'max', 'min')}",
            lambda: f"{self.group(self.kind())}.{self.pick('x', '__class__', 'append', 'upper', 'real')}",
        )()

    def output(self):
        left, right = self.pick("{{ ", "{{- ", "{{"), self.pick(" }}", " -}}", "}}")
        return f"{left}{self.of(self.kind())}{right}"

    def text(self):
        return self.pick(" ", "\n", "a", "  b\n", "\n\n", "", "  ", "c ")

    def tag(self, content):
        left, right = self.pick("{% ", "{%- ", "{% ", "{%+ "), self.pick(" %}", " -%}", " %}", " +%}")
        return left + content + right

    def body(self, depth):
        parts = []
        for _ in range(self.random.randrange(1, 4)):
            parts.append(self.text())
            parts.append(self.statement(depth - 1) if depth > 0 and self.chance(0.6) else self.output())
        return "".join(parts) + self.text()

    def statement(self, depth):
        body = lambda: self.body(depth)
        tag = self.tag
        return self.pick(
            lambda: tag(f"if {self.of('bool')}") + body() + (tag(f"elif {self.of('bool')}") + body() if self.chance(0.3) else "")
            + (tag("else") + body() if self.chance(0.5) else "") + tag("endif"),
            lambda: tag(f"for v in {self.of('list')}" + (f" if {self.of('bool')}" if self.chance(0.25) else "")) + body()
            + (tag("else") + body() if self.chance(0.2) else "") + tag("endfor"),
            lambda: tag(f"for k, v in {self.group('dict')}.items()") + "{{ k }}" + body() + "{{ loop.index }}" + tag("endfor"),
            lambda: tag(f"for v in {self.of('list')}") + "{{ loop.first }}{{ loop.last }}"
            + (tag(f"if {self.of('bool')}") + tag(self.pick("break", "continue")) + tag("endif")) + body() + tag("endfor"),
            lambda: tag(f"set v = {self.of(self.kind())}") + self.text() + self.output(),
            lambda: tag(f"set {self.pick('i', 's', 'v', 'q')} = {self.of(self.kind())}") + "{{ q }}{{ i }}",
            lambda: tag(f"set ns.a = {self.of(self.kind())}") + "{{ ns.a }}",
            lambda: tag("set v") + body() + tag("endset") + "[{{ v }}]",
            lambda: tag(f"filter {self.pick('upper', 'trim', 'indent', 'replace(%r, %r)' % ('a', 'b'), 'length')}") + body() + tag("endfilter"),
            lambda: tag(f"with v = {self.of(self.kind())}") + body() + tag("endwith"),
            lambda: tag("macro m2(a, b=1)") + "{{ a }}{{ b }}" + body() + tag("endmacro") + f"{{{{ m2({self.of(self.kind())}) }}}}",
            lambda: tag(f"call{self.pick('(v)', '()', '')} wrap({self.of(self.kind())})") + body() + tag("endcall"),
            lambda: "{# " + self.pick("c", "{{ x }}", "") + self.pick(" #}", " -#}"),
            lambda: tag("generation") + body() + tag("endgeneration"),
            lambda: "{% raw %}" + self.pick("{{ x }}", " {% y %} ", "\n") + "{% endraw %}",
        )()


PRELUDE = ("{%- macro m(a, b=2) %}<{{ a }}:{{ b }}>{% endmacro -%}"
           "{%- macro wrap(a) %}[{{ a }}{{ caller(1) if caller else '' }}]{% endmacro -%}{%- set ns = namespace(a=0) -%}")


def make(seed):
    writer = Writer(seed)
    if seed % 3 == 0:
        return PRELUDE + writer.body(writer.random.randrange(1, 4))
    return PRELUDE + "{{ " + writer.of(writer.kind()) + " }}"
