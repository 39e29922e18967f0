"""Exact answers to held-out tasks, in one pass.

A greedy answer is the right one exactly when each of its tokens, and its end, is the most likely one after the right
tokens before it; so no answer need be generated. (The same text in other tokens would count as wrong.) `foregate eval`
measures the same through the daemon.
"""
import torch

from batches import encode
from corpus.mixture import GROUP_OF, held_out_tasks

ROWS = 16384


class Tasks:
    def __init__(self, tokenizer, per_family, seed, context):
        self.items = []  # (family, ids, first answer token)
        for task in held_out_tasks(per_family, seed):
            (ids, said), = encode(tokenizer, [(task.messages + [task.reply()], task.tools)])
            end = len(said) - said[::-1].index(True)
            start = end
            while said[start - 1]:
                start -= 1
            if end <= context:
                self.items.append((task.family, ids[:end], start))
        self.items.sort(key=lambda item: len(item[1]))


@torch.no_grad()
def answers(model, tasks, dtype=torch.bfloat16):
    """{family: [right or not, ...]} and the mean loss per answer token."""
    right, loss, tokens = {}, 0.0, 0
    at = 0
    while at < len(tasks.items):
        length = (len(tasks.items[min(at + 63, len(tasks.items) - 1)][1]) + 31) // 32 * 32
        some = tasks.items[at:at + max(1, min(64, ROWS // length))]
        at += len(some)
        length = (max(len(ids) for _, ids, _ in some) + 31) // 32 * 32
        inputs = torch.zeros(len(some), length, dtype=torch.long)
        for i, (_, ids, _) in enumerate(some):
            inputs[i, :len(ids)] = torch.tensor(ids)
        states, _ = model(inputs.view(-1), [(len(some), length)], dtype)
        states = states.view(len(some), length, -1)
        for i, (family, ids, start) in enumerate(some):
            logits = model.logits(states[i, start - 1:len(ids) - 1])
            target = inputs[i, start:len(ids)]
            right.setdefault(family, []).append(bool((logits.argmax(-1) == target).all()))
            loss += torch.nn.functional.cross_entropy(logits, target, reduction="sum").item()
            tokens += len(target)
    return right, loss / tokens


def by_group(right):
    groups = {}
    for family, some in right.items():
        groups.setdefault(GROUP_OF[family], []).extend(some)
    return {group: sum(some) / len(some) for group, some in groups.items()}


def report(right):
    rate = lambda some: f"{100 * sum(some) / len(some):.0f}"
    everything = [it for some in right.values() for it in some]
    return (f"{100 * sum(everything) / len(everything):.1f} % | " +
            " ".join(f"{group} {100 * share:.0f}" for group, share in by_group(right).items()) + " | " +
            " ".join(f"{family} {rate(some)}" for family, some in right.items()))
