// Packing ahead of time, and serving what was packed alone, with real models and real files.
#include "engine/model/pack_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/formats/container/container_file.h"
#include "engine/formats/container/container_writer.h"
#include "engine/model/container/container_directory.h"
#include "engine/model/decoder_harness.h"
#include "engine/model/model_config.h"
#include "engine/model/weights.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

namespace fs = std::filesystem;

class PackModelTest : public testing::Test {
 protected:
  PackModelTest() : backend_(MakeRefBackend()) {
    std::string folder = testing::TempDir() + "/pack.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
  }
  ~PackModelTest() override { fs::remove_all(folder_); }

  std::string Output() const { return folder_ + "/model.fgw"; }
  PackModelOptions Options(const std::string& model, const std::string& weights = "int4") const {
    PackModelOptions options;
    options.model = model;
    options.weights = *WeightRules::ForAll(weights);
    options.numeric_contract = backend_.device->info().numeric_contract;
    options.output = Output();
    options.files = {{"tokenizer.json", "{}"}};
    return options;
  }
  static std::string Bytes(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  struct Loaded {
    std::vector<std::vector<float>> logits;
    std::vector<uint64_t> identity;
  };
  static Loaded Load(const std::string& path, const std::string& weights, const Backend& backend, size_t slots = 0) {
    LoadOptions options{.directory = path, .weights = *WeightRules::ForAll(weights)};
    options.expert_memory.num_slots = slots;
    DecoderHarness harness(options, backend);
    const uint64_t(&identity)[2] = harness.decoder().info().identity;
    const int32_t vocab = harness.decoder().info().vocab_size;
    return {harness.RunInChunks(0, {5, 17, 300 % vocab, 2, 99 % vocab}, 5), {identity[0], identity[1]}};
  }
  absl::Status LoadStatus(const std::string& weights = "stored") const {
    LoadOptions options{.directory = Output(), .weights = *WeightRules::ForAll(weights)};
    return LoadDecoder(options, backend_).status();
  }
  // Writes the container again with another directory over the same payload.
  void Rewrite(const std::function<void(ContainerDirectory&)>& change) const {
    const auto file = ContainerFile::Open(Output());
    ASSERT_TRUE(file.ok()) << file.status();
    auto directory = ParseContainerDirectory((*file)->directory(), (*file)->payload_bytes(), Output());
    ASSERT_TRUE(directory.ok()) << directory.status();
    change(*directory);
    std::vector<std::byte> payload((*file)->payload_bytes());
    ASSERT_TRUE((*file)->Read(0, payload).ok());
    const std::string json = SerializeContainerDirectory(*directory);
    const auto writer = ContainerWriter::Create(Output(), json.size(), (*file)->files(), payload.size());
    ASSERT_TRUE(writer.ok() && (*writer)->Append(0, payload).ok() && (*writer)->Finish(json).ok());
  }

  std::string folder_;
  Backend backend_;
};

TEST_F(PackModelTest, AContainerAloneGivesTheBitsOfItsSource) {
  for (const char* model : {"tests/data/models/qwen3_moe", "tests/data/models/mixtral", "tests/data/models/olmoe",
                            "tests/data/models/qwen3_moe_pre_gate_1", "tests/data/gguf/olmoe_q4_0.gguf",
                            "tests/data/gguf/qwen2_moe.gguf"}) {
    for (const char* weights : {"stored", "int4"}) {
      const auto packed = PackModel(Options(model, weights));
      ASSERT_TRUE(packed.ok()) << packed.status();
      EXPECT_EQ(packed->file_bytes, fs::file_size(Output()));
      const Loaded source = Load(model, weights, backend_);
      for (const auto& [asked, slots] : {std::pair<const char*, size_t>{"stored", 0}, {weights, 2}}) {
        const Loaded alone = Load(Output(), asked, backend_, slots);
        EXPECT_EQ(alone.logits, source.logits) << model << " " << weights;
        EXPECT_EQ(alone.identity, source.identity) << model << " " << weights;
      }
    }
  }
  // As the only container of a directory, read by several threads.
  CpuBackendOptions cpu;
  cpu.num_threads = 3;
  cpu.isa = "portable";  // the reference's arithmetic, also where the processor multiplies pairs
  const auto backend = MakeCpuBackend(cpu);
  ASSERT_TRUE(backend.ok());
  EXPECT_EQ(Load(folder_, "stored", *backend).identity, Load(Output(), "int4", backend_).identity);
}

TEST_F(PackModelTest, ThreadsAndPiecesDoNotChangeAByte) {
  PackModelOptions options = Options("tests/data/models/qwen2_moe", "int8-g32");
  ASSERT_TRUE(PackModel(options).ok());
  const std::string once = Bytes(Output());
  options.num_threads = 4;
  ASSERT_TRUE(PackModel(options).ok());
  EXPECT_TRUE(Bytes(Output()) == once);
  options.memory_limit = uint64_t{1} << 30;
  ASSERT_TRUE(PackModel(options).ok());
  EXPECT_TRUE(Bytes(Output()) == once);
}

TEST_F(PackModelTest, ItsFilesAreInside) {
  ASSERT_TRUE(PackModel(Options("tests/data/models/qwen3_moe")).ok());
  const auto file = ContainerFile::Open(Output());
  ASSERT_TRUE(file.ok());
  ASSERT_EQ((*file)->files().size(), 2u);
  EXPECT_EQ((*file)->files()[0].name, "config.json");
  std::string config((*file)->files()[0].num_bytes, '\0');
  ASSERT_TRUE((*file)->Read((*file)->files()[0].offset, std::as_writable_bytes(std::span(config))).ok());
  EXPECT_EQ(config, Bytes("tests/data/models/qwen3_moe/config.json"));
}

TEST_F(PackModelTest, AnotherContractOrLayoutIsAnErrorThatNamesBoth) {
  PackModelOptions options = Options("tests/data/models/qwen3_moe");
  options.numeric_contract = "bf16.other.v7";
  ASSERT_TRUE(PackModel(options).ok());
  absl::Status status = LoadStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("bf16.other.v7"), std::string::npos) << status;
  EXPECT_NE(status.message().find(backend_.device->info().numeric_contract), std::string::npos) << status;
  for (std::string ContainerDirectory::*text : {&ContainerDirectory::layout, &ContainerDirectory::isa}) {
    ASSERT_TRUE(PackModel(Options("tests/data/models/qwen3_moe")).ok());
    Rewrite([&](ContainerDirectory& directory) { directory.*text = "panel99.v3"; });
    status = LoadStatus();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("panel99.v3"), std::string::npos) << status;
    EXPECT_NE(status.message().find(kPackedLayout), std::string::npos) << status;
  }
}

TEST_F(PackModelTest, OtherWeightsThanItHoldsAreRefused) {
  ASSERT_TRUE(PackModel(Options("tests/data/models/qwen3_moe")).ok());
  const absl::Status status = LoadStatus("int8");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("packed as int4"), std::string::npos) << status;
  EXPECT_NE(status.message().find("int8"), std::string::npos) << status;
  PackModelOptions again = Options(Output());
  again.output += "2";
  EXPECT_NE(PackModel(again).status().message().find("packed already"), std::string::npos);
}

TEST_F(PackModelTest, ADirectoryThatDoesNotFitItsConfigIsRefused) {
  using Change = std::function<void(ContainerDirectory&)>;
  const std::vector<Change> changes = {
      [](ContainerDirectory& d) { d.tensors[1].offset += 64; },
      [](ContainerDirectory& d) { d.tensors.pop_back(); },
      [](ContainerDirectory& d) {
        d.tensors[0].shape = {1 << 30, 1 << 30};
      },
      [](ContainerDirectory& d) { d.tensors[0].stored = DType::kF16, d.tensors[0].num_bytes /= 2; },
      [](ContainerDirectory& d) { d.tensors.push_back(d.tensors[0]); },
      [](ContainerDirectory& d) { d.experts.pop_back(); },
      [](ContainerDirectory& d) { std::swap(d.experts[0].parts, d.experts[1].parts); },
      [](ContainerDirectory& d) { d.experts[0].hidden *= 2; },
      [](ContainerDirectory& d) { d.experts[0].parts[0].kind = PartKind::kBase; },
      [](ContainerDirectory& d) { d.experts[0].parts[2].codec = WeightFormat::kInt8; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    ASSERT_TRUE(PackModel(Options("tests/data/models/qwen3_moe")).ok());
    Rewrite(changes[i]);
    const absl::Status status = LoadStatus();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << i << ": " << status;
    EXPECT_NE(status.message().find("model.fgw"), std::string::npos) << i << ": " << status;
  }
}

TEST_F(PackModelTest, ADaemonsCacheDoesNotServeAlone) {
  LoadOptions options{.directory = "tests/data/models/qwen3_moe"};
  options.cache_directory = folder_;
  ASSERT_TRUE(LoadDecoder(options, backend_).ok());
  options.directory = folder_;
  const absl::Status status = LoadDecoder(options, backend_).status();
  EXPECT_NE(status.message().find("foregate pack"), std::string::npos) << status;
}

TEST_F(PackModelTest, WhatCannotBePackedLeavesNothing) {
  PackModelOptions options = Options("tests/data/models/qwen3_moe");
  options.files = {{"../tokenizer.json", "{}"}};
  EXPECT_EQ(PackModel(options).status().code(), absl::StatusCode::kInvalidArgument);
  options = Options(folder_ + "/none");
  EXPECT_EQ(PackModel(options).status().code(), absl::StatusCode::kNotFound);
  options = Options("tests/data/models/qwen3_moe");
  const std::atomic<bool> cancelled = true;
  options.cancelled = &cancelled;
  EXPECT_EQ(PackModel(options).status().code(), absl::StatusCode::kCancelled);
  options.output = folder_ + "/none/model.fgw";
  EXPECT_FALSE(PackModel(options).ok());
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(PackModelTest, OfTwoWritersOneIsRefused) {
  const auto writer = ContainerWriter::Create(Output(), 2, {}, 100);
  ASSERT_TRUE(writer.ok());
  const absl::Status status = PackModel(Options("tests/data/models/qwen3_moe")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("another process is writing it"), std::string::npos) << status;
}

// A checkpoint of zeros that is larger than the memory it may be packed in.
class BoundedPackingTest : public PackModelTest {
 protected:
  BoundedPackingTest() {
    model_ = folder_ + "/model";
    fs::create_directory(model_);
    nlohmann::json config = nlohmann::json::parse(Bytes("tests/data/models/qwen3_moe/config.json"));
    config["hidden_size"] = 1024;
    config["moe_intermediate_size"] = 512;
    config["num_experts"] = 32;
    std::ofstream(model_ + "/config.json") << config;
    const auto parsed = ParseModelConfig(config.dump(), "config.json");
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    ModelWeights weights;
    std::vector<std::pair<std::string, std::vector<int64_t>>> tensors;
    for (const NamedTensor& tensor : DenseTensors(*parsed, weights)) tensors.emplace_back(tensor.name, tensor.shape);
    for (int32_t layer = 0; layer < static_cast<int32_t>(parsed->layers.size()); ++layer) {
      for (int32_t expert = 0; parsed->layers[static_cast<size_t>(layer)].is_moe && expert < 32; ++expert) {
        for (const Projection projection : kProjections) {
          std::vector<int64_t> shape = {512, 1024};
          if (projection == Projection::kDown) std::swap(shape[0], shape[1]);
          tensors.emplace_back(ExpertTensorName(*parsed, {layer, expert}, projection), shape);
        }
      }
    }
    nlohmann::json header = nlohmann::json::object();
    uint64_t offset = 0;
    for (const auto& [name, shape] : tensors) {
      if (header.contains(name)) continue;  // a tied lm_head
      uint64_t num_bytes = 2;
      for (const int64_t extent : shape) num_bytes *= static_cast<uint64_t>(extent);
      header[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {offset, offset + num_bytes}}};
      offset += num_bytes;
    }
    const std::string text = header.dump();
    const uint64_t length = text.size();
    const std::string path = model_ + "/model.safetensors";
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(&length), 8) << text;
    fs::resize_file(path, 8 + length + offset);
    checkpoint_bytes_ = offset;
  }

  // In bytes; of this process since it was asked to be forgotten.
  static uint64_t PeakResidentBytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) << 10;
    }
    return 0;
  }
  static bool ForgetPeak() {
    std::ofstream file("/proc/self/clear_refs");
    file << "5" << std::flush;
    return file.good();
  }

  std::string model_;
  uint64_t checkpoint_bytes_ = 0;
};

TEST_F(BoundedPackingTest, PeakMemoryStaysBelowTheLimit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory counts";
#endif
  if (!ForgetPeak()) GTEST_SKIP() << "no /proc/self/clear_refs";
  PackModelOptions options = Options(model_, "int8");
  options.num_threads = 2;
  options.memory_limit = PeakResidentBytes() + (uint64_t{10} << 20);
  ASSERT_GT(checkpoint_bytes_, 2 * options.memory_limit);
  const auto packed = PackModel(options);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_GT(packed->file_bytes, options.memory_limit);
  EXPECT_LE(PeakResidentBytes(), options.memory_limit);
}

TEST_F(BoundedPackingTest, ALimitThatIsTooSmallNamesTheNumbers) {
  PackModelOptions options = Options(model_, "int8");
  options.memory_limit = 1 << 20;
  const absl::Status status = PackModel(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("a memory limit of 1048576 bytes is too small"), std::string::npos) << status;
  EXPECT_NE(status.message().find("16 longest rows"), std::string::npos) << status;
}

}  // namespace
}  // namespace foregate
