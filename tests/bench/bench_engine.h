// What benches that run an engine share.
#ifndef FOREGATE_TESTS_BENCH_BENCH_ENGINE_H_
#define FOREGATE_TESTS_BENCH_BENCH_ENGINE_H_

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "kernels/base/check.h"

namespace foregate {

// Of requests that are run for their time alone, and have to succeed.
class NullSink final : public TokenSink {
 public:
  void OnPromptLogprobs(std::vector<TokenRecord>) override {}
  void OnToken(int32_t, TokenRecord) override {}
  void OnSampleFinish(int32_t, FinishReason) override {}
  void OnDone(const absl::Status& status, const RequestSummary&) override { FOREGATE_CHECK(status.ok()); }
};

// The value; else the program ends and says why.
template <typename T>
T OrExit(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, value.status().ToString().c_str());
  std::exit(1);
}

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_BENCH_ENGINE_H_
