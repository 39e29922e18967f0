#!/usr/bin/env python3
"""Makes tiny random checkpoints and what transformers computes with them, for engine/model/golden_test.cc.

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install torch==2.13.0 transformers==5.23.0 safetensors
    /tmp/goldens/bin/python tools/goldens/models.py OUT [--seed N] [--variant NAME] [FAMILY...]

Every weight is drawn from a seeded generator and rounded to the stored type first; the reference then runs in float64
(transformers keeps norms, rotary tables and router scores in float32 inside). Written per family, as golden_test.cc
reads them: the checkpoint, expected.json (prompts, greedy tokens and their margins) and expected.safetensors
(logits.P; router.P.MODULE.J, the J-th output of each router: scores, mixing weights, expert ids; pre_gate.P.LAYER, the
logits by which a pre-gate chose the experts of that layer).
"""
import argparse
import copy
import json
import math
import pathlib
import sys

# This directory goes: its regex.py and tokenizers.py are not the packages.
sys.path[0] = str(pathlib.Path(__file__).parent.parent / "pre_gate")

import pre_gate
import torch
import transformers
from safetensors.torch import save_file

TRUNK = {
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 384,
    "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None,
}

# Pre-gated families are many, so each is as small as it can be; small prompts too. Five layers with a distance of 2:
# there, the ids of three layers are known at once.
SMALL_TRUNK = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 64,
    "rms_norm_eps": 1e-6, "rope_theta": 1e4, "num_experts": 5,
}
QWEN3_PRE_GATE = ("Qwen3MoeConfig", torch.bfloat16, 1, False, {
    **SMALL_TRUNK, "head_dim": 12, "intermediate_size": 16, "moe_intermediate_size": 8, "num_experts_per_tok": 3,
    "norm_topk_prob": True, "mlp_only_layers": [0], "tie_word_embeddings": True})
OLMOE_PRE_GATE = ("OlmoeConfig", torch.bfloat16, 1, False, {
    **SMALL_TRUNK, "num_key_value_heads": 2, "intermediate_size": 8, "num_experts_per_tok": 2})


def deeper(family, values):
    return (*family[:4], {**family[4], **values})


# Config class, stored type, number of shards, and whether config.json uses the spellings of older transformers.
FAMILIES = {
    "qwen3_moe": ("Qwen3MoeConfig", torch.bfloat16, 1, True, {
        "head_dim": 32, "intermediate_size": 96, "moe_intermediate_size": 48, "num_experts": 8,
        "num_experts_per_tok": 3, "norm_topk_prob": True, "rms_norm_eps": 1e-6, "rope_theta": 1e4}),
    "qwen3_moe_mixed": ("Qwen3MoeConfig", torch.float32, 3, False, {
        "head_dim": 16, "intermediate_size": 96, "moe_intermediate_size": 40, "num_experts": 12,
        "num_experts_per_tok": 4, "mlp_only_layers": [1], "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
        "rope_theta": 1e6}),
    "qwen2_moe": ("Qwen2MoeConfig", torch.bfloat16, 2, True, {
        "intermediate_size": 96, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 80, "num_experts": 8,
        "num_experts_per_tok": 2, "rms_norm_eps": 1e-6, "rope_theta": 1e6}),
    "olmoe": ("OlmoeConfig", torch.bfloat16, 1, False, {
        "num_key_value_heads": 4, "intermediate_size": 32, "num_experts": 16, "num_experts_per_tok": 4,
        "rms_norm_eps": 1e-5, "rope_theta": 1e4}),
    "mixtral": ("MixtralConfig", torch.float16, 1, True, {
        "intermediate_size": 112, "num_local_experts": 8, "num_experts_per_tok": 2, "rms_norm_eps": 1e-5,
        "rope_theta": 1e6}),
    "qwen3_moe_pre_gate_1": QWEN3_PRE_GATE,
    "qwen3_moe_pre_gate_2": deeper(QWEN3_PRE_GATE, {"num_hidden_layers": 5, "mlp_only_layers": [1]}),
    "olmoe_pre_gate_1": OLMOE_PRE_GATE,
    "olmoe_pre_gate_2": deeper(OLMOE_PRE_GATE, {"num_hidden_layers": 5}),
}
# Layers from where a pre-gate chooses to where the experts are, by family.
DISTANCES = {family: int(family[-1]) for family in FAMILIES if "_pre_gate_" in family}

# Corners of the configs that the plain set does not reach.
VARIANTS = {
    "plain": {},
    "corners": {
        "qwen3_moe": {"attention_bias": True, "use_sliding_window": True, "sliding_window": 11, "decoder_sparse_step": 2,
                      "num_hidden_layers": 4, "num_experts": 5, "moe_intermediate_size": 37},
        "qwen3_moe_mixed": {"tie_word_embeddings": False, "norm_topk_prob": True, "num_attention_heads": 6,
                            "num_key_value_heads": 3, "head_dim": 20},
        "qwen2_moe": {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 2, "norm_topk_prob": True,
                      "decoder_sparse_step": 2, "qkv_bias": False, "num_hidden_layers": 4,
                      "tie_word_embeddings": True},
        "olmoe": {"clip_qkv": 0.5, "num_key_value_heads": 2, "norm_topk_prob": True, "attention_bias": True},
        "mixtral": {"sliding_window": 13, "head_dim": 24, "num_experts_per_tok": 8, "vocab_size": 391},
    },
}
PROMPT_LENGTHS = (1, 7, 33, 90)
SMALL_PROMPT_LENGTHS = (1, 5, 21)
NUM_GREEDY = 24


def draw_weights(model, config, stored, generator):
    """Random weights that keep activations, scores and logits at order one and routing undecided."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if name.endswith("norm.weight"):
            value = 1 + 0.2 * noise
        elif parameter.dim() == 1:
            value = 0.2 * noise
        elif "embed_tokens" in name:
            value = noise * (0.12 if config.tie_word_embeddings else 1.0)
        else:
            value = noise * (2.0 if name.endswith("gate.weight") else 1.2) / math.sqrt(parameter.shape[-1])
        parameter.data.copy_(value.to(stored).double())
    model.tie_weights()


def use_old_spellings(path):
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters", None) or {}
    if "rope_theta" in rope:
        config["rope_theta"] = rope["rope_theta"]
    config["rope_scaling"] = None
    if config["model_type"].startswith("qwen") and "num_local_experts" in config:
        config["num_experts"] = config.pop("num_local_experts")
    if "dtype" in config:
        config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2))


def write_checkpoint(model, stored, num_shards, directory):
    stored_model = copy.deepcopy(model).to(stored)
    stored_model.config.dtype = str(stored).removeprefix("torch.")
    num_bytes = sum(p.numel() * p.element_size() for p in stored_model.parameters())
    limit = num_bytes // num_shards + 4096 if num_shards > 1 else 1 << 30
    stored_model.save_pretrained(directory, max_shard_size=limit)


def record_routers(model):
    """Outputs of every router of the last forward pass, by module name."""
    outputs, modules = {}, []
    for name, module in model.named_modules():
        if type(module).__name__.endswith("Router"):
            modules.append(name)
            module.register_forward_hook(lambda _, __, out, name=name: outputs.__setitem__(name, out))
    return outputs, modules


def make(family, variant, seed, out):
    class_name, stored, num_shards, old, values = FAMILIES[family]
    directory = out / family
    directory.mkdir(parents=True, exist_ok=True)
    config = getattr(transformers, class_name)(**{**TRUNK, **values, **VARIANTS[variant].get(family, {})})
    model = transformers.AutoModelForCausalLM.from_config(
        config, attn_implementation="eager", experts_implementation="eager").double().eval()
    gates = pre_gate.attach(model, DISTANCES[family]) if family in DISTANCES else None
    generator = torch.Generator().manual_seed(seed + sum(family.encode()))
    with torch.no_grad():
        draw_weights(model, config, stored, generator)
    write_checkpoint(model, stored, num_shards, directory)
    if old:
        use_old_spellings(directory / "config.json")

    routers, modules = record_routers(model)
    prompts = [torch.randint(2, config.vocab_size, (n,), generator=generator).tolist()
               for n in (SMALL_PROMPT_LENGTHS if gates else PROMPT_LENGTHS)]
    tensors, greedy, margins = {}, [], []
    with torch.no_grad():
        for p, prompt in enumerate(prompts):
            tensors[f"logits.{p}"] = model(torch.tensor([prompt])).logits[0].float().contiguous()
            for name, values in routers.items():
                for j, value in enumerate(values):
                    kind = torch.float32 if value.dtype.is_floating_point else torch.int32
                    tensors[f"router.{p}.{name}.{j}"] = value.to(kind).contiguous().clone()
            for layer, commitment in (gates.committed if gates else {}).items():
                tensors[f"pre_gate.{p}.{layer}"] = commitment.logits.float().contiguous().clone()
            ids, margin = list(prompt), []
            for _ in range(NUM_GREEDY):
                best = model(torch.tensor([ids])).logits[0, -1].topk(2)
                margin.append(float(best.values[0] - best.values[1]))
                ids.append(int(best.indices[0]))
            greedy.append(ids[len(prompt):])
            margins.append(margin)
    save_file(tensors, directory / "expected.safetensors")
    expected = {"family": family, "transformers": transformers.__version__, "torch": torch.__version__, "seed": seed,
                "prompts": prompts, "greedy": greedy, "greedy_margin": margins, "router_modules": modules}
    if gates:
        expected["pre_gate_distance"] = gates.distance
    (directory / "expected.json").write_text(json.dumps(expected))
    print(f"{family}: logits std {tensors[f'logits.{len(prompts) - 1}'].std():.2f}, least margin {min(map(min, margins)):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variant", choices=VARIANTS, default="plain")
    parser.add_argument("families", nargs="*", metavar="FAMILY")
    arguments = parser.parse_args()
    for family in arguments.families or FAMILIES:
        make(family, arguments.variant, arguments.seed, arguments.out)


if __name__ == "__main__":
    main()
