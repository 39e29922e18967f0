#include "kernels/cpu/cpu_backend.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

std::string ContractOf(const std::string& isa) {
  if (isa == "avx512bf16") return "f32.seq.fma.v2+bf16.pairs.v1+int.group.v1";
  return isa == "amx" ? "f32.seq.fma.v2+bf16.tiles.v1+int.group.v1" : "f32.seq.fma.v2+int.group.v1";
}

TEST(CpuBackend, TakesTheBestInstructionSetByDefault) {
  const auto backend = MakeCpuBackend({});
  ASSERT_TRUE(backend.ok()) << backend.status();
  const DeviceInfo& info = backend->device->info();
  EXPECT_EQ(info.kind, "cpu");
  const std::vector<std::string> supported = SupportedIsas();
  EXPECT_NE(std::find(supported.begin(), supported.end(), info.isa), supported.end());
  EXPECT_EQ(info.numeric_contract, ContractOf(info.isa));
  EXPECT_GE(info.num_threads, 1);
}

TEST(CpuBackend, TakesTheInstructionSetAskedFor) {
  for (const std::string& isa : SupportedIsas()) {
    CpuBackendOptions options;
    options.isa = isa;
    options.num_threads = 2;
    const auto backend = MakeCpuBackend(options);
    ASSERT_TRUE(backend.ok()) << backend.status();
    EXPECT_EQ(backend->device->info().isa, isa);
    EXPECT_EQ(backend->device->info().numeric_contract, ContractOf(isa));
    EXPECT_EQ(backend->device->info().num_threads, 2);
  }
}

TEST(CpuBackend, RefusesWhatTheMachineLacksNamingWhatItHas) {
  CpuBackendOptions options;
  options.isa = "neon";
  const auto backend = MakeCpuBackend(options);
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(backend.status().message());
  EXPECT_NE(message.find("isa: \"neon\""), std::string::npos) << message;
  EXPECT_NE(message.find("portable"), std::string::npos) << message;
}

TEST(CpuBackend, RefusesAThreadCountOutOfRange) {
  for (const int num_threads : {-1, kMaxCpuThreads + 1}) {
    CpuBackendOptions options;
    options.num_threads = num_threads;
    const auto backend = MakeCpuBackend(options);
    EXPECT_EQ(backend.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(backend.status().message()).find(std::to_string(num_threads)), std::string::npos);
  }
}

TEST(CpuBackend, WantsACpuForEveryThread) {
  const auto backend = MakeCpuBackend({.num_threads = 2, .isa = {}, .cpus = {0}});
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(backend.status().message()).find("cpus: 1 for 2 threads"), std::string::npos);
}

}  // namespace
}  // namespace foregate
