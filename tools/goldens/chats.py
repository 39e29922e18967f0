#!/usr/bin/env python3
"""Writes what transformers makes of whole chats with the templates of tests/data/templates/chats:

  tests/data/templates/chats.json                      templates with their variables, by its environment
  tests/data/templates/chats/apply_chat_template.json  messages, by apply_chat_template itself

Usage: python3 tools/goldens/chats.py   (needs transformers 5.23 and jinja2 >= 3.1.6; run from the root)
"""
import json
import pathlib
import sys

sys.path[0] = "tests/differential/families"  # in the place of this folder, whose regex.py would hide a library
import conversations  # noqa: E402
import tokenizers  # noqa: E402
import transformers  # noqa: E402
from transformers.utils import chat_template_utils  # noqa: E402

ROOT = pathlib.Path("tests/data/templates")
SPECIAL_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "sep_token": "<sep>"}

# Chats that clients of transformers send: strings, parts for users, objects as arguments.
CHATS = ["one", "system", "system_turns", "final_assistant", "think", "reasoning_content", "reasoning", "thinking",
         "tool_answer", "tool_nested", "tool_two", "tool_steps", "tool_null_content", "tool_null_calls", "two_users",
         "unicode", "empty_content", "blank_content", "names", "markers", "no_messages", "null_content"]
# A server repairs what these templates do not read, so that it differs from transformers by design: calls where the
# content must be None or arguments text, contents that must be parts.
REPAIRED = {"deepseek_v3_none", "deepseek_r1", "minimax_parts", "kimi_k2_queue"}
ARGUMENTS = [{}, {"enable_thinking": False}, {"enable_thinking": True, "date_string": "1 May"}, {"bos_token": "<b>"}]


def outcome(render):
    try:
        return {"text": render()}
    except Exception as error:  # jinja2 lets Python's own exceptions through
        return {"error": type(error).__name__}


def template_paths():
    return sorted((ROOT / "chats").glob("**/*.jinja"))


def plain_chats():
    """Each template with every ninth of all chats, from another beginning each."""
    everything = [(name, {**SPECIAL_TOKENS, **variables}) for name, variables in conversations.all_chats(3, 20)
                  if not name.startswith("long")]
    for index, path in enumerate(template_paths()):
        source = path.read_text(encoding="utf-8")
        template = chat_template_utils._compile_jinja_template(source)
        for name, context in everything[(index * 7) % 53::53]:
            yield {"template": str(path.relative_to(ROOT / "chats")), "chat": name, "context": context,
                   **outcome(lambda: template.render(**context))}


def tokenizer(chat_template):
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=model, image_token="<image>", **SPECIAL_TOKENS,
                                                chat_template=chat_template)


def applied(text, chat, **options):
    named = {**options.pop("named", {})}
    messages = conversations.CHATS[chat]
    return outcome(lambda: text.apply_chat_template(
        messages, tokenize=False, tools=named.get("tools"), documents=named.get("documents"),
        chat_template=named.get("template_name"), **options))


def apply_cases():
    for index, path in enumerate(template_paths()):
        if path.stem in REPAIRED:
            continue
        text = tokenizer(path.read_text(encoding="utf-8"))
        for number, chat in list(enumerate(CHATS))[index % 2::2]:
            case = {"template": str(path.relative_to(ROOT / "chats")), "chat": chat}
            tools = "tool" in chat or (index + number) % 5 == 0
            arguments = ARGUMENTS[(index + number) % len(ARGUMENTS)]
            prompt = number % 3 != 0
            yield {**case, "tools": tools, "arguments": arguments, "add_generation_prompt": prompt,
                   **applied(text, chat, named={"tools": conversations.TOOLS if tools else None},
                             add_generation_prompt=prompt, **arguments)}
        for chat in ("final_assistant", "one", "think", "blank_content"):
            yield {"template": str(path.relative_to(ROOT / "chats")), "chat": chat, "tools": False, "arguments": {},
                   "add_generation_prompt": False, "continue_final_message": True,
                   **applied(text, chat, add_generation_prompt=False, continue_final_message=True)}


def write(path, content):
    path.write_text(json.dumps(content, ensure_ascii=True) + "\n", encoding="utf-8")
    print(path, path.stat().st_size)


def main():
    assert transformers.__version__.startswith("5.23"), transformers.__version__
    write(ROOT / "chats.json", list(plain_chats()))
    chats = {name: conversations.CHATS[name] for name in CHATS}
    write(ROOT / "chats" / "apply_chat_template.json",
          {"special_tokens": {**SPECIAL_TOKENS, "image_token": "<image>"}, "tools": conversations.TOOLS, "chats": chats,
           "cases": list(apply_cases())})


if __name__ == "__main__":
    main()
