"""Writes tests/data/gguf/blocks.gguf: blocks of every tensor type that can be read, and what they stand for.

Needs gguf (pip install gguf==0.19.0), llama.cpp's own Python package, whose quantizers and dequantizers are the reference.
The tensor `TYPE` holds random numbers as that type quantizes them where the package can, and otherwise random bytes with
sane scales; `TYPE.f32` what they stand for. Deterministic.

    python tools/goldens/gguf_blocks.py tests/data/gguf
"""

import pathlib
import sys

import gguf
import numpy as np

QUANTIZED = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4"]
# Where the 16-bit scales lie in a block of the types that only llama.cpp itself can quantize to.
RANDOM = {"Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0]}
ROWS, COLUMNS = 3, 512


def random_blocks(rng, kind, scale_offsets):
    block_elements, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ROWS * COLUMNS // block_elements, block_bytes), dtype=np.uint8)
    for offset in scale_offsets:
        scales = rng.normal(0, 0.02, len(blocks)).astype(np.float16)
        scales[0] = 6e-8  # subnormal
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    writer = gguf.GGUFWriter(directory / "blocks.gguf", "none")
    for name in QUANTIZED + list(RANDOM):
        kind = gguf.GGMLQuantizationType[name]
        if name in RANDOM:
            data = random_blocks(rng, kind, RANDOM[name])
        else:
            numbers = rng.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32)
            numbers[0, :32] = 0  # a block of zeros
            numbers[1] *= 1e-6  # scales that are subnormal in f16
            data = gguf.quants.quantize(numbers, kind)
        if name == "MXFP4":
            data[2, 0], data[2, 17], data[2, 34] = 0, 1, 255  # the ends of the exponent's range
        values = gguf.quants.dequantize(data, kind).astype(np.float32)
        assert np.isfinite(values).all() or name == "MXFP4", name
        writer.add_tensor(name, data, raw_dtype=kind)
        writer.add_tensor(name + ".f32", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
