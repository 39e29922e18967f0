// GGUF files of llama.cpp's own converter (tools/goldens/gguf_models.py) against the checkpoints that they were made
// from, and files with planted faults.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/formats/gguf/dequantize.h"
#include "engine/formats/gguf/gguf_writer.h"
#include "engine/model/checkpoint.h"
#include "engine/model/model_config.h"
#include "kernels/base/float_types.h"

namespace foregate {
namespace {

std::string ReadFile(const std::string& path) {
  const auto file = ReadOnlyFile::Open(path);
  EXPECT_TRUE(file.ok()) << path;
  return file.ok() ? *(*file)->ReadText(1 << 20) : "";
}

std::vector<float> ReadFloats(const Checkpoint& checkpoint, const Checkpoint::Tensor& tensor) {
  std::vector<std::byte> bytes(tensor.entry.num_bytes);
  EXPECT_TRUE(checkpoint.Read(tensor, 0, bytes).ok());
  std::vector<float> values(bytes.size() / ElementBytes(tensor.entry.dtype));
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half = 0;
    if (tensor.entry.dtype != DType::kF32) std::memcpy(&half, bytes.data() + 2 * i, 2);
    if (tensor.entry.dtype == DType::kF32) std::memcpy(&values[i], bytes.data() + 4 * i, 4);
    if (tensor.entry.dtype == DType::kBf16) values[i] = Bf16ToF32(half);
    if (tensor.entry.dtype == DType::kF16) values[i] = F16ToF32(half);
  }
  return values;
}

class ConvertedModelTest : public testing::TestWithParam<const char*> {
 protected:
  const std::string directory_ = std::string("tests/data/models/") + GetParam();
  const std::string gguf_ = std::string("tests/data/gguf/") + GetParam() + ".gguf";
};

TEST_P(ConvertedModelTest, ConfigIsTheCheckpoints) {
  const auto want = ParseModelConfig(ReadFile(directory_ + "/config.json"), "config.json");
  const auto checkpoint = Checkpoint::Open(gguf_);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const auto have = ParseModelConfig((*checkpoint)->config_json(), gguf_);
  ASSERT_TRUE(want.ok() && have.ok()) << have.status().message();
  EXPECT_EQ(have->architecture, want->architecture);
  EXPECT_EQ(have->hidden_size, want->hidden_size);
  EXPECT_EQ(have->vocab_size, want->vocab_size);
  EXPECT_EQ(have->max_positions, want->max_positions);
  EXPECT_EQ(have->dense_width, want->dense_width);
  EXPECT_EQ(have->rms_norm_eps, want->rms_norm_eps);
  EXPECT_EQ(have->rope_theta, want->rope_theta);
  EXPECT_EQ(have->has_tied_embeddings, want->has_tied_embeddings);
  EXPECT_EQ(have->attention.num_heads, want->attention.num_heads);
  EXPECT_EQ(have->attention.num_kv_heads, want->attention.num_kv_heads);
  EXPECT_EQ(have->attention.head_dim, want->attention.head_dim);
  EXPECT_EQ(have->attention.has_qkv_bias, want->attention.has_qkv_bias);
  EXPECT_EQ(have->attention.has_output_bias, want->attention.has_output_bias);
  EXPECT_EQ(have->attention.qk_norm, want->attention.qk_norm);
  EXPECT_EQ(have->attention.qkv_limit, want->attention.qkv_limit);
  EXPECT_EQ(have->moe.num_experts, want->moe.num_experts);
  EXPECT_EQ(have->moe.experts_per_token, want->moe.experts_per_token);
  EXPECT_EQ(have->moe.expert_width, want->moe.expert_width);
  EXPECT_EQ(have->moe.normalize_weights, want->moe.normalize_weights);
  EXPECT_EQ(have->moe.shared_expert_width, want->moe.shared_expert_width);
  EXPECT_EQ(have->moe.is_shared_expert_gated, want->moe.is_shared_expert_gated);
  ASSERT_EQ(have->layers.size(), want->layers.size());
  for (size_t i = 0; i < want->layers.size(); ++i) {
    EXPECT_EQ(have->layers[i].is_moe, want->layers[i].is_moe);
    EXPECT_EQ(have->layers[i].window, want->layers[i].window);
  }
}

// Matrices were rounded to bf16, the rest widened.
TEST_P(ConvertedModelTest, TensorsAreTheCheckpoints) {
  const auto want = Checkpoint::Open(directory_);
  const auto have = Checkpoint::Open(gguf_);
  ASSERT_TRUE(want.ok() && have.ok()) << have.status().message();
  EXPECT_EQ((*have)->tensors().size(), (*want)->tensors().size());
  for (const auto& [name, tensor] : (*want)->tensors()) {
    SCOPED_TRACE(name);
    const Checkpoint::Tensor* found = (*have)->Find(name);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->entry.shape, tensor.entry.shape);
    std::vector<float> expected = ReadFloats(**want, tensor);
    if (found->entry.dtype == DType::kBf16) {
      for (float& value : expected) value = Bf16ToF32(F32ToBf16(value));
    }
    EXPECT_EQ(ReadFloats(**have, *found), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ConvertedModelTest, testing::Values("qwen3_moe", "qwen2_moe", "olmoe", "mixtral"),
                         [](const auto& test) { return std::string(test.param); });

class GgufCheckpointTest : public testing::Test {
 protected:
  GgufCheckpointTest() : directory_(testing::TempDir() + "/gguf_checkpoint_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~GgufCheckpointTest() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << bytes;
  }
  void ExpectError(const std::string& path, const std::vector<std::string>& parts) {
    const auto checkpoint = Checkpoint::Open(path);
    ASSERT_FALSE(checkpoint.ok());
    for (const std::string& part : parts)
      EXPECT_NE(checkpoint.status().message().find(part), std::string::npos) << checkpoint.status().message();
  }
  const std::string directory_;
};

// Bytes that are any numbers, the same each time.
std::string SomeBytes(size_t count) {
  std::string bytes(count, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 26);  // below 64: finite as the high byte of an f16
  }
  return bytes;
}

constexpr int kHidden = 256;
constexpr int kExperts = 3;
constexpr int kWidth = 4;

// As llama.cpp would have it: two heads of 4 rows, one KV head.
GgufWriter Model(const std::string& architecture = "llama") {
  GgufWriter writer;
  const std::string prefix = architecture + ".";
  writer.AddString("general.architecture", architecture);
  writer.AddUint32(prefix + "block_count", 1);
  writer.AddUint32(prefix + "context_length", 128);
  writer.AddUint32(prefix + "embedding_length", kHidden);
  writer.AddUint32(prefix + "feed_forward_length", kWidth);
  writer.AddUint32(prefix + "attention.head_count", 2);
  writer.AddUint32(prefix + "attention.head_count_kv", 1);
  writer.AddUint32(prefix + "attention.key_length", 4);
  writer.AddFloat32(prefix + "attention.layer_norm_rms_epsilon", 1e-5f);
  writer.AddUint32(prefix + "expert_count", kExperts);
  writer.AddUint32(prefix + "expert_used_count", 2);
  return writer;
}

TEST_F(GgufCheckpointTest, QuantizedRowsComeBackInOrder) {
  GgufWriter writer = Model();
  const std::string query = SomeBytes(8 * 144);
  writer.AddTensor("blk.0.attn_q.weight", {kHidden, 8}, GgufTensorType::kQ4_K, query);
  std::vector<float> bias = {0, 1, 2, 3, 4, 5, 6, 7};
  writer.AddTensor("blk.0.attn_q.bias", {8}, GgufTensorType::kF32,
                   std::string_view(reinterpret_cast<const char*>(bias.data()), 32));
  Write("m.gguf", writer.Bytes());
  const auto checkpoint = Checkpoint::Open(directory_);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const Checkpoint::Tensor* tensor = (*checkpoint)->Find("model.layers.0.self_attn.q_proj.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->entry.dtype, DType::kF32);
  EXPECT_EQ(tensor->entry.shape, (std::vector<int64_t>{8, kHidden}));
  std::vector<float> stored(8 * kHidden);
  DequantizeGguf(GgufTensorType::kQ4_K, std::as_bytes(std::span(query)), stored);
  // Rows 0, D/2, 1, D/2 + 1 of each head are stored in this order.
  const int stored_row[8] = {0, 2, 1, 3, 4, 6, 5, 7};
  std::vector<float> expected;
  for (const int row : stored_row)
    expected.insert(expected.end(), stored.begin() + row * kHidden, stored.begin() + (row + 1) * kHidden);
  EXPECT_EQ(ReadFloats(**checkpoint, *tensor), expected);
  EXPECT_EQ(ReadFloats(**checkpoint, *(*checkpoint)->Find("model.layers.0.self_attn.q_proj.bias")),
            (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  // From the middle of a block to the middle of another row's.
  std::vector<std::byte> bytes(4 * (3 * kHidden));
  ASSERT_TRUE((*checkpoint)->Read(*tensor, 4 * 100, bytes).ok());
  EXPECT_EQ(std::memcmp(bytes.data(), expected.data() + 100, bytes.size()), 0);
  // The blocks themselves.
  ASSERT_EQ((*checkpoint)->StoredRowBytes(*tensor), 144u);
  std::string rows(3 * 144, '\0');
  ASSERT_TRUE((*checkpoint)->ReadStoredRows(*tensor, 5, std::as_writable_bytes(std::span(rows))).ok());
  EXPECT_EQ(rows, query.substr(6 * 144, 144) + query.substr(5 * 144, 144) + query.substr(7 * 144, 144));
}

TEST_F(GgufCheckpointTest, ExpertsAreSlicesOfOneTensor) {
  GgufWriter writer = Model();
  const std::string gates = SomeBytes(kExperts * kWidth * 8 * 34);
  writer.AddTensor("blk.0.ffn_gate_exps.weight", {kHidden, kWidth, kExperts}, GgufTensorType::kQ8_0, gates);
  writer.AddTensor("blk.0.ffn_up.1.weight", {kHidden, kWidth}, GgufTensorType::kF16, SomeBytes(kWidth * kHidden * 2));
  Write("m.gguf", writer.Bytes());
  const auto checkpoint = Checkpoint::Open(directory_ + "/m.gguf");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ((*checkpoint)->tensors().size(), 4u);
  std::vector<float> all(kExperts * kWidth * kHidden);
  DequantizeGguf(GgufTensorType::kQ8_0, std::as_bytes(std::span(gates)), all);
  for (int expert = 0; expert < kExperts; ++expert) {
    const Checkpoint::Tensor* tensor =
        (*checkpoint)->Find("model.layers.0.block_sparse_moe.experts." + std::to_string(expert) + ".w1.weight");
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->entry.shape, (std::vector<int64_t>{kWidth, kHidden}));
    const auto begin = all.begin() + expert * kWidth * kHidden;
    EXPECT_EQ(ReadFloats(**checkpoint, *tensor), std::vector<float>(begin, begin + kWidth * kHidden));
    std::string row(8 * 34, '\0');
    ASSERT_TRUE((*checkpoint)->ReadStoredRows(*tensor, 1, std::as_writable_bytes(std::span(row))).ok());
    EXPECT_EQ(row, gates.substr(static_cast<size_t>(expert * kWidth + 1) * row.size(), row.size()));
  }
  EXPECT_NE((*checkpoint)->Find("model.layers.0.block_sparse_moe.experts.1.w3.weight"), nullptr);
}

TEST_F(GgufCheckpointTest, GateAndUpInOneTensor) {
  GgufWriter writer = Model();
  std::vector<float> values(kExperts * 2 * kWidth * 2);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  writer.AddTensor("blk.0.ffn_gate_up_exps.weight", {2, 2 * kWidth, kExperts}, GgufTensorType::kF32,
                   std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * 4));
  Write("m.gguf", writer.Bytes());
  const auto checkpoint = Checkpoint::Open(directory_);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const std::string expert = "model.layers.0.block_sparse_moe.experts.1.";
  EXPECT_EQ(ReadFloats(**checkpoint, *(*checkpoint)->Find(expert + "w1.weight")),
            (std::vector<float>{16, 17, 18, 19, 20, 21, 22, 23}));
  EXPECT_EQ(ReadFloats(**checkpoint, *(*checkpoint)->Find(expert + "w3.weight")),
            (std::vector<float>{24, 25, 26, 27, 28, 29, 30, 31}));
}

TEST_F(GgufCheckpointTest, PartsBelongTogether) {
  const auto part = [](int number, int count, int total, const char* tensor) {
    GgufWriter writer = number == 1 ? Model() : GgufWriter();
    writer.AddEntry("split.no", GgufValueType::kUint16, GgufBytes(static_cast<uint16_t>(number - 1)));
    writer.AddEntry("split.count", GgufValueType::kUint16, GgufBytes(static_cast<uint16_t>(count)));
    writer.AddEntry("split.tensors.count", GgufValueType::kInt32, GgufBytes(total));
    writer.AddTensor(tensor, {1}, GgufTensorType::kF32, "1234");
    return writer.Bytes();
  };
  const std::string first = directory_ + "/m-00001-of-00002.gguf";
  Write("m-00001-of-00002.gguf", part(1, 2, 2, "a"));
  ExpectError(directory_, {"m-00002-of-00002.gguf", "cannot open"});
  Write("m-00002-of-00002.gguf", part(2, 2, 2, "b"));
  for (const std::string& path : {directory_, first}) {
    const auto checkpoint = Checkpoint::Open(path);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    EXPECT_EQ((*checkpoint)->tensors().size(), 2u);
  }
  ExpectError(directory_ + "/m-00002-of-00002.gguf", {"is part 2 of 2", first});
  Write("m-00002-of-00002.gguf", part(2, 2, 2, "a"));
  ExpectError(directory_, {"m-00002-of-00002.gguf: tensor \"a\" is also in another part"});
  Write("m-00002-of-00002.gguf", part(1, 2, 2, "b"));
  ExpectError(directory_, {"m-00002-of-00002.gguf: metadata \"split.no\": want 1"});
  Write("m-00002-of-00002.gguf", part(2, 3, 2, "b"));
  ExpectError(directory_, {"m-00002-of-00002.gguf: metadata \"split.count\": want 2"});
  Write("m-00002-of-00002.gguf", part(2, 2, 2, "b"));
  Write("m-00001-of-00002.gguf", part(1, 2, 3, "a"));
  ExpectError(directory_, {"m-00001-of-00002.gguf: metadata \"split.tensors.count\": want 2"});
  Write("other.gguf", part(1, 2, 2, "a"));
  ExpectError(directory_, {"several GGUF models", "other.gguf", "m-00001-of-00002.gguf"});
  ExpectError(directory_ + "/other.gguf", {"metadata \"split.count\": want 1"});
}

TEST_F(GgufCheckpointTest, FaultsOfTheMetadata) {
  const auto expect = [&](GgufWriter writer, const std::vector<std::string>& parts) {
    Write("m.gguf", writer.Bytes());
    ExpectError(directory_ + "/m.gguf", parts);
  };
  expect(GgufWriter(), {"m.gguf: metadata \"general.architecture\": missing"});
  expect(Model("gemma3"), {"\"gemma3\" is not supported; supported: qwen3moe, qwen2moe, olmoe, llama"});
  const char* keys[] = {"block_count",          "context_length",    "embedding_length",
                        "attention.head_count", "expert_used_count", "attention.layer_norm_rms_epsilon"};
  for (const std::string key : keys) {
    GgufWriter writer = Model();
    std::erase_if(writer.entries, [&](const std::string& entry) { return entry.find(key) != entry.npos; });
    expect(writer, {"m.gguf: metadata \"llama." + key + "\": missing"});
  }
  const auto with = [](const std::string& key, GgufValueType type, const std::string& value) {
    GgufWriter writer = Model();
    std::erase_if(writer.entries, [&](const std::string& entry) { return entry.find(key) != entry.npos; });
    writer.AddEntry("llama." + key, type, value);
    return writer;
  };
  const auto u32 = [](uint32_t value) { return GgufBytes(value); };
  expect(with("block_count", GgufValueType::kUint32, u32(4'000'000'000)), {"\"llama.block_count\": want one integer"});
  expect(with("block_count", GgufValueType::kUint32, u32(1'000'000)), {"\"llama.block_count\": more than 1024"});
  expect(with("block_count", GgufValueType::kString, GgufText("1")), {"\"llama.block_count\": want one integer"});
  expect(with("expert_count", GgufValueType::kUint32, u32(0)), {"a model without experts"});
  expect(with("rope.scaling.type", GgufValueType::kString, GgufText("yarn")), {"rope.scaling.type", "only \"none\""});
  expect(with("rope.dimension_count", GgufValueType::kUint32, u32(2)), {"rope.dimension_count"});
  expect(with("attention.scale", GgufValueType::kFloat32, GgufBytes(0.5f)), {"attention.scale", "not supported"});
  expect(with("attention.head_count", GgufValueType::kArray,
              GgufWriter::Array(GgufValueType::kUint32, 2, u32(2) + u32(4))),
         {"attention.head_count", "the same for every layer"});
  expect(with("attention.layer_norm_rms_epsilon", GgufValueType::kFloat32, GgufBytes(0.0f / 0.0f)),
         {"want a finite number"});
  GgufWriter experts = Model();
  experts.AddTensor("blk.0.ffn_up_exps.weight", {1, 1, 4}, GgufTensorType::kF32, SomeBytes(16));
  expect(experts, {"tensor \"blk.0.ffn_up_exps.weight\": want three extents, the outermost 3 experts"});
  GgufWriter heads = Model();
  heads.AddTensor("blk.0.attn_q.weight", {1, 6}, GgufTensorType::kF32, SomeBytes(24));
  expect(heads, {"tensor \"blk.0.attn_q.weight\": 6 rows are no 2 heads"});
  GgufWriter vector = Model();
  vector.AddTensor("blk.0.attn_q.bias", {32}, GgufTensorType::kQ8_0, SomeBytes(34));
  expect(vector, {"tensor \"blk.0.attn_q.bias\": type Q8_0 is not supported for a vector"});
}

}  // namespace
}  // namespace foregate
