// How long one search through a text may take. PCRE2's own limit counts the steps of one attempt at one place, and a
// text has a million places.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_BUDGET_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_BUDGET_H_

#include <cstdint>

namespace foregate {

// About a second of this thread's processor time. Not thread-safe.
class RegexBudget {
 public:
  // After every match: false when the budget is spent. Asks a clock every 16th time (25 ns).
  bool Step() { return ++steps_ % 16 != 0 || Check(); }
  // The same, and asks at once: for stretches without a match, which may have been slow.
  bool Check();

 private:
  uint32_t steps_ = 0;
  int64_t wall_begin_ns_ = 0;
  int64_t cpu_begin_ns_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_BUDGET_H_
