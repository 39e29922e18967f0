#include "server/text/tokenizer/regex_budget.h"

#include <ctime>

namespace foregate {
namespace {

// The wall clock is the cheap one; a thread that was not scheduled is not blamed, so the other clock decides.
constexpr int64_t kUnsuspiciousNs = 100'000'000;
constexpr int64_t kBudgetNs = 800'000'000;

int64_t NowNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

bool RegexBudget::Check() {
  const int64_t wall = NowNs(CLOCK_MONOTONIC);
  if (wall_begin_ns_ == 0) wall_begin_ns_ = wall;
  if (wall - wall_begin_ns_ < kUnsuspiciousNs) return true;
  const int64_t cpu = NowNs(CLOCK_THREAD_CPUTIME_ID);
  if (cpu_begin_ns_ == 0) cpu_begin_ns_ = cpu;
  return cpu - cpu_begin_ns_ < kBudgetNs;
}

}  // namespace foregate
