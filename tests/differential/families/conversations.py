"""Conversations for chat templates: hand-written ones of every kind that clients send, and random ones of a fixed seed.

Each is a dict of template variables: messages, tools, documents, add_generation_prompt and free arguments.
"""
import json
import random

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather of a place.\nToday or later; \"now\" too.",
        "parameters": {
            "type": "object", "required": ["place"],
            "properties": {
                "place": {"type": "string", "description": "City, e.g. Köln or São Paulo"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
                "hours": {"type": "array", "items": {"type": "number"}, "description": "Hours of the day"},
                "exact": {"type": "boolean", "default": False}}}}}

ORDER = {
    "type": "function",
    "function": {
        "name": "place_order", "description": "Orders goods.", "strict": True,
        "parameters": {
            "type": "object", "additionalProperties": False, "required": ["items", "customer"],
            "properties": {
                "items": {"type": "array", "description": "What to order", "items": {
                    "type": "object", "required": ["sku"], "properties": {
                        "sku": {"type": "string"}, "amount": {"type": "integer", "default": 1},
                        "options": {"type": "array", "items": {"type": "string", "enum": ["red", "blue"]}}}}},
                "customer": {"type": "object", "properties": {
                    "name": {"type": "string", "description": "Full name"},
                    "tags": {"type": "object", "additionalProperties": {"type": "string"}}}},
                "coupon": {"type": ["string", "null"], "default": None},
                "payment": {"oneOf": [{"type": "string", "enum": ["cash"]}, {"type": "number", "default": 1.5},
                                      {"type": "object", "description": "a card"}]},
                "either": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "Or nothing"},
                "note": {"type": "string", "nullable": True, "maxLength": 80}}},
        "return": {"type": "string", "description": "The number of the order"}}}

NO_ARGUMENTS = {"type": "function", "function": {"name": "time", "description": "The time.", "parameters": {
    "type": "object", "properties": {}}}}
# Without description, and without parameters.
BARE = {"type": "function", "function": {"name": "später_é", "parameters": {"type": "object", "properties": {
    "x": {"description": "anything <b>&amp;</b> 'quoted'"}}}}}
FLAT = {"name": "flat_tool", "description": "Not wrapped.", "parameters": {"type": "object", "properties": {
    "a": {"type": "integer", "description": "A number"}}, "required": ["a"]}}
REF = {"type": "function", "function": {"name": "ref_tool", "description": "Uses $ref", "parameters": {
    "type": "object", "$defs": {"P": {"type": "object", "properties": {"x": {"type": "number"}}}},
    "properties": {"p": {"$ref": "#/$defs/P"}, "q": {"allOf": [{"type": "string"}], "const": "k"}}}}}

TOOLS = [WEATHER, ORDER, NO_ARGUMENTS]


def call(name, arguments, identifier="abcdefghi", **more):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def message(role, content=None, **more):
    return {"role": role, **({} if content is None else {"content": content}), **more}


def text(value):
    return {"type": "text", "text": value}


USER = message("user", "What is the weather in Köln?")
CALL = message("assistant", "", tool_calls=[call("get_weather", {"place": "Köln", "days": 3})])
RESULT = message("tool", '{"temperature": 3.5, "sky": "grey"}', tool_call_id="abcdefghi", name="get_weather")
ANSWER = message("assistant", "3.5 degrees and grey.")
NESTED = {"items": [{"sku": "A-1", "amount": 2, "options": []}, {"sku": "\"q\"", "options": ["red"]}],
          "customer": {"name": "Zoë", "tags": {"vip": "yes", "a b": ""}}, "coupon": None, "payment": 1e-7,
          "either": -12345678901234567, "note": "line\nbreak\ttab \\ / \u2028 🙂", "big": 1e22, "t": True, "f": False,
          "float": 100.0, "empty": {}, "list": [[], [1, [2.5]]]}

CHATS = {
    "one": [message("user", "Hi")],
    "system": [message("system", " Be brief. \n"), message("user", "Hi\n")],
    "turns": [message("user", "a"), message("assistant", "b  "), message("user", "c\n\nd")],
    "system_turns": [message("system", "S"), message("user", " a "), message("assistant", " b\n"), message("user", "c"),
                     message("assistant", "d"), message("user", "e")],
    "final_assistant": [message("user", "Say a word"), message("assistant", "The word is")],
    "think": [message("user", "2+2?"), message("assistant", "<think>\nsum it\n</think>\n\n4"),
              message("user", "and 3+3?"), message("assistant", "<think>\nx</think>6"), message("user", "thanks")],
    "think_unclosed": [message("user", "q"), message("assistant", "<think>half"), message("user", "again")],
    "reasoning_content": [message("user", "q"), message("assistant", "answer", reasoning_content="\nbecause\n"),
                          message("user", "why?"), message("assistant", "so", reasoning_content="")],
    "reasoning": [message("user", "q"), message("assistant", "answer", reasoning="because"), message("user", "r")],
    "thinking": [message("user", "q"), message("assistant", "answer", thinking="because"), message("user", "r")],
    "parts": [message("user", [text("see "), text("this")])],
    "parts_everywhere": [message("system", [text("S1"), text("S2")]), message("user", [text("U")]),
                         message("assistant", [text("A "), text("B")]), message("user", [text("V")])],
    "image": [message("user", [text("see"), {"type": "image", "url": "x"}, {"type": "image_url", "image_url": {
        "url": "http://x"}}, text("this")])],
    "video": [message("user", [{"type": "video", "video": "v"}, {"type": "audio", "audio": "a"}, text("")])],
    "tools_unused": [USER],
    "tool_call": [USER, CALL],
    "tool_result": [USER, CALL, RESULT],
    "tool_answer": [message("system", "You may call tools."), USER, CALL, RESULT, ANSWER, message("user", "Thanks!")],
    "tool_only_args": [USER, message("assistant", tool_calls=[{"function": {"name": "time", "arguments": {}}}]),
                       message("tool", "12:00")],
    "tool_text_arguments": [USER, message("assistant", "", tool_calls=[call("get_weather", '{"place": "Köln"}')]),
                            RESULT],
    "tool_flat": [USER, message("assistant", "", tool_calls=[{"name": "get_weather", "arguments": {"place": "X"}}]),
                  message("tool", "y")],
    "tool_nested": [message("user", "Order"), message("assistant", "", tool_calls=[call("place_order", NESTED)]),
                    message("tool", "done", tool_call_id="abcdefghi")],
    "tool_two": [USER, message("assistant", "Let me see.", tool_calls=[
        call("get_weather", {"place": "Köln", "exact": True, "hours": [1, 2.5]}, "call00001"),
        call("get_weather", {"place": "東京", "unit": None}, "call00002")]),
        message("tool", "1", tool_call_id="call00001"), message("tool", "2", tool_call_id="call00002"),
        message("assistant", "Both."), message("user", "Good")],
    "tool_steps": [USER, message("assistant", "First.", reasoning_content="r1", tool_calls=[
        call("time", {}, "call00001")]), message("tool", "noon", tool_call_id="call00001"),
        message("assistant", "", reasoning_content="r2", tool_calls=[call("get_weather", {"place": "a"}, "call00002")]),
        message("tool", "sun", tool_call_id="call00002", name="get_weather"), ANSWER, message("user", "more"),
        message("assistant", tool_calls=[call("time", {}, "call00003")]), message("tool", {"now": 1}, name="time")],
    "tool_null_content": [USER, {"role": "assistant", "content": None, "tool_calls": CALL["tool_calls"]}, RESULT],
    "tool_absent_content": [USER, message("assistant", tool_calls=CALL["tool_calls"]), RESULT, ANSWER],
    "tool_result_json": [USER, CALL, message("tool", {"temperature": 3.5, "list": [1, None, True]}, name="get_weather")],
    "tool_result_parts": [USER, CALL, message("tool", [text("grey"), text("sky")], tool_call_id="abcdefghi")],
    "tool_result_list": [USER, CALL, message("tool", ["a", 1], tool_call_id="abcdefghi"), USER],
    "tool_empty_calls": [message("user", "u"), message("assistant", "a", tool_calls=[]), message("user", "v")],
    "tool_null_calls": [message("user", "u"), message("assistant", "a", tool_calls=None, reasoning_content=None),
                        message("user", "v")],
    "tool_short_id": [USER, message("assistant", "", tool_calls=[call("time", {}, "x")]), message("tool", "1",
                                                                                                 tool_call_id="x")],
    "tool_responses": [USER, message("assistant", "", tool_calls=[call("f", {"a": "b\"c"})]),
                       message("tool", "<tool_response>\nx\n</tool_response>"), message("user", "<tool_response>no")],
    "ipython": [message("system", "s"), USER, CALL, message("ipython", "out"), ANSWER],
    "developer": [message("developer", "Be brief."), message("user", "Hi")],
    "system_developer": [message("system", "S"), message("developer", "D"), message("user", "Hi")],
    "function_role": [message("user", "u"), message("function", "f", name="g"), message("user", "v")],
    "observation": [message("user", "u"), message("assistant", "f\n{}", metadata="m"), message("observation", "o")],
    "only_system": [message("system", "S")],
    "only_assistant": [message("assistant", "A")],
    "two_users": [message("user", "a"), message("user", "b")],
    "two_assistants": [message("user", "a"), message("assistant", "b"), message("assistant", "c")],
    "late_system": [message("user", "a"), message("system", "S"), message("user", "b")],
    "two_systems": [message("system", "S"), message("system", "T"), message("user", "b")],
    "starts_with_tool": [message("tool", "x", tool_call_id="abcdefghi"), message("user", "a")],
    "unknown_role": [message("user", "a"), message("narrator", "b"), message("user", "c")],
    "empty_content": [message("system", ""), message("user", ""), message("assistant", ""), message("user", "x")],
    "blank_content": [message("system", " \n"), message("user", " \t "), message("assistant", "\n"),
                      message("user", "\u00a0x\u3000")],
    "absent_content": [message("user"), message("assistant"), message("user", "x")],
    "null_content": [{"role": "user", "content": None}],
    "number_content": [message("user", 5), message("assistant", 2.5), message("user", True)],
    "no_role": [{"content": "x"}],
    "names": [message("system", "s", name="host"), message("user", "u", name="Zoë"), message("assistant", "a", name="b")],
    "unicode": [message("user", "日本語 🙂 \u2028 é \x7f \u200b \"'\\ <>& e\u0301 \ufeff"), message("assistant", "ß İ ǆ")],
    "markers": [message("system", "<|im_start|>x<|im_end|>"), message("user", "[INST]<<SYS>>{{ x }}{% if %}</s>"),
                message("assistant", "<|eot_id|>"), message("user", "<｜User｜><start_of_turn>")],
    "long": [message("system", "s " * 200)] + [
        message("user" if i % 2 == 0 else "assistant", "line %d\n" % i * 3) for i in range(61)],
    "no_messages": [],
}

WITH_TOOLS = {name: TOOLS for name in CHATS if name.startswith("tool_")}
WITH_TOOLS.update({"ipython": TOOLS, "developer": [WEATHER], "system": [BARE], "turns": [NO_ARGUMENTS],
                   "final_assistant": [ORDER], "only_system": TOOLS, "two_users": TOOLS, "reasoning_content": [WEATHER],
                   "think": TOOLS, "names": [FLAT], "unicode": [REF, BARE], "empty_content": [WEATHER], "long": TOOLS})

DOCUMENTS = [{"title": "Facts", "text": "Water is wet.\nIce is cold.", "doc_id": 1},
             {"title": "Ümlaut", "text": "ä", "doc_id": "x", "contents": "c"}]

ARGUMENTS = [
    {"enable_thinking": False}, {"enable_thinking": True}, {"thinking": True}, {"reasoning_effort": "high"},
    {"reasoning_effort": "low", "model_identity": "You are Zed."}, {"builtin_tools": ["browser", "python"]},
    {"builtin_tools": ["wolfram_alpha", "code_interpreter"], "date_string": "01 May 2025"},
    {"tools_in_user_message": False, "date_string": "1 May"}, {"controls": {"length": "short", "originality": "x"}},
    {"xml_tools": [WEATHER["function"]]}, {"python_tools": [WEATHER["function"]]}, {"custom_tools": [WEATHER]},
    {"clear_thinking": True}, {"preserve_thinking": True}, {"keep_past_thinking": True}, {"thinking_budget": 512},
    {"citation_options": {"mode": "accurate"}, "safety_mode": "STRICT"}, {"system_prompt": "From an argument."},
]


def hand_written():
    """(name, variables): each chat as it is, and with tools, documents or arguments where that means something."""
    for index, (name, messages) in enumerate(CHATS.items()):
        plain = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": True}
        yield name, plain
        yield name + "+closed", {**plain, "add_generation_prompt": False,
                                 **ARGUMENTS[index % len(ARGUMENTS)]}
        if name in WITH_TOOLS:
            yield name + "+tools", {**plain, "tools": WITH_TOOLS[name]}
            yield name + "+tools+arguments", {**plain, "tools": WITH_TOOLS[name],
                                              **ARGUMENTS[(3 * index + 1) % len(ARGUMENTS)]}
    for index, arguments in enumerate(ARGUMENTS):
        name = ["one", "system", "tool_answer", "think"][index % 4]
        yield "arguments_%d" % index, {"messages": CHATS[name], "tools": TOOLS if index % 2 else None, "documents": None,
                                       "add_generation_prompt": True, **arguments}
    for name in ("one", "system_turns", "tool_answer"):
        yield name + "+documents", {"messages": CHATS[name], "tools": None, "documents": DOCUMENTS,
                                    "add_generation_prompt": True}
    yield "empty_tools", {"messages": CHATS["system"], "tools": [], "documents": [], "add_generation_prompt": True}


WORDS = ["Hello", "wörld", "東京", "🙂", "\n", " ", "\t", "\"", "'", "\\", "<think>", "</think>", "{", "}", "<", "&", "x" * 30,
         "\u00a0", "a_b", "1.0", "\r\n", "é", "None", "True", "<tool_call>", "#", "`code`", "\u2028", "end."]


def random_text(rng):
    return "".join(rng.choice(WORDS) + rng.choice(["", " "]) for _ in range(rng.randrange(8)))


def random_json(rng, depth=0):
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return random_text(rng)
    if kind == 1:
        return rng.choice([0, 1, -1, 7, 10 ** 12, -2 ** 53, 2 ** 63 - 1])
    if kind == 2:
        return rng.choice([0.0, -0.0, 1.0, 0.1, 1e16, 1e-5, 123456789.125, 1e300, 5e-324, 3.0e15])
    if kind == 3:
        return rng.choice([True, False, None])
    if kind in (4, 5):
        return rng.choice(["", "ok", "ü", "a\nb", "12"])
    if kind == 6:
        return [random_json(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(["a", "b c", "ключ", "items", "name", "\"", "type"]): random_json(rng, depth + 1)
            for _ in range(rng.randrange(4))}


def random_content(rng):
    kind = rng.randrange(12)
    if kind == 0:
        return [text(random_text(rng)) for _ in range(rng.randrange(3))]
    if kind == 1:
        return ""
    return random_text(rng)


def random_message(rng, previous):
    after = {"system": ["user"], "user": ["assistant"] * 4 + ["user"], "assistant": ["user"] * 4 + ["assistant"],
             "calls": ["tool"] * 6 + ["user"], "tool": ["tool", "assistant", "assistant", "user"],
             "": ["system", "user", "user", "developer", "assistant"], "developer": ["user"]}
    role = rng.choice(after[previous])
    result = message(role, random_content(rng))
    state = role
    if role == "assistant" and rng.random() < 0.45:
        count = rng.choice([1, 1, 1, 2, 3])
        result["tool_calls"] = [call(rng.choice(["get_weather", "place_order", "time"]), {
            key: random_json(rng) for key in rng.sample(["place", "days", "x y", "ö", "items", "keys"], rng.randrange(4))},
            "call%05d" % rng.randrange(10 ** 5)) for _ in range(count)]
        if rng.random() < 0.3:
            del result["content"]
        state = "calls"
    if role == "assistant" and rng.random() < 0.3:
        result[rng.choice(["reasoning_content", "reasoning", "thinking"])] = random_text(rng)
    if role == "tool":
        if rng.random() < 0.8:
            result["tool_call_id"] = "call00001"
        if rng.random() < 0.5:
            result["name"] = "get_weather"
        if rng.random() < 0.15:
            result["content"] = random_json(rng)
    return result, state


def random_chats(seed, count):
    rng = random.Random(seed)
    for index in range(count):
        messages, state = [], ""
        for _ in range(rng.randrange(1, 12)):
            new, state = random_message(rng, state)
            messages.append(new)
        variables = {"messages": messages, "documents": rng.choice([None] * 9 + [DOCUMENTS]),
                     "tools": rng.choice([None, None, TOOLS, [WEATHER], [ORDER, BARE], [NO_ARGUMENTS, REF]]),
                     "add_generation_prompt": rng.random() < 0.8}
        if rng.random() < 0.4:
            variables.update(rng.choice(ARGUMENTS))
        yield "random_%d_%d" % (seed, index), variables


def all_chats(seed, count):
    """Their JSON is what both sides read, so that both see the same values."""
    for name, variables in [*hand_written(), *random_chats(seed, count)]:
        yield name, json.loads(json.dumps(variables))
