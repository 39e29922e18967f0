// StepCost: what steps have taken lately, and what that says about the next: how long decode rows take without prompt
// rows, and what one prompt row adds. A value of fixed size; copying, observing and asking never allocate.
//
// Seconds. Estimates err to the cautious side (a decode step too short, a prompt row too expensive), because they bound
// what running streams wait: medians against outliers such as a first step that still faults pages in, only the latest
// samples because contexts grow, and of mixed steps those of a similar size, because in a mixture of experts the first
// prompt rows of a step also pay for the experts that no other row wanted.
#ifndef FOREGATE_ENGINE_SCHEDULE_STEP_COST_H_
#define FOREGATE_ENGINE_SCHEDULE_STEP_COST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace foregate {

class StepCost {
 public:
  // A step ended. `seconds` below 0 or not a number count as 0; a step without rows counts for nothing.
  void Observe(int32_t decode_rows, int32_t prompt_rows, double seconds);

  // Duration of a step of `rows` decode rows alone; none before the first such step.
  std::optional<double> DecodeSeconds(int32_t rows) const;
  // Whether steps of about so many decode rows (within half as many again) are among those remembered: two, because a
  // slow one alone is not believed.
  bool KnowsDecode(int32_t rows) const;
  // What a prompt row adds to a step with about `prompt_rows` of them (within a factor of four, if there were any such
  // steps); none before the first step with prompt rows.
  std::optional<double> PromptRowSeconds(double prompt_rows) const;
  // The fewest and the most prompt rows of the steps remembered that have some; 0 for none.
  int32_t fewest_prompt_rows() const;
  int32_t most_prompt_rows() const;
  // Steps with decode rows since the last one without prompt rows.
  int32_t mixed_steps_in_a_row() const { return mixed_steps_in_a_row_; }

 private:
  struct Sample {
    int32_t decode_rows = 0;
    int32_t prompt_rows = 0;
    double seconds = 0;
  };
  template <size_t kSize>
  struct Ring {
    std::array<Sample, kSize> samples = {};
    size_t num_added = 0;

    void Add(Sample sample) { samples[num_added++ % kSize] = sample; }
    size_t size() const { return num_added < kSize ? num_added : kSize; }
    // 0 is the latest.
    const Sample& latest(size_t age) const { return samples[(num_added - 1 - age) % kSize]; }
  };

  // What its prompt rows added to a step, by what is known of decode rows now; none when that is nothing.
  std::optional<double> PromptRowSecondsOf(const Sample& sample) const;

  Ring<64> decode_;  // steps of decode rows alone
  Ring<16> prompt_;  // steps with prompt rows
  int32_t mixed_steps_in_a_row_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_STEP_COST_H_
