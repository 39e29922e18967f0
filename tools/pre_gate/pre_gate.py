"""Pre-gates (docs/pre_gate.md) for Mixture-of-Experts models of transformers: the reference, usable for training.

    model = transformers.AutoModelForCausalLM.from_pretrained(BASE)
    gates = pre_gate.attach(model, distance=1)   # adds mlp.pre_gate modules and the config key
    model(ids)                                   # now routes by them
    gates.committed[3].logits                    # early logits of layer 3 in the last pass, with gradients
    model.save_pretrained(OUT)                   # a checkpoint as docs/pre_gate.md has it

    model, gates = pre_gate.load(OUT)
"""
import dataclasses
import json
import pathlib

import torch
from torch import nn

KEY = "foregate_pre_gate"
VERSION = 1
MAX_DISTANCE = 2


@dataclasses.dataclass
class Commitment:
    """What a pre-gate chose for the rows of one forward pass, in the order of choice."""

    logits: torch.Tensor  # [rows, experts], the pre-gate's
    expert_ids: torch.Tensor  # [rows, top_k]


def read_distance(config):
    """The distance that a config (a dict) states, None without the key; ValueError for what a reader must refuse."""
    stated = config.get(KEY)
    if stated is None:
        return None
    if not isinstance(stated, dict):
        raise ValueError(f"{KEY}: want an object: {stated!r}")
    for member in stated:
        if member not in ("version", "distance"):
            raise ValueError(f"{KEY}: {member}: not known; known: version, distance: {stated[member]!r}")
    for member in ("version", "distance"):
        if stated.get(member) is None:
            raise ValueError(f"{KEY}: {member}: missing")
    if stated["version"] != VERSION:
        raise ValueError(f"{KEY}: version: only {VERSION} is supported: {stated['version']!r}")
    return check_distance(stated["distance"])


def check_distance(distance):
    if not (isinstance(distance, int) and not isinstance(distance, bool) and 1 <= distance <= MAX_DISTANCE):
        raise ValueError(f"{KEY}: distance: want an integer in [1, {MAX_DISTANCE}]: {distance!r}")
    return distance


def is_moe(layer):
    return hasattr(layer.mlp, "experts") and hasattr(layer.mlp, "gate")


def widened(logits):
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def choose(logits, top_k):
    """Ids of the top_k largest scores of each row, best first, of equal ones the smaller id first."""
    scores = torch.softmax(widened(logits), dim=-1)
    return scores.sort(dim=-1, descending=True, stable=True).indices[:, :top_k]


def weigh(logits, expert_ids, normalize):
    """Mixing weights of the given experts from the router's logits; f32 or wider inside."""
    wide = widened(logits)
    if normalize:
        weights = torch.softmax(wide.gather(-1, expert_ids), dim=-1)
    else:
        weights = torch.softmax(wide, dim=-1).gather(-1, expert_ids)
    return weights.to(logits.dtype)


class PreGates:
    """Routes a model by pre-gates until `detach`. Made by `attach` or `load`."""

    def __init__(self, model, distance):
        self.distance = distance
        self.layers = model.model.layers
        self.targets = [t for t in range(distance, len(self.layers)) if is_moe(self.layers[t])]
        if not self.targets:
            raise ValueError(f"{KEY}: distance: no layer from {distance} on has experts: {distance}")
        self.committed = {}  # Commitment of the last pass by pre-gated layer
        self._hooks = []
        for target in self.targets:
            source = self.layers[target - distance].mlp
            # The input of the feed-forward half is what its norm gives, whether the half is sparse or dense.
            self._hooks.append(source.register_forward_pre_hook(
                lambda _, arguments, target=target: self._commit(target, arguments[0])))
            self._hooks.append(self.layers[target].mlp.gate.register_forward_hook(
                lambda gate, _, output, target=target: self._route(gate, output, target)))

    def gate(self, target):
        """The pre-gate that chooses the experts of layer `target`, an nn.Linear."""
        return self.layers[target].mlp.pre_gate

    def detach(self):
        """Lets the routers choose again; the modules stay."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _commit(self, target, state):
        logits = self.gate(target)(state.reshape(-1, state.shape[-1]))
        self.committed[target] = Commitment(logits, choose(logits.detach(), self.layers[target].mlp.gate.top_k))

    def _route(self, gate, output, target):
        logits, weights = output[0], output[1]
        expert_ids = self.committed[target].expert_ids
        # Families without the flag always normalise.
        late = weigh(logits, expert_ids, getattr(gate, "norm_topk_prob", True))
        return logits, late.to(weights.dtype), expert_ids


def attach(model, distance):
    """Adds pre-gates as copies of the routers to a causal language model, and routes by them."""
    gates = PreGates(model, check_distance(distance))
    for target in gates.targets:
        router = gates.layers[target].mlp.gate.weight
        pre_gate = nn.Linear(router.shape[1], router.shape[0], bias=False, dtype=router.dtype, device=router.device)
        pre_gate.weight.data.copy_(router.data)
        gates.layers[target].mlp.pre_gate = pre_gate
    setattr(model.config, KEY, {"version": VERSION, "distance": distance})
    return gates


def load(directory, **arguments):
    """Model and PreGates of a checkpoint; `arguments` go to from_pretrained."""
    import transformers
    from safetensors import safe_open

    directory = pathlib.Path(directory)
    distance = read_distance(json.loads((directory / "config.json").read_text()))
    if distance is None:
        raise ValueError(f"{directory}/config.json: no {KEY}")
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, **arguments)
    gates = attach(model, distance)
    wanted = {f"model.layers.{target}.{block}.pre_gate.weight": target
              for target in gates.targets for block in ("mlp", "block_sparse_moe")}
    found = set()
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in wanted.keys() & set(file.keys()):
                gates.gate(wanted[name]).weight.data.copy_(file.get_tensor(name))
                found.add(wanted[name])
    missing = [target for target in gates.targets if target not in found]
    if missing:
        raise ValueError(f"{directory}: the pre-gates of layers {missing} are missing")
    return model, gates
