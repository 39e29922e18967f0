// The embedding table in the format in which the file has it: the logits of its values in f32, in fewer bytes; one
// matrix where it is the lm_head, too.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "engine/formats/container/container_file.h"
#include "engine/formats/gguf/dequantize.h"
#include "engine/formats/gguf/gguf_writer.h"
#include "engine/model/container/container_directory.h"
#include "engine/model/decoder_harness.h"
#include "engine/model/pack_model.h"
#include "kernels/base/float_types.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<float>>;

constexpr uint64_t kHidden = 256, kVocab = 40, kHeadDim = 16, kHeads = 2, kExperts = 3, kWidth = 32;
constexpr uint64_t kPage = 4096;

// A matrix as a file stores it.
struct Stored {
  GgufTensorType type = GgufTensorType::kF32;
  std::string bytes;
};

std::string Floats(size_t count, uint32_t seed, float mean = 0) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(mean, 0.1f);
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += GgufBytes(normal(random));
  return bytes;
}

// Where the 16-bit scales of a block lie; of F16 and BF16 the value.
std::vector<size_t> ScalesOf(GgufTensorType type) {
  switch (type) {
    case GgufTensorType::kQ4_1:
    case GgufTensorType::kQ5_1:
    case GgufTensorType::kQ4_K:
    case GgufTensorType::kQ5_K:
      return {0, 2};
    case GgufTensorType::kQ6_K:
      return {208};
    case GgufTensorType::kMxfp4:
      return {};
    default:
      return {0};
  }
}

Stored RandomTable(GgufTensorType type) {
  if (type == GgufTensorType::kF32) return {type, Floats(kVocab * kHidden, 5)};
  std::mt19937 random(6);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  const GgufBlockSize block = BlockSizeOf(type);
  Stored table = {type, std::string(kVocab * kHidden / block.block_elements * block.block_bytes, '\0')};
  for (char& byte : table.bytes) byte = static_cast<char>(random());
  for (size_t at = 0; at < table.bytes.size(); at += block.block_bytes) {
    if (type == GgufTensorType::kMxfp4) table.bytes[at] = static_cast<char>(115 + random() % 10);
    for (const size_t offset : ScalesOf(type)) {
      const float scale = normal(random);
      const uint16_t bits = type == GgufTensorType::kBf16 ? F32ToBf16(scale) : F32ToF16(scale);
      std::memcpy(&table.bytes[at + offset], &bits, sizeof bits);
    }
  }
  return table;
}

Stored InF32(const Stored& table) {
  std::string bytes(kVocab * kHidden * sizeof(float), '\0');
  DequantizeGguf(table.type, std::as_bytes(std::span(table.bytes)),
                 {reinterpret_cast<float*>(bytes.data()), kVocab * kHidden});
  return {GgufTensorType::kF32, bytes};
}

// A Mixtral of one layer; tied without `lm_head`.
std::string Model(const Stored& embedding, const Stored* lm_head) {
  GgufWriter writer;
  writer.AddString("general.architecture", "llama");
  writer.AddUint32("llama.block_count", 1);
  writer.AddUint32("llama.context_length", 128);
  writer.AddUint32("llama.embedding_length", kHidden);
  writer.AddUint32("llama.feed_forward_length", kWidth);
  writer.AddUint32("llama.attention.head_count", kHeads);
  writer.AddUint32("llama.attention.head_count_kv", 1);
  writer.AddUint32("llama.attention.key_length", kHeadDim);
  writer.AddUint32("llama.attention.value_length", kHeadDim);
  writer.AddFloat32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  writer.AddUint32("llama.expert_count", kExperts);
  writer.AddUint32("llama.expert_used_count", 2);
  uint32_t seed = 100;
  const auto add = [&](const char* name, const std::vector<uint64_t>& extents) {
    uint64_t count = 1;
    for (const uint64_t extent : extents) count *= extent;
    writer.AddTensor(name, extents, GgufTensorType::kF32, Floats(count, ++seed, extents.size() == 1 ? 1.0f : 0.0f));
  };
  writer.AddTensor("token_embd.weight", {kHidden, kVocab}, embedding.type, embedding.bytes);
  if (lm_head != nullptr) writer.AddTensor("output.weight", {kHidden, kVocab}, lm_head->type, lm_head->bytes);
  add("output_norm.weight", {kHidden});
  add("blk.0.attn_norm.weight", {kHidden});
  add("blk.0.ffn_norm.weight", {kHidden});
  add("blk.0.attn_q.weight", {kHidden, kHeads * kHeadDim});
  add("blk.0.attn_k.weight", {kHidden, kHeadDim});
  add("blk.0.attn_v.weight", {kHidden, kHeadDim});
  add("blk.0.attn_output.weight", {kHeads * kHeadDim, kHidden});
  add("blk.0.ffn_gate_inp.weight", {kHidden, kExperts});
  add("blk.0.ffn_gate_exps.weight", {kHidden, kWidth, kExperts});
  add("blk.0.ffn_up_exps.weight", {kHidden, kWidth, kExperts});
  add("blk.0.ffn_down_exps.weight", {kWidth, kHidden, kExperts});
  return writer.Bytes();
}

uint64_t TableBytes(WeightFormat format) { return PackedBytes(format, kVocab, kHidden); }

class GgufEmbeddingTest : public testing::Test {
 protected:
  GgufEmbeddingTest() : backend_(MakeRefBackend()) {
    std::string folder = testing::TempDir() + "/embedding.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
  }
  ~GgufEmbeddingTest() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, const Stored& embedding, const Stored* lm_head) {
    const std::string path = folder_ + "/" + name + ".gguf";
    std::ofstream(path, std::ios::binary) << Model(embedding, lm_head);
    return path;
  }
  static LoadOptions Options(const std::string& path, const std::string& weights) {
    return {.directory = path, .weights = *WeightRules::ForAll(weights)};
  }
  // Of every token of the vocabulary.
  Rows Logits(LoadOptions options) {
    uint64_t done_bytes = 0, total_bytes = 1;
    options.progress = [&](uint64_t done, uint64_t total) { done_bytes = done, total_bytes = total; };
    DecoderHarness harness(options, backend_);
    EXPECT_EQ(done_bytes, total_bytes);
    std::vector<int32_t> tokens;
    for (int32_t token = 0; token < static_cast<int32_t>(kVocab); ++token) tokens.push_back(token);
    Rows logits = harness.RunInChunks(0, tokens, 7);
    for (const std::vector<float>& row : logits)
      EXPECT_TRUE(std::all_of(row.begin(), row.end(), [](float value) { return std::abs(value) < 1e6f; }));
    return logits;
  }
  static MemoryPlan Memory(const LoadOptions& options) {
    const auto plan = PlanModel(options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan->memory;
  }

  std::string folder_;
  Backend backend_;
};

TEST_F(GgufEmbeddingTest, GivesTheLogitsOfItsValuesInTheBytesOfItsFormat) {
  const std::pair<GgufTensorType, WeightFormat> kCases[] = {
      {GgufTensorType::kF32, WeightFormat::kF32},      {GgufTensorType::kF16, WeightFormat::kF16},
      {GgufTensorType::kBf16, WeightFormat::kBf16},    {GgufTensorType::kQ8_0, WeightFormat::kInt8G32},
      {GgufTensorType::kQ5_0, WeightFormat::kInt8G32}, {GgufTensorType::kQ4_0, WeightFormat::kInt4G32},
      {GgufTensorType::kQ4_1, WeightFormat::kF32},     {GgufTensorType::kQ5_1, WeightFormat::kF32},
      {GgufTensorType::kQ4_K, WeightFormat::kQ4K},     {GgufTensorType::kQ5_K, WeightFormat::kQ5K},
      {GgufTensorType::kQ6_K, WeightFormat::kQ6K},     {GgufTensorType::kIq4Nl, WeightFormat::kIq4Nl},
      {GgufTensorType::kMxfp4, WeightFormat::kMxfp4}};
  const Stored head = {GgufTensorType::kF32, Floats(kVocab * kHidden, 7)};
  for (const auto& [type, format] : kCases) {
    SCOPED_TRACE(GgufTypeName(type));
    const Stored table = RandomTable(type);
    const std::string stored = Write("stored", table, &head);
    const std::string widened = Write("widened", InF32(table), &head);
    for (const char* weights : {"stored", "int8"}) {
      EXPECT_EQ(Logits(Options(stored, weights)), Logits(Options(widened, weights)));
      const MemoryPlan plan = Memory(Options(stored, weights));
      const MemoryPlan wide = Memory(Options(widened, weights));
      EXPECT_EQ(plan.lookup_bytes, TableBytes(format));
      EXPECT_EQ(wide.lookup_bytes, TableBytes(WeightFormat::kF32));
      EXPECT_NEAR(static_cast<double>(wide.dense_bytes - plan.dense_bytes),
                  static_cast<double>(wide.lookup_bytes - plan.lookup_bytes), kPage);
    }
  }
}

TEST_F(GgufEmbeddingTest, TiedItIsOneMatrixUnlessTheLmHeadHasAnotherFormat) {
  for (const auto& [type, format] :
       {std::pair{GgufTensorType::kBf16, WeightFormat::kBf16}, std::pair{GgufTensorType::kQ8_0, WeightFormat::kInt8G32},
        std::pair{GgufTensorType::kQ6_K, WeightFormat::kQ6K}}) {
    SCOPED_TRACE(GgufTypeName(type));
    const Stored table = RandomTable(type);
    const std::string tied = Write("tied", table, nullptr);
    const std::string untied = Write("untied", table, &table);
    for (const char* weights : {"stored", "int8"}) {
      SCOPED_TRACE(weights);
      EXPECT_EQ(Logits(Options(tied, weights)), Logits(Options(untied, weights)));
      const bool is_shared = std::string(weights) == "stored";
      const MemoryPlan one = Memory(Options(tied, weights));
      const MemoryPlan two = Memory(Options(untied, weights));
      EXPECT_EQ(one.lookup_bytes, is_shared ? 0 : TableBytes(format));
      EXPECT_EQ(two.lookup_bytes, TableBytes(format));
      EXPECT_NEAR(static_cast<double>(two.dense_bytes - one.dense_bytes),
                  is_shared ? static_cast<double>(TableBytes(format)) : 0.0, kPage);
    }
  }
}

TEST_F(GgufEmbeddingTest, ContainersHoldATiedOneOnce) {
  const std::string tied = Write("tied", RandomTable(GgufTensorType::kQ6_K), nullptr);
  for (const char* weights : {"stored", "int8", "int4"}) {
    SCOPED_TRACE(weights);
    const Rows logits = Logits(Options(tied, weights));
    PackModelOptions pack;
    pack.model = tied;
    pack.weights = *WeightRules::ForAll(weights);
    pack.numeric_contract = backend_.device->info().numeric_contract;
    pack.output = folder_ + "/alone.fgw";
    ASSERT_TRUE(PackModel(pack).ok());
    EXPECT_EQ(Logits(Options(pack.output, "stored")), logits);
    EXPECT_EQ(Logits(Options(pack.output, weights)), logits);
    EXPECT_EQ(Memory(Options(pack.output, "stored")).dense_bytes, Memory(Options(tied, weights)).dense_bytes);
    EXPECT_EQ(Memory(Options(pack.output, "stored")).lookup_bytes, Memory(Options(tied, weights)).lookup_bytes);
    const auto file = ContainerFile::Open(pack.output);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto directory = ParseContainerDirectory((*file)->directory(), (*file)->payload_bytes(), pack.output);
    ASSERT_TRUE(directory.ok()) << directory.status();
    EXPECT_EQ(std::count_if(directory->tensors.begin(), directory->tensors.end(),
                            [](const auto& tensor) { return tensor.name == "model.embed_tokens.weight"; }),
              std::string(weights) == "stored" ? 1 : 2);
    // A daemon's cache: written, then read, without a word.
    LoadOptions cached = Options(tied, weights);
    cached.cache_directory = folder_;
    cached.notice = [](const std::string& notice) { FAIL() << notice; };
    EXPECT_EQ(Logits(cached), logits);
    EXPECT_EQ(Logits(cached), logits);
  }
}

}  // namespace
}  // namespace foregate
