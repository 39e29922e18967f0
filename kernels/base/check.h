// CHECK: our own broken invariant stops the process with the values that broke it.
//
// Faults of the caller or of the world are absl::Status, never a CHECK (docs/architecture.md, Failure).
#ifndef FOREGATE_KERNELS_BASE_CHECK_H_
#define FOREGATE_KERNELS_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

namespace foregate::internal {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition, const std::string& values) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s%s%s\n", file, line, condition, values.empty() ? "" : " ",
               values.c_str());
  std::fflush(stderr);
  std::abort();
}

template <typename A, typename B>
std::string CheckValues(const A& a, const B& b) {
  std::ostringstream out;
  out << "(" << a << " vs. " << b << ")";
  return out.str();
}

}  // namespace foregate::internal

#define FOREGATE_CHECK(condition)                                                       \
  do {                                                                                  \
    if (!(condition)) [[unlikely]]                                                      \
      ::foregate::internal::CheckFailed(__FILE__, __LINE__, #condition, std::string()); \
  } while (false)

#define FOREGATE_CHECK_OP(op, a, b)                                                           \
  do {                                                                                        \
    const auto& check_a = (a);                                                                \
    const auto& check_b = (b);                                                                \
    if (!(check_a op check_b)) [[unlikely]]                                                   \
      ::foregate::internal::CheckFailed(__FILE__, __LINE__, #a " " #op " " #b,                \
                                        ::foregate::internal::CheckValues(check_a, check_b)); \
  } while (false)

#define FOREGATE_CHECK_EQ(a, b) FOREGATE_CHECK_OP(==, a, b)
#define FOREGATE_CHECK_NE(a, b) FOREGATE_CHECK_OP(!=, a, b)
#define FOREGATE_CHECK_LT(a, b) FOREGATE_CHECK_OP(<, a, b)
#define FOREGATE_CHECK_LE(a, b) FOREGATE_CHECK_OP(<=, a, b)
#define FOREGATE_CHECK_GT(a, b) FOREGATE_CHECK_OP(>, a, b)
#define FOREGATE_CHECK_GE(a, b) FOREGATE_CHECK_OP(>=, a, b)

#endif  // FOREGATE_KERNELS_BASE_CHECK_H_
