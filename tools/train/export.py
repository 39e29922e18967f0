#!/usr/bin/env python3
"""Writes a trained model as a checkpoint in Hugging Face layout, and checks that transformers computes the same logits.

    export.py RUN OUT      RUN: what train.py or tune_pre_gate.py made
"""
import argparse
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import batches
from corpus.mixture import held_out_tasks
from corpus.rendering import CHAT_TEMPLATE, END, MARKS, SPECIAL
from model import Model, Shape

TOLERANCE = 2e-3  # of logits in f32, between transformers and the trainer
CHECKED_TASKS = 2  # of each family


def stored(tensor):
    return tensor.detach().to(torch.bfloat16).contiguous().clone()


def tensors(model):
    c = model.shape
    found = {"model.embed_tokens.weight": stored(model.embedding), "model.norm.weight": stored(model.norm)}
    sizes = [c.heads * c.head_dim, c.kv_heads * c.head_dim, c.kv_heads * c.head_dim]
    for index, block in enumerate(model.blocks):
        layer = f"model.layers.{index}."
        found[layer + "input_layernorm.weight"] = stored(block.attention_norm)
        found[layer + "post_attention_layernorm.weight"] = stored(block.mlp_norm)
        for name, part in zip("qkv", block.qkv.split(sizes)):
            found[layer + f"self_attn.{name}_proj.weight"] = stored(part)
        found[layer + "self_attn.o_proj.weight"] = stored(block.out)
        found[layer + "self_attn.q_norm.weight"] = stored(block.query_norm)
        found[layer + "self_attn.k_norm.weight"] = stored(block.key_norm)
        found[layer + "mlp.gate.weight"] = stored(block.router)
        if block.pre_gate is not None:
            found[layer + "mlp.pre_gate.weight"] = stored(block.pre_gate)
        for expert in range(c.experts):
            gate, up = block.gate_up[expert].split(c.width)
            for name, part in (("gate", gate), ("up", up), ("down", block.down[expert])):
                found[layer + f"mlp.experts.{expert}.{name}_proj.weight"] = stored(part)
    return found


def config(model):
    c = model.shape
    stated = {
        "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 0, "eos_token_id": SPECIAL.index(END), "decoder_sparse_step": 1, "head_dim": c.head_dim, "hidden_act": "silu",
        "hidden_size": c.hidden, "initializer_range": 0.02, "intermediate_size": c.top_k * c.width, "max_position_embeddings": c.context,
        "mlp_only_layers": [], "moe_intermediate_size": c.width, "norm_topk_prob": True, "num_attention_heads": c.heads,
        "num_experts": c.experts, "num_experts_per_tok": c.top_k, "num_hidden_layers": c.layers, "num_key_value_heads": c.kv_heads,
        "output_router_logits": False, "rms_norm_eps": c.epsilon, "rope_scaling": None, "rope_theta": c.rope_theta,
        "router_aux_loss_coef": 0.01, "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "use_cache": True, "use_sliding_window": False, "vocab_size": c.vocabulary,
    }
    if model.distance:
        stated["foregate_pre_gate"] = {"version": 1, "distance": model.distance}
    return stated


def tokenizer_config(shape):
    return {
        "add_bos_token": False, "add_prefix_space": False, "bos_token": None, "eos_token": END, "pad_token": SPECIAL[0],
        "unk_token": None, "additional_special_tokens": SPECIAL[1:],
        "added_tokens_decoder": {str(index): {"content": token, "lstrip": False, "normalized": False, "rstrip": False,
                                              "single_word": False, "special": token in SPECIAL}
                                 for index, token in enumerate(SPECIAL + MARKS)},
        "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False, "errors": "replace", "model_max_length": shape.context,
        # Of a class of its own transformers would rebuild the tokenizer, with that family's pattern in place of ours.
        "split_special_tokens": False, "tokenizer_class": "PreTrainedTokenizerFast",
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write(model, tokenizer_file, out):
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors(model), out / "model.safetensors", metadata={"format": "pt"})
    write_json(out / "config.json", config(model))
    write_json(out / "generation_config.json", {"bos_token_id": 0, "pad_token_id": 0, "eos_token_id": [SPECIAL.index(END), 0],
                                                "do_sample": False, "temperature": 1.0, "top_p": 1.0})
    write_json(out / "tokenizer_config.json", tokenizer_config(model.shape))
    shutil.copy(tokenizer_file, out / "tokenizer.json")


def read_run(run):
    """The model of a run's state.pt."""
    state = torch.load(run / "state.pt", weights_only=True)["model"]
    blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    vocabulary, hidden = state["embedding"].shape
    experts, twice_width, _ = state["blocks.0.gate_up"].shape
    head_dim = state["blocks.0.query_norm"].shape[0]
    heads = state["blocks.0.out"].shape[1] // head_dim
    model = Model(Shape(vocabulary=vocabulary, hidden=hidden, layers=blocks, heads=heads,
                        kv_heads=(state["blocks.0.qkv"].shape[0] // head_dim - heads) // 2, head_dim=head_dim, experts=experts,
                        width=twice_width // 2))
    gated = [index for index in range(blocks) if f"blocks.{index}.pre_gate" in state]
    if gated:
        model.add_pre_gates(gated[0])
    model.load_state_dict(state)
    return model


@torch.no_grad()
def difference_from_transformers(model, out):
    """The largest difference of a logit over prompts and answers of every family; the trainer computes in f32 here."""
    import transformers
    for parameter in model.parameters():
        parameter.copy_(parameter.to(torch.bfloat16).float())
    if model.distance:
        sys.path.append(str(pathlib.Path(__file__).absolute().parent.parent / "pre_gate"))
        import pre_gate
        reference, _ = pre_gate.load(out, dtype=torch.float32, experts_implementation="eager")
    else:
        reference = transformers.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, experts_implementation="eager")
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    largest = 0.0
    with torch.compiler.set_stance("force_eager"):
        for task in held_out_tasks(CHECKED_TASKS, "export"):
            (ids, _), = batches.encode(tokenizer, [(task.messages + [task.reply()], task.tools)])
            ids = torch.tensor(ids[:model.shape.context])
            states, _ = model(ids, [(1, len(ids))], torch.float32)
            largest = max(largest, (reference(ids[None]).logits[0] - model.logits(states)).abs().max().item())
    return largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    flags = parser.parse_args()
    model = read_run(flags.run).eval()
    write(model, flags.run / "tokenizer.json", flags.out)
    difference = difference_from_transformers(model, flags.out)
    print(f"{flags.out}: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters; largest difference of a logit "
          f"from transformers: {difference:.1e}")
    if difference > TOLERANCE:
        sys.exit(f"{flags.out}: transformers computes something else")


if __name__ == "__main__":
    main()
