// What one template may use: templates and their arguments are untrusted.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_LIMITS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace foregate::jinja {

struct Limits {
  // Statements executed and expressions evaluated. A chat of 100 messages through the largest published template needs
  // about 50,000; two million take about half a second.
  static constexpr int64_t kMaxSteps = 2'000'000;
  // Of one rendering; read once in so many steps.
  static constexpr std::chrono::seconds kMaxTime{5};
  static constexpr int64_t kStepsPerClockReading = 1024;
  // Of the rendered text, and of any single string.
  static constexpr size_t kMaxOutputBytes = size_t{16} << 20;
  // Of all strings and lists made on the way.
  static constexpr size_t kMaxWorkBytes = size_t{512} << 20;
  // Nested calls of statements and expressions at run time: about 1 KiB of stack each.
  static constexpr int kMaxRunDepth = 1500;
  // Nesting of one expression in the source. jinja2 ends at Python's parser stack, of about 90 parentheses.
  static constexpr int kMaxExpressionDepth = 200;
  static constexpr int kMaxStatementDepth = 60;
  // Lists in lists, of arguments or made by the template.
  static constexpr int kMaxValueDepth = 128;
  static constexpr size_t kMaxValueWeight = size_t{64} << 20;
  static constexpr size_t kMaxSourceBytes = size_t{4} << 20;
  // Python's sandbox refuses longer ranges too.
  static constexpr int64_t kMaxRange = 100'000;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_LIMITS_H_
