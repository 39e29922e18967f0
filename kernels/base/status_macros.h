// Early return on a failed absl::Status or absl::StatusOr.
#ifndef FOREGATE_KERNELS_BASE_STATUS_MACROS_H_
#define FOREGATE_KERNELS_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define FOREGATE_RETURN_IF_ERROR(expression)                                                 \
  do {                                                                                       \
    if (::absl::Status status_or_ok = (expression); !status_or_ok.ok()) return status_or_ok; \
  } while (false)

#define FOREGATE_STATUS_CONCAT_INNER(a, b) a##b
#define FOREGATE_STATUS_CONCAT(a, b) FOREGATE_STATUS_CONCAT_INNER(a, b)

// FOREGATE_ASSIGN_OR_RETURN(auto x, MakeX());
#define FOREGATE_ASSIGN_OR_RETURN(lhs, expression) \
  FOREGATE_ASSIGN_OR_RETURN_INNER(FOREGATE_STATUS_CONCAT(status_or_, __LINE__), lhs, expression)
#define FOREGATE_ASSIGN_OR_RETURN_INNER(result, lhs, expression) \
  auto result = (expression);                                    \
  if (!result.ok()) return std::move(result).status();           \
  lhs = std::move(result).value()

#endif  // FOREGATE_KERNELS_BASE_STATUS_MACROS_H_
