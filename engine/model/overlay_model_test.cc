// An overlay with its base computes what the merged checkpoint computes, to the bit: loaded, packed, and with experts
// that do not fit into memory. A base that is not the one it was made over is refused wherever weights are read.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/formats/container/container_file.h"
#include "engine/formats/container/container_writer.h"
#include "engine/formats/sha256.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_directory.h"
#include "engine/model/decoder_harness.h"
#include "engine/model/pack_model.h"
#include "engine/model/safetensors_writer.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char* const kMerged = "tests/data/models/qwen3_moe_pre_gate_1";

std::string Bytes(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string DigestOf(const std::string& path) {
  Sha256 digest;
  digest.Update(Bytes(path));
  return digest.Finish();
}

// The merged model is taken apart: pre-gates, routers and an expert are the overlay's. The base has no pre-gates, and
// its routers and that expert are others: NaN, which would show in any result.
class OverlayModelTest : public testing::Test {
 protected:
  OverlayModelTest() : backend_(MakeRefBackend()) {
    std::string folder = testing::TempDir() + "/overlay_model.XXXXXX";
    base_ = ::mkdtemp(folder.data());
    overlay_ = base_ + "/pre_gate_1";
    cache_ = base_ + "/cache";
    fs::create_directory(overlay_);
    fs::create_directory(cache_);
    Split();
    json config = json::parse(Bytes(std::string(kMerged) + "/config.json"));
    WriteKey(config);
    config.erase("foregate_pre_gate");
    std::ofstream(base_ + "/config.json") << config;
  }
  ~OverlayModelTest() override { fs::remove_all(base_); }

  static bool IsOverlays(const std::string& name) {
    return name.find("gate.weight") != std::string::npos || name.find("experts.3.") != std::string::npos;
  }
  void Split() const {
    const auto merged = Checkpoint::Open(kMerged);
    ASSERT_TRUE(merged.ok()) << merged.status();
    SafetensorsWriter overlay, shards[2];
    json weight_map;
    for (const auto& [name, tensor] : (*merged)->tensors()) {
      const std::string dtype = tensor.entry.dtype == DType::kBf16 ? "BF16" : "F32";
      std::string bytes(tensor.entry.num_bytes, '\0');
      ASSERT_TRUE((*merged)->Read(tensor, 0, std::as_writable_bytes(std::span(bytes))).ok());
      if (IsOverlays(name)) {
        overlay.Add(name, dtype, tensor.entry.shape, bytes);
        std::fill(bytes.begin(), bytes.end(), '\xff');
      }
      if (name.find("pre_gate") != std::string::npos) continue;
      const size_t shard = name.find("layers.1.") != std::string::npos;
      shards[shard].Add(name, dtype, tensor.entry.shape, bytes);
      weight_map[name] = Shard(shard);
    }
    overlay.Write(overlay_ + "/model.safetensors");
    for (const size_t i : {0, 1}) shards[i].Write(base_ + "/" + Shard(i));
    std::ofstream(base_ + "/model.safetensors.index.json") << json{{"weight_map", weight_map}};
  }
  static std::string Shard(size_t i) { return "model-0000" + std::to_string(i + 1) + "-of-00002.safetensors"; }
  void WriteKey(json config) const {
    json files;
    for (const size_t i : {0, 1}) files[Shard(i)] = DigestOf(base_ + "/" + Shard(i));
    config["foregate_overlay"] = {{"version", 1}, {"base", ".."}, {"files", files}};
    std::ofstream(overlay_ + "/config.json") << config;
  }
  // Changes one bit of the base, in its last tensor, without changing a header.
  void DamageBase() const {
    std::string bytes = Bytes(base_ + "/" + Shard(1));
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    std::ofstream(base_ + "/" + Shard(1), std::ios::binary) << bytes;
  }

  struct Loaded {
    std::vector<std::vector<float>> logits;
    std::vector<uint64_t> identity;
    uint64_t bytes_read = 0;
  };
  static LoadOptions Options(const std::string& path, const std::string& weights, size_t slots = 0,
                             const std::string& cache = "") {
    LoadOptions options{.directory = path, .weights = *WeightRules::ForAll(weights)};
    options.expert_memory.num_slots = slots;
    options.cache_directory = cache;
    return options;
  }
  static Loaded Load(LoadOptions options, const Backend& backend) {
    Loaded loaded;
    options.progress = [&](uint64_t done, uint64_t total) {
      EXPECT_LE(loaded.bytes_read, done);
      EXPECT_LE(done, total);
      loaded.bytes_read = done;
    };
    DecoderHarness harness(options, backend);
    const uint64_t(&identity)[2] = harness.decoder().info().identity;
    const int32_t vocab = harness.decoder().info().vocab_size;
    loaded.logits = harness.RunInChunks(0, {5, 17, 300 % vocab, 2, 99 % vocab}, 5);
    loaded.identity = {identity[0], identity[1]};
    return loaded;
  }
  static void ExpectEqual(const Loaded& a, const Loaded& b) {
    EXPECT_EQ(a.logits, b.logits);
    EXPECT_EQ(a.identity, b.identity);
  }
  PackModelOptions PackOptionsOf(const std::string& model, const std::string& output) const {
    PackModelOptions options;
    options.model = model;
    options.weights = *WeightRules::ForAll("int8");
    options.numeric_contract = backend_.device->info().numeric_contract;
    options.output = base_ + "/" + output;
    options.files = {{"tokenizer.json", "{}"}};
    return options;
  }
  void ExpectRefused(const absl::Status& status) const {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    const std::string beginning = overlay_ + "/config.json: foregate_overlay: files: " + Shard(1) +
                                  ": the SHA-256 of " + overlay_ + "/../" + Shard(1) + " is ";
    EXPECT_TRUE(std::string(status.message()).starts_with(beginning)) << status;
  }

  std::string base_, overlay_, cache_;
  Backend backend_;
};

TEST_F(OverlayModelTest, ComputesWhatTheMergedCheckpointComputes) {
  for (const char* weights : {"stored", "f32", "int8", "int4"}) {
    const Loaded merged = Load(Options(kMerged, weights), backend_);
    const Loaded overlay = Load(Options(overlay_, weights), backend_);
    ExpectEqual(overlay, merged);
    const uint64_t base_bytes = fs::file_size(base_ + "/" + Shard(0)) + fs::file_size(base_ + "/" + Shard(1));
    EXPECT_EQ(overlay.bytes_read, merged.bytes_read + base_bytes);  // the check
  }
  CpuBackendOptions cpu;
  cpu.num_threads = 3;
  const auto backend = MakeCpuBackend(cpu);
  ASSERT_TRUE(backend.ok());
  ExpectEqual(Load(Options(overlay_, "stored"), *backend), Load(Options(kMerged, "stored"), *backend));
}

TEST_F(OverlayModelTest, IsPlannedAsTheMergedCheckpoint) {
  const auto overlay = PlanModel(Options(overlay_, "int8", 2));
  const auto merged = PlanModel(Options(kMerged, "int8", 2));
  ASSERT_TRUE(overlay.ok() && merged.ok()) << overlay.status() << merged.status();
  EXPECT_EQ(overlay->memory.ToString(), merged->memory.ToString());
  EXPECT_EQ(overlay->step.pre_gate_distance, 1);
}

TEST_F(OverlayModelTest, ExpertsThatDoNotFitComeFromAContainer) {
  const Loaded merged = Load(Options(kMerged, "int4"), backend_);
  const Loaded first = Load(Options(overlay_, "int4", 2, cache_), backend_);
  const Loaded second = Load(Options(overlay_, "int4", 2, cache_), backend_);
  ExpectEqual(first, merged);
  ExpectEqual(second, merged);
  // The container was made of a base that had been checked: it alone is read.
  ASSERT_TRUE(LoadDecoder(Options(kMerged, "int4", 2, cache_), backend_).ok());
  EXPECT_EQ(second.bytes_read, Load(Options(kMerged, "int4", 2, cache_), backend_).bytes_read);
}

TEST_F(OverlayModelTest, PacksToTheSameBytes) {
  std::vector<std::byte> payload[2];
  std::vector<uint64_t> digest[2];
  json config[2];
  const std::string models[2] = {overlay_, kMerged};
  for (const size_t i : {0, 1}) {
    const PackModelOptions options = PackOptionsOf(models[i], std::to_string(i) + ".fgw");
    const auto packed = PackModel(options);
    ASSERT_TRUE(packed.ok()) << packed.status();
    const auto file = ContainerFile::Open(options.output);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto directory = ParseContainerDirectory((*file)->directory(), (*file)->payload_bytes(), options.output);
    ASSERT_TRUE(directory.ok()) << directory.status();
    digest[i].assign(std::begin(directory->digest), std::end(directory->digest));
    const EmbeddedFile& embedded = (*file)->files()[0];
    payload[i].resize(embedded.offset);
    ASSERT_TRUE((*file)->Read(0, payload[i]).ok());
    std::string text(embedded.num_bytes, '\0');
    ASSERT_TRUE((*file)->Read(embedded.offset, std::as_writable_bytes(std::span(text))).ok());
    config[i] = json::parse(text);
    ExpectEqual(Load(Options(options.output, "stored"), backend_), Load(Options(kMerged, "int8"), backend_));
  }
  EXPECT_EQ(digest[0], digest[1]);
  EXPECT_TRUE(payload[0] == payload[1]);
  EXPECT_EQ(config[0], config[1]);  // a container is complete: its config names no base
}

TEST_F(OverlayModelTest, AnotherBaseIsRefusedBeforeATensorIsRead) {
  DamageBase();
  EXPECT_TRUE(PlanModel(Options(overlay_, "stored")).ok());  // reads no weights
  ExpectRefused(LoadDecoder(Options(overlay_, "stored"), backend_).status());
  ExpectRefused(LoadDecoder(Options(overlay_, "stored", 0, cache_), backend_).status());
  ExpectRefused(LoadDecoder(Options(overlay_, "stored", 2, cache_), backend_).status());
  ExpectRefused(PackModel(PackOptionsOf(overlay_, "out.fgw")).status());
  EXPECT_FALSE(fs::exists(base_ + "/out.fgw"));
}

TEST_F(OverlayModelTest, AContainerInTheCacheDoesNotHideAnotherBase) {
  const LoadOptions options = Options(overlay_, "int8", 2, cache_);
  ASSERT_TRUE(LoadDecoder(options, backend_).ok());
  json config = json::parse(Bytes(overlay_ + "/config.json"));
  config["foregate_overlay"]["files"][Shard(1)] = std::string(64, '0');
  std::ofstream(overlay_ + "/config.json") << config;
  ExpectRefused(LoadDecoder(options, backend_).status());
  WriteKey(config);
  ASSERT_TRUE(LoadDecoder(options, backend_).ok());
  DamageBase();
  ExpectRefused(LoadDecoder(options, backend_).status());
}

TEST_F(OverlayModelTest, TheCheckCanBeCancelled) {
  const std::atomic<bool> cancelled{true};
  LoadOptions options = Options(overlay_, "stored");
  options.cancelled = &cancelled;
  EXPECT_EQ(LoadDecoder(options, backend_).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(OverlayModelTest, WhatBothTogetherLackIsTheErrorOfAnyCheckpoint) {
  SafetensorsWriter writer;
  writer.Add("model.layers.1.mlp.pre_gate.weight", "BF16", {8, 1}, std::string(16, '\0'));
  writer.Write(overlay_ + "/model.safetensors");
  const std::string message(PlanModel(Options(overlay_, "stored")).status().message());
  EXPECT_NE(message.find(overlay_ + "/model.safetensors: tensor model.layers.1.mlp.pre_gate.weight: shape [8, 1], the "
                                    "config demands ["),
            std::string::npos)
      << message;
}

TEST_F(OverlayModelTest, AContainerThatNamesABaseIsRefused) {
  const PackModelOptions options = PackOptionsOf(kMerged, "whole.fgw");
  ASSERT_TRUE(PackModel(options).ok());
  const auto file = ContainerFile::Open(options.output);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string config = Bytes(overlay_ + "/config.json");
  const uint64_t weight_bytes = (*file)->files()[0].offset;
  std::vector<std::byte> payload(weight_bytes);
  ASSERT_TRUE((*file)->Read(0, payload).ok());
  const std::string changed = base_ + "/changed.fgw";
  const auto writer = ContainerWriter::Create(
      changed, (*file)->directory().size(),
      {{.name = "config.json", .offset = weight_bytes, .num_bytes = config.size()}}, weight_bytes + config.size());
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Append(0, payload).ok());
  ASSERT_TRUE((*writer)->Append(weight_bytes, std::as_bytes(std::span(config))).ok());
  ASSERT_TRUE((*writer)->Finish((*file)->directory()).ok());
  const absl::Status status = PlanModel(Options(changed, "stored")).status();
  EXPECT_EQ(status.message(), changed + ": config.json: foregate_overlay: a packed container has no base");
}

}  // namespace
}  // namespace foregate
