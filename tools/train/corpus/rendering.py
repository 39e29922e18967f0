"""Conversations as text: the same that the chat template makes, with what the model is to learn to say marked."""
import json

END = "<|im_end|>"
SPECIAL = ["<|endoftext|>", "<|im_start|>", END]
# Not special: replies show them, and whoever reads replies takes calls apart by them.
MARKS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]

CHAT_TEMPLATE = """\
{%- if tools or messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content }}
        {%- if tools %}
            {{- '\\n' }}
        {%- endif %}
    {%- endif %}
    {%- if tools %}
        {{- 'Functions:' }}
        {%- for tool in tools %}
            {%- set f = tool.function if tool.function else tool %}
            {{- '\\n' + f.name + '(' }}
            {%- if f.parameters and f.parameters.properties %}
                {{- f.parameters.properties | join(', ') }}
            {%- endif %}
            {{- ')' }}
            {%- if f.description %}
                {{- ': ' + f.description }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- elif message.role != 'system' or not loop.first %}
        {{- '<|im_start|>' + message.role + '\\n' }}
        {%- if message.content %}
            {{- message.content }}
        {%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- set f = call.function if call.function else call %}
            {{- '<tool_call>\\n{"name": "' + f.name + '", "arguments": ' }}
            {{- f.arguments if f.arguments is string else f.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""


def _signature(tool):
    function = tool["function"]
    return f"{function['name']}({', '.join(function['parameters']['properties'])}): {function['description']}"


def _content(message):
    calls = "".join(f'<tool_call>\n{{"name": "{call["function"]["name"]}", "arguments": '
                    f'{json.dumps(call["function"]["arguments"], ensure_ascii=False)}}}\n</tool_call>'
                    for call in message.get("tool_calls") or [])
    return (message["content"] or "") + calls


def render(messages, tools=None):
    """Pieces (text, said by the assistant); together the whole text. A reply's piece ends with its END."""
    pieces = []
    system = messages[0]["content"] if messages[0]["role"] == "system" else None
    if tools or system is not None:
        lines = [system] if system is not None else []
        if tools:
            lines += ["Functions:"] + [_signature(tool) for tool in tools]
        pieces.append(("<|im_start|>system\n" + "\n".join(lines) + END + "\n", False))
    for message in messages[0 if system is None else 1:]:
        if message["role"] == "assistant":
            pieces += [("<|im_start|>assistant\n", False), (_content(message) + END, True), ("\n", False)]
        elif message["role"] == "tool":
            pieces.append((f"<|im_start|>user\n<tool_response>\n{message['content']}\n</tool_response>{END}\n", False))
        else:
            pieces.append((f"<|im_start|>{message['role']}\n{_content(message)}{END}\n", False))
    return pieces


def prompt(messages, tools=None):
    """What the model sees before it replies."""
    return "".join(text for text, _ in render(messages, tools)) + "<|im_start|>assistant\n"
