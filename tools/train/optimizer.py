"""Muon for matrices, AdamW for the rest.

Muon (K. Jordan et al. 2024) replaces a matrix's momentum by the nearest matrix with orthonormal rows or columns, found by
a Newton-Schulz iteration: all directions learn at one speed. The scale is that of J. Liu et al. 2025, under which its
steps are as long as AdamW's. Experts are many equal matrices, so the iteration runs over batches of them.
"""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
STEP_SCALE = 0.2


def orthogonal(matrices):
    """About U V^T of each matrix of [..., rows, columns]."""
    a, b, c = COEFFICIENTS
    x = matrices.to(torch.bfloat16)
    flipped = x.shape[-2] > x.shape[-1]
    if flipped:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if flipped else x


class Muon(torch.optim.Optimizer):
    """`matrices`: parameters and how to view each as [batch, rows, columns]."""

    def __init__(self, matrices, lr, weight_decay):
        self.views = {id(parameter): view for parameter, view in matrices}
        super().__init__([parameter for parameter, _ in matrices], {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
                for direction, target in zip(self.views[id(parameter)](parameter.grad.lerp(state["momentum"], MOMENTUM)),
                                             self.views[id(parameter)](parameter.data)):
                    by_shape.setdefault(direction.shape[-2:], []).append((direction, target))
            for (rows, columns), pairs in by_shape.items():
                steps = orthogonal(torch.cat([direction for direction, _ in pairs]))
                scale = group["lr"] * STEP_SCALE * max(rows, columns) ** 0.5
                for step, (_, target) in zip(steps.split([len(direction) for direction, _ in pairs]), pairs):
                    target.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step.float(), alpha=scale)


def whole(matrix):
    return [matrix[None]]


def make(model, muon_lr, adam_lr, weight_decay):
    """Optimizers of a model's parameters that require gradients; the base rate is in each group's "base_lr"."""
    c = model.shape
    def query_key_value(matrix):
        return [part[None] for part in matrix.split([c.heads * c.head_dim, c.kv_heads * c.head_dim, c.kv_heads * c.head_dim])]
    def gate_up(stack):
        return [stack.view(-1, c.width, c.hidden)]
    matrices = []
    for block in model.blocks:
        matrices += [(block.qkv, query_key_value), (block.out, whole), (block.gate_up, gate_up), (block.down, lambda stack: [stack])]
    matrices = [(parameter, view) for parameter, view in matrices if parameter.requires_grad]
    taken = {id(parameter) for parameter, _ in matrices}
    rest = [parameter for parameter in model.parameters() if parameter.requires_grad and id(parameter) not in taken]
    optimizers = [torch.optim.AdamW([{"params": [parameter for parameter in rest if parameter.dim() >= 2], "weight_decay": weight_decay},
                                     {"params": [parameter for parameter in rest if parameter.dim() < 2], "weight_decay": 0.0}],
                                    lr=adam_lr, betas=(0.9, 0.98), eps=1e-8)]
    if matrices:
        optimizers.append(Muon(matrices, muon_lr, weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return optimizers
