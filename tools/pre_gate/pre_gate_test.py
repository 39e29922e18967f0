#!/usr/bin/env python3
"""The reference against docs/pre_gate.md, word by word and without its hooks. Needs torch and transformers:

    PYTHON tools/pre_gate/pre_gate_test.py
"""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

try:
    import pre_gate
    import torch
    import transformers
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(0)

COMMON = {"hidden_size": 16, "num_hidden_layers": 5, "num_attention_heads": 2, "num_key_value_heads": 2,
          "vocab_size": 32, "num_experts": 6, "num_experts_per_tok": 3, "pad_token_id": None}
FAMILIES = {
    "qwen3_moe": ("Qwen3MoeConfig", {"head_dim": 8, "intermediate_size": 12, "moe_intermediate_size": 8,
                                     "norm_topk_prob": True, "mlp_only_layers": [1]}),
    "olmoe": ("OlmoeConfig", {"intermediate_size": 8}),
    "mixtral": ("MixtralConfig", {"intermediate_size": 8, "num_local_experts": 6, "sliding_window": None}),
}
ROWS = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 8, 9, 7]])


def make(family):
    class_name, values = FAMILIES[family]
    values = {**COMMON, **values}
    if "num_local_experts" in values:
        del values["num_experts"]
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(
        getattr(transformers, class_name)(**values), attn_implementation="eager", experts_implementation="eager")
    model = model.double().eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(std=1.5 / parameter.shape[-1] ** 0.5)
    return model


def shake(gates):
    """Pre-gates that agree with no router."""
    for target in gates.targets:
        gates.gate(target).weight.data.normal_(std=0.5)


class Watched:
    """States, router outputs and sparse inputs of a pass, seen at the norms and not where the reference looks."""

    def __init__(self, model):
        self.states, self.routed = {}, {}
        for index, layer in enumerate(model.model.layers):
            layer.post_attention_layernorm.register_forward_hook(
                lambda _, __, out, index=index: self.states.__setitem__(index, out.reshape(-1, out.shape[-1])))
            if pre_gate.is_moe(layer):
                layer.mlp.gate.register_forward_hook(
                    lambda _, __, out, index=index: self.routed.__setitem__(index, out))


class PreGateTest(unittest.TestCase):
    def test_ids_and_weights_are_those_of_the_specification(self):
        for family in FAMILIES:
            for distance in (1, 2):
                model = make(family)
                gates = pre_gate.attach(model, distance)
                shake(gates)
                watched = Watched(model)
                with torch.no_grad():
                    model(ROWS)
                sparse = [1, 2, 3, 4] if family != "qwen3_moe" else [2, 3, 4]
                self.assertEqual(gates.targets, [t for t in sparse if t >= distance])
                for t in gates.targets:
                    z = watched.states[t - distance] @ gates.gate(t).weight.T
                    r = watched.states[t] @ model.model.layers[t].mlp.gate.weight.T
                    _, weights, ids = watched.routed[t]
                    for row in range(z.shape[0]):
                        chosen = sorted(range(6), key=lambda e: (-z[row, e], e))[:3]
                        self.assertEqual(ids[row].tolist(), chosen)
                        exps = r[row].exp()
                        total = exps[chosen].sum() if family != "olmoe" else exps.sum()
                        torch.testing.assert_close(weights[row].double(), exps[chosen] / total, rtol=1e-6, atol=1e-9)

    def test_pre_gates_that_choose_as_the_router_change_nothing(self):
        for family in FAMILIES:
            model = make(family)
            with torch.no_grad():
                base = model(ROWS).logits
                gates = pre_gate.attach(model, 1)
                watched = Watched(model)
                # The choice of the last pass is forced on the next, layer by layer until it is the routers' own.
                gates.detach()
                model(ROWS)
                own = {t: pre_gate.Commitment(None, watched.routed[t][2]) for t in gates.targets}
                forced = pre_gate.PreGates(model, 1)
                forced._commit = lambda target, state: forced.committed.__setitem__(target, own[target])
                torch.testing.assert_close(model(ROWS).logits, base, rtol=1e-5, atol=1e-6)

    def test_a_row_knows_nothing_of_the_others(self):
        model = make("olmoe")
        gates = pre_gate.attach(model, 2)
        shake(gates)
        with torch.no_grad():
            together = model(ROWS).logits
            for row in range(2):
                torch.testing.assert_close(model(ROWS[row:row + 1]).logits[0], together[row])

    def test_equal_scores_go_to_the_smaller_id(self):
        logits = torch.tensor([[1.0, 2, 2, 2, 0, 1], [0.0, 0, 0, 0, 0, 0]])
        self.assertEqual(pre_gate.choose(logits, 4).tolist(), [[1, 2, 3, 0], [0, 1, 2, 3]])

    def test_experts_that_score_nothing_are_weighed(self):
        logits = torch.tensor([[1000.0, 2, 1, -1000]])
        ids = torch.tensor([[2, 1]])
        torch.testing.assert_close(pre_gate.weigh(logits, ids, True), torch.tensor([[0.26894142, 0.73105858]]))
        self.assertEqual(pre_gate.weigh(logits, ids, False).tolist(), [[0, 0]])

    def test_gradients_reach_routers_and_early_logits(self):
        model = make("qwen3_moe")
        gates = pre_gate.attach(model, 1)
        loss = model(ROWS).logits.square().mean()
        for t in gates.targets:
            loss = loss + gates.committed[t].logits.square().mean()
        loss.backward()
        for t in gates.targets:
            self.assertGreater(gates.gate(t).weight.grad.abs().sum(), 0)
            self.assertGreater(model.model.layers[t].mlp.gate.weight.grad.abs().sum(), 0)

    def test_what_is_saved_is_read(self):
        for family in FAMILIES:
            model = make(family)
            gates = pre_gate.attach(model, 2)
            shake(gates)
            with tempfile.TemporaryDirectory() as directory, torch.no_grad():
                model.save_pretrained(directory)
                loaded, _ = pre_gate.load(directory, dtype=torch.float64, attn_implementation="eager",
                                          experts_implementation="eager")
                torch.testing.assert_close(loaded.eval()(ROWS).logits, model(ROWS).logits)

    def test_refusals(self):
        def refused(stated):
            with self.assertRaises(ValueError) as raised:
                pre_gate.read_distance({pre_gate.KEY: stated})
            return str(raised.exception)

        self.assertIsNone(pre_gate.read_distance({}))
        self.assertEqual(pre_gate.read_distance({pre_gate.KEY: {"version": 1, "distance": 2}}), 2)
        self.assertEqual(refused(1), "foregate_pre_gate: want an object: 1")
        self.assertEqual(refused({"distance": 1}), "foregate_pre_gate: version: missing")
        self.assertEqual(refused({"version": 2, "distance": 1}),
                         "foregate_pre_gate: version: only 1 is supported: 2")
        self.assertEqual(refused({"version": 1, "distance": 3}),
                         "foregate_pre_gate: distance: want an integer in [1, 2]: 3")
        self.assertEqual(refused({"version": 1, "distance": 1, "depth": 2}),
                         "foregate_pre_gate: depth: not known; known: version, distance: 2")
        with self.assertRaisesRegex(ValueError, "no layer from 2 on has experts: 2"):
            model = make("qwen3_moe")
            model.model.layers = model.model.layers[:2]
            pre_gate.attach(model, 2)


if __name__ == "__main__":
    unittest.main()
