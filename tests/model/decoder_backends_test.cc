// The decoder over other backends: every CPU path gives the bits of the scalar judge, and a device whose memory faults
// on host access and whose work runs late finds no host access and no early read.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "engine/model/decoder_harness.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"
#include "tests/fakes/faulting_device.h"

namespace foregate {
namespace {

using Rows = std::vector<std::vector<float>>;

class Backends : public testing::TestWithParam<const char*> {
 protected:
  // A prompt, a second one beside its decode, with the first dropped half-way through the last step.
  Rows Traffic(const Backend& backend, size_t num_expert_slots, DType kv_dtype = DType::kF32) {
    DecoderHarness harness({.directory = std::string("tests/data/models/") + GetParam(),
                            .kv_dtype = kv_dtype,
                            .expert_memory = {.num_slots = num_expert_slots}},
                           backend);
    const auto fold = [&](std::vector<int32_t> tokens) {
      for (int32_t& token : tokens) token %= harness.decoder().info().vocab_size;
      return tokens;
    };
    Rows rows = harness.Run({{0, fold({5, 99, 301, 7, 42, 250, 11, 383, 64})}}).logits;
    for (std::vector<float>& row : harness.Run({{0, {17}}, {1, fold({8, 200, 31})}}).logits)
      rows.push_back(std::move(row));
    ScriptedControl control;
    control.DropAt(2, 0);
    for (std::vector<float>& row : harness.Run({{0, {18}}, {1, fold({77})}}, control).logits)
      rows.push_back(std::move(row));
    return rows;
  }
};

TEST_P(Backends, EveryIsaGivesTheBitsOfTheScalarBackendOfItsContract) {
  for (const DType kv_dtype : {DType::kF32, DType::kBf16}) {
    std::map<std::string, Rows> wanted;
    for (const std::string& isa : SupportedIsas()) {
      const auto backend = MakeCpuBackend({.num_threads = 2, .isa = isa});
      ASSERT_TRUE(backend.ok()) << backend.status().message();
      const DeviceInfo& device = backend->device->info();
      Rows& rows = wanted[device.numeric_contract];
      if (rows.empty()) rows = Traffic(MakeRefBackendFor(device), 0, kv_dtype);
      EXPECT_EQ(Traffic(*backend, 0, kv_dtype), rows) << isa << " " << DTypeName(kv_dtype);
    }
  }
}

TEST_P(Backends, HostNeverTouchesDeviceMemoryNorReadsEarly) {
  const Rows wanted = Traffic(MakeRefBackend(), 0);
  EXPECT_EQ(Traffic(MakeFaultingBackend(), 0), wanted);
  EXPECT_EQ(Traffic(MakeFaultingBackend(), 2), wanted);
  EXPECT_EQ(Traffic(MakeFaultingBackend(), 0, DType::kBf16), Traffic(MakeRefBackend(), 0, DType::kBf16));
}

INSTANTIATE_TEST_SUITE_P(FirstWave, Backends,
                         testing::Values("qwen3_moe", "qwen3_moe_mixed", "qwen2_moe", "olmoe", "mixtral",
                                         "qwen3_moe_pre_gate_1", "qwen3_moe_pre_gate_2", "olmoe_pre_gate_1",
                                         "olmoe_pre_gate_2"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace foregate
