#include "server/rpc/status_mapping.h"

#include <grpcpp/support/status.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

struct Details {
  google::rpc::Status status;
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad_request;
  google::rpc::RetryInfo retry;
  bool has_bad_request = false;
  bool has_retry = false;
};

Details Decode(const grpc::Status& status) {
  Details details;
  EXPECT_TRUE(details.status.ParseFromString(status.error_details()));
  bool has_info = false;
  for (const google::protobuf::Any& any : details.status.details()) {
    has_info = any.UnpackTo(&details.info) || has_info;
    details.has_bad_request = any.UnpackTo(&details.bad_request) || details.has_bad_request;
    details.has_retry = any.UnpackTo(&details.retry) || details.has_retry;
  }
  EXPECT_TRUE(has_info);
  return details;
}

TEST(StatusMappingTest, OkHasNoDetails) {
  const grpc::Status status = ToGrpcStatus(absl::OkStatus(), "id");
  EXPECT_TRUE(status.ok());
  EXPECT_TRUE(status.error_details().empty());
}

TEST(StatusMappingTest, AFieldBecomesABadRequest) {
  const grpc::Status status = ToGrpcStatus(InvalidField("options.num_samples", "must be in [1, 16], got 0"), "id");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "options.num_samples: must be in [1, 16], got 0");
  const Details details = Decode(status);
  EXPECT_EQ(details.status.code(), 3);
  EXPECT_EQ(details.info.reason(), "INVALID_FIELD");
  EXPECT_EQ(details.info.domain(), "foregate");
  EXPECT_EQ(details.info.metadata().at("request_id"), "id");
  ASSERT_EQ(details.bad_request.field_violations_size(), 1);
  EXPECT_EQ(details.bad_request.field_violations(0).field(), "options.num_samples");
  EXPECT_FALSE(details.has_retry);
}

TEST(StatusMappingTest, OverloadAlwaysSaysWhenToRetry) {
  Details details = Decode(ToGrpcStatus(absl::ResourceExhaustedError("full"), "id"));
  EXPECT_EQ(details.info.reason(), "QUEUE_FULL");
  EXPECT_EQ(details.retry.retry_delay().seconds(), 1);
  details = Decode(ToGrpcStatus(WithRetryAfter(WithReason(absl::UnavailableError("loading"), reason::kModelLoading),
                                               std::chrono::milliseconds(1500)),
                                "id"));
  EXPECT_EQ(details.info.reason(), "MODEL_LOADING");
  EXPECT_EQ(details.retry.retry_delay().seconds(), 1);
  EXPECT_EQ(details.retry.retry_delay().nanos(), 500000000);
}

TEST(StatusMappingTest, LongMessagesAreCutAtACharacter) {
  std::string message(kMaxStatusMessageBytes - 1, 'x');
  message += "\xE2\x82\xAC";
  const grpc::Status status = ToGrpcStatus(absl::InternalError(message), "id");
  EXPECT_EQ(status.error_message(), std::string(kMaxStatusMessageBytes - 1, 'x'));
  EXPECT_EQ(Decode(status).info.reason(), "INTERNAL");
}

}  // namespace
}  // namespace foregate
