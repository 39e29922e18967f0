"""Writes the model of tests/data/gguf/block_mix.gguf before it is quantized: a Mixtral of one layer, random, f32.

Needs gguf (pip install gguf==0.19.0). Then llama-quantize gives each kind of matrix a block type of its own; 64 and 128
inputs, which blocks of 256 do not divide, have the types with blocks of 32:

    python tools/goldens/gguf_block_mix.py f32.gguf
    llama-quantize --tensor-type attn_q=q5_K --tensor-type attn_k=q6_K --tensor-type attn_v=q4_K \\
        --tensor-type attn_output=iq4_nl --tensor-type ffn_down_exps=mxfp4 --tensor-type ffn_up_exps=q4_K \\
        --tensor-type ffn_gate_exps=q4_K --output-tensor-type q6_K --token-embedding-type q4_K \\
        f32.gguf tests/data/gguf/block_mix.gguf Q4_K_M
"""

import sys

import gguf
import numpy as np

WIDTH, EXPERTS, CHOSEN, FFN, HEADS, KV_HEADS, HEAD, VOCABULARY = 256, 4, 2, 64, 4, 1, 32, 48


def main():
    rng = np.random.default_rng(42)
    writer = gguf.GGUFWriter(sys.argv[1], "llama")
    writer.add_name("block mix")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCABULARY)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(CHOSEN)
    writer.add_rope_dimension_count(HEAD)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_tokenizer_model("none")

    def matrix(name, shape, deviation):
        writer.add_tensor(name, (rng.standard_normal(shape, dtype=np.float32) * deviation).astype(np.float32))

    def norm(name):
        writer.add_tensor(name, (1 + 0.1 * rng.standard_normal(WIDTH, dtype=np.float32)).astype(np.float32))

    matrix("token_embd.weight", (VOCABULARY, WIDTH), 1.0)
    norm("output_norm.weight")
    matrix("output.weight", (VOCABULARY, WIDTH), 0.12)
    norm("blk.0.attn_norm.weight")
    norm("blk.0.ffn_norm.weight")
    matrix("blk.0.attn_q.weight", (HEADS * HEAD, WIDTH), 0.06)
    matrix("blk.0.attn_k.weight", (KV_HEADS * HEAD, WIDTH), 0.06)
    matrix("blk.0.attn_v.weight", (KV_HEADS * HEAD, WIDTH), 0.06)
    matrix("blk.0.attn_output.weight", (WIDTH, HEADS * HEAD), 0.06)
    matrix("blk.0.ffn_gate_inp.weight", (EXPERTS, WIDTH), 0.3)
    matrix("blk.0.ffn_gate_exps.weight", (EXPERTS, FFN, WIDTH), 0.08)
    matrix("blk.0.ffn_up_exps.weight", (EXPERTS, FFN, WIDTH), 0.08)
    matrix("blk.0.ffn_down_exps.weight", (EXPERTS, WIDTH, FFN), 0.08)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
