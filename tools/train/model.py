"""A Qwen3-MoE as small models are trained fastest on a CPU: the same function as transformers computes, laid out for it.

Rows of a batch lie flat, whatever the lengths of their sequences; only attention looks at sequences. Rows are sorted by
expert and each expert's are padded to a multiple of ROWS: oneDNN makes code for every new shape of a product, which
cost twice what the products did. Softmax, norms and routing are f32, products bf16. docs/training.md has the speeds.
"""
import dataclasses
import functools
import math
import os

import torch
import torch.nn.functional as F
from torch import nn

ROWS = 64
MATMUL_ATTENTION = 256  # up to this length scores as a matrix are faster than flash attention (3.5 ms to 33 at 64)


@dataclasses.dataclass
class Shape:
    vocabulary: int = 1024
    hidden: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 2
    head_dim: int = 32
    experts: int = 16
    top_k: int = 2
    width: int = 64
    context: int = 1024
    rope_theta: float = 10000.0
    epsilon: float = 1e-6


def _compiled(function):
    # FOREGATE_TRAIN_EAGER: for machines without a compiler and for the smoke test, which compiling would dominate.
    return function if os.environ.get("FOREGATE_TRAIN_EAGER") else torch.compile(function)


def _compiled_for_any_rows(function):
    return function if os.environ.get("FOREGATE_TRAIN_EAGER") else torch.compile(function, dynamic=True)


@_compiled
def rms_norm(x, weight, epsilon):
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon) * weight).to(x.dtype)


@_compiled
def query_key_value(x, weight, query_norm, key_norm, cos, sin, heads, kv_heads, epsilon):
    """Queries and keys, normed, turned and (queries) scaled, as [rows, heads + kv_heads, head_dim]; values beside them."""
    dim = query_norm.shape[0]
    all_heads = F.linear(x, weight.to(x.dtype))
    turned = all_heads[:, :(heads + kv_heads) * dim].reshape(-1, heads + kv_heads, dim).float()
    turned = turned * torch.rsqrt(turned.square().mean(-1, keepdim=True) + epsilon)
    turned = turned * torch.cat((query_norm.expand(heads, dim) * dim ** -0.5, key_norm.expand(kv_heads, dim)))
    low, high = turned[..., :dim // 2], turned[..., dim // 2:]
    turned = torch.cat((low * cos - high * sin, high * cos + low * sin), -1).to(x.dtype)
    return turned, all_heads[:, (heads + kv_heads) * dim:].reshape(-1, kv_heads, dim)


@functools.lru_cache(maxsize=16)
def causal(length, dtype):
    return torch.full((length, length), -math.inf, dtype=dtype).triu(1)


def attend(turned, values, groups, heads, kv_heads):
    """Causal attention within each sequence; `groups`: (sequences, length) in the order of the rows."""
    dim, share = values.shape[-1], heads // kv_heads
    outputs, at = [], 0
    for count, length in groups:
        rows = slice(at, at + count * length)
        at += count * length
        query, key, value = (part[rows].view(count, length, -1, dim).transpose(1, 2)
                             for part in (turned[:, :heads], turned[:, heads:], values))
        if length <= MATMUL_ATTENTION:
            grouped = query.reshape(count * kv_heads, share * length, dim)
            scores = torch.bmm(grouped, key.reshape(count * kv_heads, length, dim).mT).view(-1, share, length, length)
            weights = F.softmax(scores + causal(length, scores.dtype), -1).view(-1, share * length, length)
            mixed = torch.bmm(weights, value.reshape(count * kv_heads, length, dim)).view(count, heads, length, dim)
        else:
            mixed = F.scaled_dot_product_attention(query, key.repeat_interleave(share, 1), value.repeat_interleave(share, 1),
                                                   is_causal=True, scale=1.0)
        outputs.append(mixed.transpose(1, 2).reshape(count * length, heads * dim))
    return torch.cat(outputs)


@_compiled_for_any_rows
def _activate(gate_up):
    gate, up = gate_up.chunk(2, -1)
    return F.silu(gate) * up


@_compiled_for_any_rows
def _activate_backward(grad, gate_up):
    gate, up = gate_up.float().chunk(2, -1)
    sigmoid, wide = torch.sigmoid(gate), grad.float()
    return torch.cat((wide * up * sigmoid * (1 + gate * (1 - sigmoid)), wide * gate * sigmoid), -1).to(grad.dtype)


@_compiled
def _mix(outputs, weights):
    return (outputs.float() * weights.unsqueeze(-1)).sum(1).to(outputs.dtype)


@_compiled
def _mix_backward(outputs, grad):
    return (outputs.float() * grad.float().unsqueeze(1)).sum(-1)


def layout(expert_ids, experts):
    """Where each (row, choice) goes when rows are sorted by expert and padded: its slot, each slot's row, each expert's slots."""
    rows, top_k = expert_ids.shape
    flat = expert_ids.reshape(-1)
    order = flat.argsort(stable=True)
    count = torch.bincount(flat, minlength=experts)
    padded = (count + ROWS - 1) // ROWS * ROWS
    rank = torch.empty_like(order)
    rank[order] = torch.arange(rows * top_k)
    slot = rank - (count.cumsum(0) - count)[flat] + (padded.cumsum(0) - padded)[flat]
    counts = padded.tolist()
    row = torch.zeros(sum(counts), dtype=torch.long)
    row[slot] = torch.arange(rows * top_k) // top_k
    return slot, row, counts


class Experts(torch.autograd.Function):
    """The weighted sum of each row's experts. Products write into slices of one buffer: nothing is split or joined."""

    @staticmethod
    def forward(ctx, x, weights, gate_up, down, slot, row, counts):
        dtype, hidden = x.dtype, x.shape[1]
        gate_up, down = gate_up.to(dtype), down.to(dtype)
        taken = x.index_select(0, row)
        inner = torch.empty(len(row), gate_up.shape[1], dtype=dtype)
        outputs = torch.empty(len(row), hidden, dtype=dtype)
        spans = [(expert, slice(end - count, end)) for expert, (end, count)
                 in enumerate(zip(torch.tensor(counts).cumsum(0).tolist(), counts)) if count]
        for expert, span in spans:
            torch.mm(taken[span], gate_up[expert].t(), out=inner[span])
        active = _activate(inner)
        for expert, span in spans:
            torch.mm(active[span], down[expert].t(), out=outputs[span])
        chosen = outputs.index_select(0, slot).view(*weights.shape, hidden)
        ctx.spans = spans
        ctx.save_for_backward(weights, gate_up, down, slot, row, taken, inner, active, chosen)
        return _mix(chosen, weights)

    @staticmethod
    def backward(ctx, grad):
        weights, gate_up, down, slot, row, taken, inner, active, chosen = ctx.saved_tensors
        dtype, grad = grad.dtype, grad.contiguous()
        slot_weight = torch.zeros(len(row), 1, dtype=dtype)
        slot_weight[slot, 0] = weights.reshape(-1).to(dtype)
        grad_outputs = grad.index_select(0, row) * slot_weight
        grad_active, grad_taken = torch.empty_like(active), torch.empty_like(taken)
        grad_down, grad_gate_up = torch.zeros_like(down), torch.zeros_like(gate_up)
        learn = ctx.needs_input_grad[2]
        for expert, span in ctx.spans:
            torch.mm(grad_outputs[span], down[expert], out=grad_active[span])
            if learn:
                torch.mm(grad_outputs[span].t(), active[span], out=grad_down[expert])
        grad_inner = _activate_backward(grad_active, inner)
        for expert, span in ctx.spans:
            torch.mm(grad_inner[span], gate_up[expert], out=grad_taken[span])
            if learn:
                torch.mm(grad_inner[span].t(), taken[span], out=grad_gate_up[expert])
        grad_x = grad_taken.index_select(0, slot).view(chosen.shape).sum(1)
        return (grad_x, _mix_backward(chosen, grad), grad_gate_up.float() if learn else None, grad_down.float() if learn else None,
                None, None, None)


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        c, out_scale = shape, 0.02 / math.sqrt(2 * shape.layers)
        self.attention_norm, self.mlp_norm = nn.Parameter(torch.ones(c.hidden)), nn.Parameter(torch.ones(c.hidden))
        self.query_norm, self.key_norm = nn.Parameter(torch.ones(c.head_dim)), nn.Parameter(torch.ones(c.head_dim))
        self.qkv = nn.Parameter(torch.randn((c.heads + 2 * c.kv_heads) * c.head_dim, c.hidden) * 0.02)
        self.out = nn.Parameter(torch.randn(c.hidden, c.heads * c.head_dim) * out_scale)
        self.router = nn.Parameter(torch.randn(c.experts, c.hidden) * 0.02)
        self.gate_up = nn.Parameter(torch.randn(c.experts, 2 * c.width, c.hidden) * 0.02)
        self.down = nn.Parameter(torch.randn(c.experts, c.hidden, c.width) * out_scale)
        self.pre_gate = None  # [experts, hidden] once the model is pre-gated


@dataclasses.dataclass
class Routing:
    """How one layer routed the rows of a pass."""

    logits: torch.Tensor  # the router's, [rows, experts]
    expert_ids: torch.Tensor  # [rows, top_k]
    early_logits: torch.Tensor = None  # the pre-gate's
    state: torch.Tensor = None  # what router and experts were given; only with by_routers


class Model(nn.Module):
    """`distance`: layers from where a pre-gate chooses to where its experts compute (docs/pre_gate.md); 0 without."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.distance = shape, 0
        self.random_experts = False  # to learn what routing is worth
        self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.hidden) * 0.02)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.hidden))

    def add_pre_gates(self, distance):
        """Each starts as a copy of the router whose choice it replaces."""
        self.distance = distance
        for block in self.blocks[distance:]:
            block.pre_gate = nn.Parameter(block.router.detach().clone())

    def forward(self, tokens, groups, dtype=torch.bfloat16, by_routers=False):
        """Final states of all rows and how each layer routed; `by_routers` as if there were no pre-gates."""
        c = self.shape
        positions = torch.cat([torch.arange(length).repeat(count) for count, length in groups]).float()
        angles = torch.outer(positions, c.rope_theta ** (-torch.arange(0, c.head_dim, 2).float() / c.head_dim))[:, None]
        cos, sin = angles.cos(), angles.sin()
        x = F.embedding(tokens, self.embedding).to(dtype)
        routings, early = [], {}
        for index, block in enumerate(self.blocks):
            normed = rms_norm(x, block.attention_norm, c.epsilon)
            turned, values = query_key_value(normed, block.qkv, block.query_norm, block.key_norm, cos, sin, c.heads, c.kv_heads,
                                             c.epsilon)
            x = x + F.linear(attend(turned, values, groups, c.heads, c.kv_heads), block.out.to(dtype))
            normed = rms_norm(x, block.mlp_norm, c.epsilon)
            if self.distance and not by_routers and index + self.distance < c.layers:
                later = self.blocks[index + self.distance].pre_gate
                early[index + self.distance] = F.linear(normed, later.to(dtype)).float()
            routing, weights = self._route(normed, block, early.get(index))
            routing.state = normed if by_routers else None
            x = x + Experts.apply(normed, weights, block.gate_up, block.down, *layout(routing.expert_ids, c.experts))
            routings.append(routing)
        return rms_norm(x, self.norm, c.epsilon), routings

    def _route(self, x, block, early_logits):
        c = self.shape
        logits = F.linear(x, block.router.to(x.dtype)).float()
        choose_by = logits if early_logits is None else early_logits
        if self.random_experts:
            choose_by = torch.rand_like(choose_by)
        expert_ids = choose_by.detach().topk(c.top_k, -1).indices
        return Routing(logits, expert_ids, early_logits), F.softmax(logits.gather(-1, expert_ids), -1)

    def logits(self, states):
        return F.linear(states, self.embedding.to(states.dtype)).float()


def balance_loss(routing, experts):
    """1 when experts are used evenly, more otherwise (W. Fedus et al. 2021, eq. 4)."""
    load = F.one_hot(routing.expert_ids, experts).float().mean((0, 1))
    return experts * (load * F.softmax(routing.logits if routing.early_logits is None else routing.early_logits, -1).mean(0)).sum()
