#!/usr/bin/env python3
"""What routing is worth: accuracy on held-out tasks as trained, and with experts drawn at random in the router's place.

    routing_worth.py RUN [--per-family N]      RUN: what train.py or tune_pre_gate.py made
"""
import argparse
import json
import pathlib

import torch
from tokenizers import Tokenizer

import export
import measure


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--per-family", type=int, default=20)
    flags = parser.parse_args()
    torch.manual_seed(1)
    model = export.read_run(flags.run)
    tasks = measure.Tasks(Tokenizer.from_file(str(flags.run / "tokenizer.json")), flags.per_family, "routing", model.shape.context)
    found = {}
    with torch.compiler.set_stance("force_eager"):
        for name in ("router", "random"):
            model.random_experts = name == "random"
            right, loss = measure.answers(model, tasks)
            everything = [it for some in right.values() for it in some]
            found[name] = {"tasks": len(everything), "accuracy": round(sum(everything) / len(everything), 4), "answer_loss": round(loss, 4)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
