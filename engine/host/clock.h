// Clock: injected time, so that deadlines, aging and timings are testable without sleeping.
#ifndef FOREGATE_ENGINE_HOST_CLOCK_H_
#define FOREGATE_ENGINE_HOST_CLOCK_H_

#include <chrono>

namespace foregate {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point Now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_HOST_CLOCK_H_
