// Every type against llama.cpp's own Python package, to the bit (tools/goldens/gguf_blocks.py).
#include "engine/formats/gguf/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "engine/formats/gguf/header.h"
#include "kernels/base/float_types.h"

namespace foregate {
namespace {

const GgufTensor* Find(const GgufHeader& header, const std::string& name) {
  for (const GgufTensor& tensor : header.tensors()) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

std::vector<std::byte> Load(const ReadOnlyFile& file, const GgufTensor& tensor) {
  std::vector<std::byte> bytes(tensor.num_bytes);
  EXPECT_TRUE(file.Read(tensor.offset, bytes).ok());
  return bytes;
}

TEST(DequantizeTest, EveryTypeEqualsTheReference) {
  const auto file = ReadOnlyFile::Open("tests/data/gguf/blocks.gguf");
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto header = GgufHeader::Read(**file);
  ASSERT_TRUE(header.ok()) << header.status().message();
  int num_types = 0;
  for (const GgufTensor& tensor : header->tensors()) {
    if (tensor.name.ends_with(".f32")) continue;
    SCOPED_TRACE(tensor.name);
    EXPECT_EQ(tensor.name, GgufTypeName(tensor.type));
    const GgufTensor* reference = Find(*header, tensor.name + ".f32");
    ASSERT_NE(reference, nullptr);
    ASSERT_EQ(reference->shape, tensor.shape);
    std::vector<float> expected(reference->num_elements());
    ASSERT_TRUE((*file)->Read(reference->offset, std::as_writable_bytes(std::span(expected))).ok());
    std::vector<float> values(tensor.num_elements());
    DequantizeGguf(tensor.type, Load(**file, tensor), values);
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(expected[i]))
          << "element " << i << ": " << values[i] << " vs. " << expected[i];
    // A row alone, from an odd address.
    const size_t row_bytes = tensor.num_bytes / static_cast<size_t>(tensor.shape[0]);
    std::vector<std::byte> shifted(row_bytes + 1);
    const std::span<std::byte> row = std::span(shifted).subspan(1);
    ASSERT_TRUE((*file)->Read(tensor.offset + row_bytes, row).ok());
    std::vector<float> row_values(static_cast<size_t>(tensor.shape[1]));
    DequantizeGguf(tensor.type, row, row_values);
    for (size_t i = 0; i < row_values.size(); ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(row_values[i]), std::bit_cast<uint32_t>(expected[row_values.size() + i])) << i;
    ++num_types;
  }
  EXPECT_EQ(num_types, 12);
}

TEST(DequantizeTest, IntegersTimesScalesAreTheValues) {
  const auto file = ReadOnlyFile::Open("tests/data/gguf/blocks.gguf");
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto header = GgufHeader::Read(**file);
  ASSERT_TRUE(header.ok()) << header.status().message();
  for (const char* name : {"Q8_0", "Q5_0", "Q4_0"}) {
    const GgufTensor& tensor = *Find(*header, name);
    const std::vector<std::byte> blocks = Load(**file, tensor);
    std::vector<float> values(tensor.num_elements());
    DequantizeGguf(tensor.type, blocks, values);
    std::vector<int8_t> integers(values.size());
    std::vector<uint16_t> scales(values.size() / 32);
    ASSERT_TRUE(SplitGguf(tensor.type, blocks, integers, scales));
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(static_cast<float>(integers[i]) * F16ToF32(scales[i / 32]), values[i]) << name << " " << i;
  }
  EXPECT_FALSE(SplitGguf(GgufTensorType::kQ4_K, {}, {}, {}));
}

}  // namespace
}  // namespace foregate
