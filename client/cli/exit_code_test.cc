#include "client/cli/exit_code.h"

#include <string>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(ExitCodeTest, EveryCodeHasItsPlace) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::UnimplementedError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), 5);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("")), 6);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("")), 7);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), 7);
}

TEST(ExitCodeTest, TheHelpNamesEachCode) {
  const std::string table = kExitCodeTable;
  for (const int code : {kExitOk, kExitOther, kExitUsage, kExitRefusedInput, kExitUnavailable, kExitDeadline,
                         kExitOverloaded, kExitUnauthenticated, kExitInterrupted}) {
    EXPECT_NE(table.find(" " + std::to_string(code) + "  "), std::string::npos) << code;
  }
}

}  // namespace
}  // namespace foregate
