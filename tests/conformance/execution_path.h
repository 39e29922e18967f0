// The execution paths under the conformance suite: what is compared with kernels/ref, bit by bit.
#ifndef FOREGATE_TESTS_CONFORMANCE_EXECUTION_PATH_H_
#define FOREGATE_TESTS_CONFORMANCE_EXECUTION_PATH_H_

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/table_backend.h"
#include "kernels/ref/ref_backend.h"
#include "tests/emulation/emulated_isa.h"
#include "tests/fakes/faulting_device.h"

namespace foregate::conformance {

struct ExecutionPath {
  std::string isa;  // of kernels/cpu, or of tests/emulation; or "faulting"
  int num_threads;
};

inline std::string NameOf(const testing::TestParamInfo<ExecutionPath>& test) {
  return test.param.isa + "_" + std::to_string(test.param.num_threads);
}

inline auto AllExecutionPaths() {
  return testing::Values(ExecutionPath{"faulting", 1}, ExecutionPath{"portable", 1}, ExecutionPath{"portable", 3},
                         ExecutionPath{"avx2", 1}, ExecutionPath{"avx2", 2}, ExecutionPath{"avx2", 4},
                         ExecutionPath{"avx512", 1}, ExecutionPath{"avx512", 2}, ExecutionPath{"avx512", 4},
                         ExecutionPath{"avx512vnni", 1}, ExecutionPath{"avx512vnni", 3}, ExecutionPath{"avx512bf16", 1},
                         ExecutionPath{"avx512bf16", 3}, ExecutionPath{"amx", 1}, ExecutionPath{"amx", 3},
                         ExecutionPath{"avx512_emulated", 2}, ExecutionPath{"avx512vnni_emulated", 2},
                         ExecutionPath{"avx512bf16_emulated", 2}, ExecutionPath{"amx_emulated", 2});
}

inline absl::StatusOr<Backend> MakeBackendOf(const ExecutionPath& path) {
  for (const internal::IsaTable* table : {&internal::EmulatedAvx512Table(), &internal::EmulatedAvx512VnniTable(),
                                          &internal::EmulatedAvx512Bf16Table(), &internal::EmulatedAmxTable()}) {
    if (path.isa == table->name) return internal::MakeTableBackend(*table, path.num_threads);
  }
  CpuBackendOptions options;
  options.isa = path.isa;
  options.num_threads = path.num_threads;
  return MakeCpuBackend(options);
}

// Skips where the machine lacks the path's instruction set.
class ConformanceTest : public testing::TestWithParam<ExecutionPath> {
 protected:
  void SetUp() override {
    if (GetParam().isa == "faulting") {
      path_ = MakeFaultingBackend();
    } else {
      const std::vector<std::string> supported = SupportedIsas();
      const bool emulated = GetParam().isa.ends_with("_emulated");
      if (!emulated && std::find(supported.begin(), supported.end(), GetParam().isa) == supported.end()) {
        GTEST_SKIP() << "this machine's CPU lacks " << GetParam().isa;
      }
      auto backend = MakeBackendOf(GetParam());
      ASSERT_TRUE(backend.ok()) << backend.status();
      path_ = *std::move(backend);
    }
    ref_ = MakeRefBackendFor(path_.device->info());
    ASSERT_EQ(path_.device->info().numeric_contract, ref_.device->info().numeric_contract);
  }

  Backend path_;
  Backend ref_ = MakeRefBackend();
};

}  // namespace foregate::conformance

#endif  // FOREGATE_TESTS_CONFORMANCE_EXECUTION_PATH_H_
