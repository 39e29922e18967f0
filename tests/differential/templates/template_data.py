"""The variables of every compared template: each type, and shapes as chats have them."""

CONTEXT = {
    "s": "Hello, World", "e": "", "u": "straße ÉCOLE ǆ ﬁ Σας", "n": None, "t": True, "f": False, "i": 7, "z": 0, "neg": -7,
    "x": 2.5, "big": 1e16, "tiny": 1e-7, "large": 9007199254740993, "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "empty": [],
    "d": {"b": 1, "a": [1, "x"], "items": 5}, "ed": {}, "nested": [[1, [2, [3]]], {"k": {"deep": [None, True, 1.5]}}],
    "rows": [{"k": "x", "v": 2, "o": {"p": 1}}, {"k": "y", "v": 1}, {"k": "x", "v": 3, "o": {"p": 2}}],
    "pairs": [["a", 1], ["b", 2], ["a", 3]],
    "text": "  one two\n three\t\n\n", "quote": "it's \"q\"\n\\ \x01 é\u200b", "html": "<a href=\"x\">T&amp;C's</a> <!-- c --> y",
    "tree": [{"v": 1, "c": [{"v": 2, "c": [{"v": 3, "c": []}]}, {"v": 4, "c": []}]}, {"v": 5, "c": []}],
    "mixed": [1, "a", None, 2.5, [1], {"a": 1}, True], "long": "The quick brown fox jumps over the lazy dog. " * 3,
    "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi\n"},
        {"role": "assistant", "content": "<think>\nsum\n</think>\n\n4", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1, "b": ["x", None]}}}]},
        {"role": "tool", "content": "{\"t\": 3.5}", "name": "f"},
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image", "url": "x"}]}],
    "tools": [{"type": "function", "function": {"name": "weather", "description": "Of a place, \"now\".", "parameters": {
        "type": "object", "required": ["place"], "properties": {"place": {"type": "string"}, "days": {
            "type": "array", "items": {"type": "integer"}}}}}}],
    "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>",
}
