// Panels packed from blocks hold the values that llama.cpp's own Python package reads from them, to the bit
// (tools/goldens/gguf_blocks.py).
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engine/formats/gguf/header.h"
#include "kernels/weights/packed_rows.h"

namespace foregate {
namespace {

struct StoredTensor {
  std::vector<std::byte> blocks;
  std::vector<float> values;
  int64_t num_rows = 0;
  int64_t num_inputs = 0;
};

StoredTensor Read(const std::string& name) {
  StoredTensor stored;
  const auto file = ReadOnlyFile::Open("tests/data/gguf/blocks.gguf");
  EXPECT_TRUE(file.ok()) << file.status().message();
  const auto header = GgufHeader::Read(**file);
  EXPECT_TRUE(header.ok()) << header.status().message();
  for (const GgufTensor& tensor : header->tensors()) {
    if (tensor.name == name) {
      stored.num_rows = tensor.shape[0];
      stored.num_inputs = tensor.shape[1];
      stored.blocks.resize(tensor.num_bytes);
      EXPECT_TRUE((*file)->Read(tensor.offset, stored.blocks).ok());
    }
    if (tensor.name == name + ".f32") {
      stored.values.resize(tensor.num_elements());
      EXPECT_TRUE((*file)->Read(tensor.offset, std::as_writable_bytes(std::span(stored.values))).ok());
    }
  }
  EXPECT_FALSE(stored.blocks.empty() || stored.values.empty()) << name;
  return stored;
}

TEST(StoredPanelsTest, HoldTheValuesOfTheFile) {
  for (const auto& [name, format] : {std::pair{"IQ4_NL", WeightFormat::kIq4Nl},
                                     std::pair{"MXFP4", WeightFormat::kMxfp4}, std::pair{"Q4_K", WeightFormat::kQ4K},
                                     std::pair{"Q5_K", WeightFormat::kQ5K}, std::pair{"Q6_K", WeightFormat::kQ6K}}) {
    const StoredTensor stored = Read(name);
    const PackedMatrix packed(format, stored.num_rows, stored.num_inputs);
    ASSERT_EQ(stored.blocks.size(), static_cast<size_t>(stored.num_rows) * BlockRowBytes(format, stored.num_inputs));
    PackBlocks(stored.blocks.data(), stored.num_rows, 0, packed.matrix());
    std::vector<float> row(static_cast<size_t>(stored.num_inputs));
    for (size_t i = 0; i < stored.values.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const float value = UnpackElement(packed.matrix(), at / stored.num_inputs, at % stored.num_inputs);
      if (at % stored.num_inputs == 0) UnpackRow(packed.matrix(), at / stored.num_inputs, row.data());
      const float in_row = row[i % row.size()];
      ASSERT_EQ(std::bit_cast<uint32_t>(in_row), std::bit_cast<uint32_t>(value)) << name << " at " << i;
      ASSERT_EQ(std::bit_cast<uint32_t>(value), std::bit_cast<uint32_t>(stored.values[i])) << name << " at " << i;
    }
  }
}

}  // namespace
}  // namespace foregate
