#include "server/text/base64.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

TEST(Base64Test, DecodesTheVectorsOfTheRfc) {
  EXPECT_EQ(DecodeBase64("").value(), "");
  EXPECT_EQ(DecodeBase64("Zg==").value(), "f");
  EXPECT_EQ(DecodeBase64("Zm8=").value(), "fo");
  EXPECT_EQ(DecodeBase64("Zm9v").value(), "foo");
  EXPECT_EQ(DecodeBase64("Zm9vYmFy").value(), "foobar");
  EXPECT_EQ(DecodeBase64("/+8A").value(), std::string("\xFF\xEF\x00", 3));
}

TEST(Base64Test, EncodesWhatItDecodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)).value(), bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
  EXPECT_EQ(EncodeBase64("fo"), "Zm8=");
}

TEST(Base64Test, RefusesWhatIsNoBase64) {
  for (const char* text : {"Zg", "Zg=", "Z===", "Zm9v\n", "Zm 9", "Zh==", "Zm9=", "====", "Zg==Zg==", "Zm-v"}) {
    const auto bytes = DecodeBase64(text);
    EXPECT_EQ(bytes.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(bytes.status().message().find("bad base64 at byte"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace foregate
