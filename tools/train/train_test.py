#!/usr/bin/env python3
"""The recipe on a tiny model: it learns, goes on where it stopped, exports what transformers computes, tunes pre-gates."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).absolute().parent
sys.path.insert(0, str(HERE))

import torch  # noqa: E402

import batches  # noqa: E402
import export  # noqa: E402
import optimizer  # noqa: E402
from corpus.rendering import END  # noqa: E402
from model import Experts, Model, Shape, layout  # noqa: E402

TINY = Shape(vocabulary=64, hidden=32, layers=3, heads=2, kv_heads=1, head_dim=16, experts=4, width=16)


def run(script, *arguments):
    done = subprocess.run([sys.executable, "-B", str(HERE / script), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{script}: {done.stdout}\n{done.stderr}")
    return done.stdout


class ModelTest(unittest.TestCase):
    def test_gradients_of_experts_equal_those_of_the_plain_formula(self):
        torch.manual_seed(0)
        x = torch.randn(10, 8, requires_grad=True)
        weights = torch.rand(10, 2, requires_grad=True)
        gate_up, down = torch.randn(3, 8, 8, requires_grad=True), torch.randn(3, 8, 4, requires_grad=True)
        ids = torch.stack([torch.randperm(3)[:2] for _ in range(10)])
        plain = []
        for row in range(10):
            total = 0
            for choice in range(2):
                gate, up = (gate_up[ids[row, choice]] @ x[row]).chunk(2)
                total = total + weights[row, choice] * (down[ids[row, choice]] @ (torch.nn.functional.silu(gate) * up))
            plain.append(total)
        inputs = (x, weights, gate_up, down)
        ours = Experts.apply(x, weights, gate_up, down, *layout(ids, 3))
        torch.testing.assert_close(ours, torch.stack(plain))
        direction = torch.randn(10, 8)
        for ours_grad, plain_grad in zip(torch.autograd.grad((ours * direction).sum(), inputs),
                                         torch.autograd.grad((torch.stack(plain) * direction).sum(), inputs)):
            torch.testing.assert_close(ours_grad, plain_grad, rtol=1e-4, atol=1e-5)

    def test_a_row_does_not_depend_on_how_rows_are_grouped(self):
        torch.manual_seed(1)
        model, tokens = Model(TINY), torch.randint(0, 64, (2 * 300,))
        together, _ = model(tokens, [(2, 300)], torch.float32)  # flash attention
        apart, _ = model(tokens[300:550], [(1, 250)], torch.float32)  # scores as a matrix
        torch.testing.assert_close(together[300:550], apart, rtol=1e-4, atol=1e-4)

    def test_steps_of_muon_have_equal_singular_values(self):
        torch.manual_seed(2)
        values = torch.linalg.svdvals(optimizer.orthogonal(torch.randn(3, 24, 16)).float())
        self.assertGreater(values.min().item(), 0.5)
        self.assertLess(values.max().item(), 1.4)


class RecipeTest(unittest.TestCase):
    def test_recipe(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory)
            run("train.py", "--smoke", "--steps", 40, "--out", out / "base")
            run("train.py", "--smoke", "--steps", 60, "--out", out / "base")  # goes on
            losses = [float(line.split(",")[3]) for line in (out / "base/log.csv").read_text().splitlines()[1:]]
            self.assertEqual(len(losses), 3)
            self.assertLess(losses[-1], losses[0] - 0.5)
            self.assertTrue((out / "base/loss.svg").exists())
            run("export.py", out / "base", out / "checkpoint")
            run("tune_pre_gate.py", out / "base", "--smoke", "--distance", 1, "--out", out / "tuned")
            run("export.py", out / "tuned", out / "pre_gated")
            base, tuned = export.read_run(out / "base"), export.read_run(out / "tuned")
            self.assertTrue(torch.equal(base.blocks[1].gate_up, tuned.blocks[1].gate_up))
            self.assertFalse(torch.equal(base.blocks[1].qkv, tuned.blocks[1].qkv))
            self.assertEqual(json.loads((out / "pre_gated/config.json").read_text())["foregate_pre_gate"], {"version": 1, "distance": 1})

    def test_batches_are_seeded_and_end_replies(self):
        import tokenizer
        made = tokenizer.make(512, 1)
        first, again = (batches.batch(made, 5, 2, batches.SMOKE_GROUPS) for _ in range(2))
        for one, other in zip(first, again):
            self.assertTrue(torch.equal(one, other))
        other = batches.batch(made, 5, 3, batches.SMOKE_GROUPS)
        self.assertFalse(torch.equal(first[0], other[0]))
        inputs, targets, weights = first
        self.assertIn(made.token_to_id(END), targets[weights == 1.0].tolist())


if __name__ == "__main__":
    unittest.main()
