#!/usr/bin/env python3
"""Trains the embedded model from nothing: text, tokenizer, weights. `./dev train` runs it.

    train.py --out DIR [--minutes M | --steps N] [--seed S] [--smoke]

DIR gets tokenizer.json, state.pt (from which the same command goes on), log.csv and loss.svg. The learning rate rises
for WARMUP steps, stays, and falls to 0 over the last DECAY of them.
"""
import argparse
import collections
import csv
import pathlib
import time

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import batches
import measure
import optimizer
import tokenizer as tokenizers_of_ours
from model import Model, Shape, balance_loss

WARMUP = 60
DECAY = 0.5
MUON_RATE = 5e-3
ADAM_RATE = 4e-3
WEIGHT_DECAY = 0.05
BALANCE = 0.01  # of the load-balancing loss
PROMPT_SHARE = 0.25  # of the prompt tokens whose loss is computed; their weight rises in turn
SETTLE_STEPS = 10  # the first ones compile
RATE_STEPS = 30  # the next: their speed says how many steps --minutes is
SAVE_EVERY = 200
MEASURE_EVERY = 400
MEASURED_TASKS = 20  # of each family, while training
LOG_EVERY = 20


def rate_at(step, steps):
    return min(1.0, (step + 1) / WARMUP, (steps - step) / max(1.0, DECAY * steps))


def set_rates(optimizers, share):
    for one in optimizers:
        for group in one.param_groups:
            group["lr"] = group["base_lr"] * share


def token_loss(model, states, targets, weights):
    """Mean loss by weight. Of prompt tokens only some count, each for more: the output layer is a quarter of the work."""
    said = weights == 1.0
    take = said | ((weights > 0) & (torch.rand(len(weights)) < PROMPT_SHARE))
    rows = take.nonzero().squeeze(1)
    kept = torch.where(said[rows], weights[rows], weights[rows] / PROMPT_SHARE)
    losses = F.cross_entropy(model.logits(states.index_select(0, rows)), targets[rows], reduction="none")
    return (losses * kept).sum() / kept.sum()


def write_atomically(path, write):
    part = path.with_suffix(path.suffix + ".part")
    write(part)
    part.replace(path)


class Run:
    """A training run in a directory: what to save, and where it stopped."""

    def __init__(self, out, model, optimizers, seed):
        self.out, self.model, self.optimizers, self.seed = out, model, optimizers, seed
        self.step, self.steps, self.seconds = 0, None, 0.0
        out.mkdir(parents=True, exist_ok=True)

    def load(self):
        path = self.out / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["seed"] != self.seed:
            raise SystemExit(f"{path}: of seed {state['seed']}, not {self.seed}; choose another --out")
        self.model.load_state_dict(state["model"])
        for one, saved in zip(self.optimizers, state["optimizers"]):
            base = [group["base_lr"] for group in one.param_groups]
            one.load_state_dict(saved)
            for group, rate in zip(one.param_groups, base):
                group["base_lr"] = rate
        self.step, self.steps, self.seconds = state["step"], state["steps"], state["seconds"]
        self._forget_later_rows()

    def _forget_later_rows(self):
        """What was logged after the state was saved is done again."""
        path = self.out / "log.csv"
        if path.exists():
            header, *rows = path.read_text().splitlines(keepends=True)
            path.write_text(header + "".join(row for row in rows if int(row.split(",")[0]) <= self.step))

    def save(self):
        state = {"seed": self.seed, "step": self.step, "steps": self.steps, "seconds": self.seconds,
                 "model": self.model.state_dict(), "optimizers": [one.state_dict() for one in self.optimizers]}
        write_atomically(self.out / "state.pt", lambda path: torch.save(state, path))

    def log(self, **row):
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


def train(run, groups, tokenizer, held_out, minutes, loss_of):
    """Steps until the end; `loss_of(inputs, targets, weights)` gives the loss and {name: figure} to log."""
    rows = sum(count * length for count, length in groups)
    started = time.time() - run.seconds
    durations = collections.deque(maxlen=RATE_STEPS)  # of the last steps, in seconds
    while run.steps is None or run.step < run.steps:
        step_started = time.time()
        torch.manual_seed(run.seed * 1_000_003 + run.step)
        set_rates(run.optimizers, rate_at(run.step, run.steps or 1_000_000))
        loss, figures = loss_of(*batches.batch(tokenizer, run.seed, run.step, groups))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for p in run.model.parameters() if p.requires_grad], 1.0)
        for one in run.optimizers:
            one.step()
        run.model.zero_grad(set_to_none=True)
        run.step += 1
        run.seconds = time.time() - started
        durations.append(time.time() - step_started)
        seconds_per_step = sum(durations) / len(durations)
        if run.steps is None and run.step == SETTLE_STEPS + RATE_STEPS:
            run.steps = run.step + max(1, int((minutes * 60 - run.seconds) / seconds_per_step))
        if run.step % LOG_EVERY == 0 or run.step == run.steps:
            figures = {name: round(value.item(), 4) for name, value in figures.items()}
            run.log(step=run.step, seconds=round(run.seconds), tokens=run.step * rows, loss=round(loss.item(), 4), **figures,
                    gradient_norm=round(norm.item(), 3), rate=round(rate_at(run.step - 1, run.steps or 1_000_000), 4))
            print(f"step {run.step}/{run.steps} {run.seconds:.0f} s loss {loss.item():.4f} {figures} "
                  f"{rows / seconds_per_step:.0f} tokens/s", flush=True)
        if held_out and (run.step % MEASURE_EVERY == 0 or run.step == run.steps):
            with torch.compiler.set_stance("force_eager"):
                right, answer_loss = measure.answers(run.model, held_out)
            print(f"step {run.step}: held out: loss {answer_loss:.4f}, right {measure.report(right)}", flush=True)
        if run.step % SAVE_EVERY == 0 or run.step == run.steps:
            run.save()


def plot(out):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as pyplot
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    pyplot.figure(figsize=(7, 4))
    pyplot.plot([int(row["tokens"]) / 1e6 for row in rows], [float(row["loss"]) for row in rows], linewidth=0.8)
    pyplot.xlabel("million tokens")
    pyplot.ylabel("training loss (nats per token, by weight)")
    pyplot.yscale("log")
    pyplot.grid(alpha=0.3)
    pyplot.tight_layout()
    pyplot.savefig(out / "loss.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=42)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--smoke", action="store_true", help="a few steps of a tiny model: does it run, does it learn")
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    torch.manual_seed(flags.seed)
    shape = Shape(vocabulary=512, hidden=64, layers=2, heads=2, kv_heads=1, width=16, experts=4) if flags.smoke else Shape()
    groups = batches.SMOKE_GROUPS if flags.smoke else batches.GROUPS
    model = Model(shape)
    run = Run(flags.out, model, optimizer.make(model, MUON_RATE, ADAM_RATE, WEIGHT_DECAY), flags.seed)
    run.load()
    if flags.steps or flags.smoke:
        run.steps = flags.steps or 60
    path = flags.out / "tokenizer.json"
    if not path.exists():
        write_atomically(path, lambda part: tokenizers_of_ours.make(shape.vocabulary, flags.seed).save(str(part)))
    tokenizer = Tokenizer.from_file(str(path))
    held_out = None if flags.smoke else measure.Tasks(tokenizer, MEASURED_TASKS, flags.seed, shape.context)

    def loss_of(inputs, targets, weights):
        states, routings = model(inputs, groups)
        balance = sum(balance_loss(routing, shape.experts) for routing in routings) / len(routings)
        loss = token_loss(model, states, targets, weights)
        return loss + BALANCE * balance, {"balance": balance}

    train(run, groups, tokenizer, held_out, flags.minutes, loss_of)
    plot(flags.out)


if __name__ == "__main__":
    main()
