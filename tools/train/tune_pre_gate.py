#!/usr/bin/env python3
"""Tunes a trained model to choose the experts of layer l + k at layer l (docs/pre_gate.md).

    tune_pre_gate.py BASE --distance K --out DIR [--steps N] [--minutes M] [--seed S]     BASE: what train.py made

First the pre-gates alone learn what the routers choose (their scores are the target, the model stays). Then the model
routes by its pre-gates and everything but the experts is tuned with them; the pre-gates keep learning from the routers,
which now only weigh. Experts stay as they are, so base and pre-gated model share them on disk and in memory.
DIR gets what train.py's gets, and pre_gate.json: accuracy, loss and agreement against the base.
"""
import argparse
import json
import pathlib
import shutil

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import batches
import export
import measure
import optimizer
from model import balance_loss
from train import ADAM_RATE, BALANCE, MUON_RATE, WEIGHT_DECAY, Run, plot, token_loss, train

DISTIL_STEPS = 150
TUNING_SHARE = 0.3  # of the rates that the base was trained with
AGREEMENT = 0.1  # of the loss between pre-gates and routers, while both are tuned
MEASURED_TASKS = 40


def disagreement(routings):
    """Mean KL of the pre-gates' choices from the routers', which do not feel it."""
    losses = [F.kl_div(F.log_softmax(routing.early_logits, -1), F.softmax(routing.logits.detach(), -1), reduction="batchmean")
              for routing in routings if routing.early_logits is not None]
    return sum(losses) / len(losses)


def distil(model, tokenizer, groups, seed, steps):
    """Teaches the pre-gates what the routers choose. The model itself routes by its routers meanwhile."""
    gates = [block.pre_gate for block in model.blocks if block.pre_gate is not None]
    learner = torch.optim.AdamW(gates, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    for step in range(steps):
        for group in learner.param_groups:
            group["lr"] = ADAM_RATE * min(1.0, 2 * (1 - step / steps))
        inputs, _, weights = batches.batch(tokenizer, seed, step, groups)
        with torch.no_grad():
            _, routings = model(inputs, groups, by_routers=True)
        real = weights > 0
        losses = []
        for index, gate in enumerate(gates):
            source, target = routings[index], routings[index + model.distance]
            early = F.linear(source.state[real], gate.to(source.state.dtype)).float()
            losses.append(F.kl_div(F.log_softmax(early, -1), F.softmax(target.logits[real], -1), reduction="batchmean"))
        (sum(losses) / len(losses)).backward()
        learner.step()
        learner.zero_grad()
        if step % 25 == 0 or step == steps - 1:
            print(f"distilling {step}/{steps}: KL by layer {[round(loss.item(), 3) for loss in losses]}", flush=True)


def overlap(chosen, wanted):
    """Share of `wanted`'s experts that are among `chosen`, by row."""
    return (chosen[:, :, None] == wanted[:, None, :]).any(1).float().mean(-1)


@torch.no_grad()
def agreement(model, base, tasks):
    """By pre-gated layer: with the base's router on the same text, and with the model's own router."""
    sums, rows = {}, 0
    for _, ids, _ in tasks.items:
        groups = [(1, len(ids))]
        ids = torch.tensor(ids)
        _, ours = model(ids, groups)
        _, theirs = base(ids, groups)
        rows += len(ids)
        for layer in range(model.distance, model.shape.layers):
            own = ours[layer].logits.topk(model.shape.top_k, -1).indices
            base_sum, own_sum = sums.get(layer, (0.0, 0.0))
            sums[layer] = (base_sum + overlap(ours[layer].expert_ids, theirs[layer].expert_ids).sum().item(),
                           own_sum + overlap(ours[layer].expert_ids, own).sum().item())
    return {layer: {"base_router": round(base_sum / rows, 4), "own_router": round(own_sum / rows, 4)}
            for layer, (base_sum, own_sum) in sums.items()}


def compare(model, base, tokenizer, seed):
    tasks = measure.Tasks(tokenizer, MEASURED_TASKS, f"pre-gate {seed}", model.shape.context)
    found = {"distance": model.distance}
    for name, one in (("base", base), ("pre_gated", model)):
        right, loss = measure.answers(one, tasks)
        everything = [it for some in right.values() for it in some]
        found[name] = {"accuracy": round(sum(everything) / len(everything), 4), "answer_loss": round(loss, 4),
                       "by_group": {group: round(share, 4) for group, share in measure.by_group(right).items()}}
    found["agreement_by_layer"] = agreement(model, base, tasks)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", type=pathlib.Path)
    parser.add_argument("--distance", type=int, choices=(1, 2), required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--smoke", action="store_true")
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    torch.manual_seed(flags.seed)
    flags.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(flags.base / "tokenizer.json", flags.out / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(flags.out / "tokenizer.json"))
    groups = batches.SMOKE_GROUPS if flags.smoke else batches.GROUPS
    model = export.read_run(flags.base)
    model.add_pre_gates(flags.distance)
    fresh = not (flags.out / "state.pt").exists()
    if fresh:
        distil(model, tokenizer, groups, flags.seed + 1, 5 if flags.smoke else DISTIL_STEPS)
    for block in model.blocks:
        block.gate_up.requires_grad_(False)
        block.down.requires_grad_(False)
    run = Run(flags.out, model, optimizer.make(model, TUNING_SHARE * MUON_RATE, TUNING_SHARE * ADAM_RATE, WEIGHT_DECAY), flags.seed)
    run.load()
    if flags.steps or flags.smoke:
        run.steps = flags.steps or 10

    def loss_of(inputs, targets, weights):
        states, routings = model(inputs, groups)
        balance = sum(balance_loss(routing, model.shape.experts) for routing in routings) / len(routings)
        apart = disagreement(routings)
        loss = token_loss(model, states, targets, weights)
        return loss + BALANCE * balance + AGREEMENT * apart, {"balance": balance, "disagreement": apart}

    held_out = None if flags.smoke else measure.Tasks(tokenizer, 20, flags.seed, model.shape.context)
    train(run, groups, tokenizer, held_out, flags.minutes, loss_of)
    plot(flags.out)
    if not flags.smoke:
        with torch.compiler.set_stance("force_eager"):
            found = compare(model, export.read_run(flags.base), tokenizer, flags.seed)
        export.write_json(flags.out / "pre_gate.json", found)
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
