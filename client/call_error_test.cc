#include "client/call_error.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr int kInvalidArgument = 3;
constexpr int kUnavailable = 14;

TEST(CallErrorTest, OkIsOk) { EXPECT_TRUE(MakeCallError(0, "", "").ok()); }

TEST(CallErrorTest, NamesTheFieldsThatTheMessageDoesNot) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("options.sampling.top_p");
  violation->set_description("must be in (0, 1]");
  google::rpc::Status details;
  details.add_details()->PackFrom(bad_request);
  const absl::Status status = MakeCallError(kInvalidArgument, "bad\nrequest", details.SerializeAsString());
  ASSERT_EQ(FieldViolations(status).size(), 1u);
  EXPECT_EQ(FieldViolations(status)[0].first, "options.sampling.top_p");
  EXPECT_EQ(DescribeError(status), "INVALID_ARGUMENT: bad request; field options.sampling.top_p: must be in (0, 1]");

  const absl::Status named =
      MakeCallError(kInvalidArgument, "options.sampling.top_p: 2 is not in (0, 1]", details.SerializeAsString());
  EXPECT_EQ(DescribeError(named), "INVALID_ARGUMENT: options.sampling.top_p: 2 is not in (0, 1]");
}

TEST(CallErrorTest, ReadsRetryDelayAndReason) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(500000000);
  google::rpc::ErrorInfo info;
  info.set_reason("MODEL_LOADING");
  google::rpc::Status details;
  details.add_details()->PackFrom(retry);
  details.add_details()->PackFrom(info);
  const absl::Status status = MakeCallError(kUnavailable, "loading", details.SerializeAsString());
  EXPECT_EQ(RetryDelay(status), std::chrono::milliseconds(1500));
  EXPECT_EQ(ErrorReason(status), "MODEL_LOADING");
  EXPECT_EQ(DescribeError(status), "UNAVAILABLE: loading (retry after 1500 ms)");
}

TEST(CallErrorTest, HostileHintsAreBounded) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(INT64_MAX);
  retry.mutable_retry_delay()->set_nanos(-5);
  google::rpc::Status details;
  details.add_details()->PackFrom(retry);
  EXPECT_EQ(RetryDelay(MakeCallError(kUnavailable, "", details.SerializeAsString())), std::chrono::hours(24));
}

TEST(CallErrorTest, GarbageDetailsLeaveTheStatus) {
  const absl::Status status = MakeCallError(kUnavailable, "gone", "\xff\xff not a message");
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(RetryDelay(status), std::nullopt);
  EXPECT_EQ(ErrorReason(status), "");
}

}  // namespace
}  // namespace foregate
