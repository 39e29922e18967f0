#include "server/rpc/utf8_fields.h"

#include <string>

#include "foregate/inference/v1/inference.pb.h"
#include "gtest/gtest.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

// As it arrives from a client whose library does not check.
wire::ChatRequest Arrived(const wire::ChatRequest& sent) {
  wire::ChatRequest request;
  EXPECT_TRUE(request.ParseFromString(sent.SerializeAsString()));
  return request;
}

TEST(Utf8FieldsTest, TextPasses) {
  wire::ChatRequest request;
  request.mutable_conversation()->add_messages()->set_content("na\xC3\xAFve \xF0\x9F\x98\x80");
  request.mutable_options()->mutable_stop()->add_stop_strings("\xE2\x82\xAC");
  (*request.mutable_options()->mutable_sampling()->mutable_logit_bias())[3] = 1;
  EXPECT_TRUE(CheckUtf8Fields(Arrived(request)).ok());
}

TEST(Utf8FieldsTest, TheFieldAndTheByteAreNamed) {
  wire::ChatRequest request;
  request.mutable_conversation()->add_messages()->set_content("fine");
  request.mutable_conversation()->add_messages()->set_content("ab\xC3\x28");
  const absl::Status content = CheckUtf8Fields(Arrived(request));
  EXPECT_TRUE(absl::IsInvalidArgument(content));
  EXPECT_EQ(FieldOf(content), "conversation.messages[1].content");
  EXPECT_NE(content.message().find("at byte 2 of 4"), std::string::npos) << content;

  wire::ChatRequest stop;
  stop.mutable_options()->mutable_stop()->add_stop_strings("ok");
  stop.mutable_options()->mutable_stop()->add_stop_strings("\xFF");
  EXPECT_EQ(FieldOf(CheckUtf8Fields(Arrived(stop))), "options.stop.stop_strings[1]");
}

}  // namespace
}  // namespace foregate
