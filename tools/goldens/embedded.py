#!/usr/bin/env python3
"""What transformers computes with the embedded model, for the tests that compare Foregate's text and tokens with it.

    tools/goldens/embedded.py MODEL_DIR [--reference DIR]      (a Python with torch, transformers: tools/train)

Writes MODEL_DIR/expected.json: a conversation of each family with the rendered prompt, its ids, the log-probability of
each prompt token and the greedy answer (ids, text, margin between the first and the second logit at each step), in f32
over the stored weights. --reference: where the whole checkpoint lies when MODEL_DIR holds an overlay (docs/overlay.md).
"""
import argparse
import json
import pathlib
import sys

# This directory goes: its regex.py and tokenizers.py are not the packages.
_TOOLS = pathlib.Path(__file__).absolute().parent.parent
sys.path[0] = str(_TOOLS / "pre_gate")
sys.path.append(str(_TOOLS / "train"))

import pre_gate
import torch
import transformers
from corpus.mixture import held_out_tasks

MAX_ANSWER = 200
TALK = [
    [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "What is the capital of Peru?"}],
    [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hello! How can I help you?"},
     {"role": "user", "content": "Translate house into French."}],
    [{"role": "user", "content": "Tell a short story about Ada and Max."}],
]


def load(directory):
    arguments = {"dtype": torch.float32, "experts_implementation": "eager"}
    if pre_gate.KEY in json.loads((directory / "config.json").read_text()):
        return pre_gate.load(directory, **arguments)[0].eval()
    return transformers.AutoModelForCausalLM.from_pretrained(directory, **arguments).eval()


@torch.no_grad()
def case_of(model, tokenizer, ends, messages, tools):
    prompt = tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(prompt, add_special_tokens=False).input_ids
    scores = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    logprobs = [None] + [round(float(scores[i, ids[i + 1]]), 5) for i in range(len(ids) - 1)]
    all_ids, margins = list(ids), []
    while len(all_ids) < len(ids) + MAX_ANSWER:
        values, best = model(torch.tensor([all_ids])).logits[0, -1].topk(2)
        margins.append(round(float(values[0] - values[1]), 5))
        all_ids.append(int(best[0]))
        if all_ids[-1] in ends:
            break
    answer = all_ids[len(ids):]
    case = {"messages": messages, "prompt": prompt, "prompt_ids": ids, "prompt_logprobs": logprobs, "greedy_ids": answer,
            "greedy_margin": margins, "text": tokenizer.decode(answer, skip_special_tokens=True)}
    return case if tools is None else {**case, "tools": tools}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--reference", type=pathlib.Path)
    flags = parser.parse_args()
    directory = flags.reference or flags.model
    model, tokenizer = load(directory), transformers.AutoTokenizer.from_pretrained(directory)
    ends = json.loads((directory / "generation_config.json").read_text())["eos_token_id"]
    asked = [(task.messages, task.tools) for task in held_out_tasks(1, "expected")] + [(messages, None) for messages in TALK]
    cases = [case_of(model, tokenizer, ends, *one) for one in asked]
    (flags.model / "expected.json").write_text(json.dumps(
        {"reference": "transformers, float32 arithmetic over the stored bf16 weights, greedy", "cases": cases},
        ensure_ascii=False, indent=1) + "\n")
    print(f"{flags.model}/expected.json: {len(cases)} conversations")


if __name__ == "__main__":
    main()
