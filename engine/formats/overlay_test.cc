// Overlays on disk: whose small files count, and that every fault is an error that names file and key.
#include "engine/formats/overlay.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace foregate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kDigest(64, 'a');

class OverlayTest : public testing::Test {
 protected:
  OverlayTest() {
    std::string folder = testing::TempDir() + "/overlay.XXXXXX";
    base_ = ::mkdtemp(folder.data());
    overlay_ = base_ + "/variant";
    fs::create_directory(overlay_);
    Write(base_ + "/config.json", "{}");
    Write(base_ + "/model.safetensors", "not looked at");
    WriteKey({{"version", 1}, {"base", ".."}, {"files", {{"model.safetensors", kDigest}}}});
  }
  ~OverlayTest() override { fs::remove_all(base_); }

  static void Write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  void WriteKey(const json& value) const { Write(overlay_ + "/config.json", json{{"foregate_overlay", value}}.dump()); }

  // That it is refused so; the message begins with the path of the overlay's config.json and the key.
  void ExpectError(absl::StatusCode code, const std::string& message) const {
    const absl::Status status = FindOverlay(overlay_).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(status.message(), overlay_ + "/config.json: foregate_overlay: " + message);
  }

  std::string base_, overlay_;
};

TEST_F(OverlayTest, SmallFilesAreItsOwnElseThoseOfTheBase) {
  Write(base_ + "/tokenizer.json", "base");
  Write(base_ + "/generation_config.json", "base");
  Write(overlay_ + "/generation_config.json", "over");
  for (const std::string& folder : {base_, overlay_}) fs::create_directory(folder + "/templates");
  Write(base_ + "/templates/a", "base");
  Write(base_ + "/templates/b", "base");
  Write(overlay_ + "/templates/b", "over");
  const auto files = FilesOfCheckpoint(overlay_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->List(""),
            (std::vector<std::string>{"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}));
  EXPECT_EQ(files->List("templates"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(*files->ReadText("tokenizer.json", 10), "base");
  EXPECT_EQ(*files->ReadText("generation_config.json", 10), "over");
  EXPECT_EQ(*files->ReadText("templates/a", 10), "base");
  EXPECT_EQ(*files->ReadText("templates/b", 10), "over");
  EXPECT_TRUE(files->Has("tokenizer.json"));
  EXPECT_FALSE(files->Has("absent"));
  EXPECT_EQ(files->PathOf("absent"), overlay_ + "/absent");
  EXPECT_EQ(FilesOfCheckpoint(base_)->List("templates").size(), 2u);
}

TEST_F(OverlayTest, DirectoriesWithoutTheKeyAreNone) {
  EXPECT_FALSE(FindOverlay(base_)->has_value());
  WriteKey(nullptr);
  EXPECT_FALSE(FindOverlay(overlay_)->has_value());
  EXPECT_FALSE(FindOverlay(base_ + "/none")->has_value());
}

TEST_F(OverlayTest, MalformedKeys) {
  const json files = {{"model.safetensors", kDigest}};
  struct Case {
    json value;
    absl::StatusCode code;
    std::string message;
  };
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto digest = [&](const json& value) {
    return json{{"version", 1}, {"base", ".."}, {"files", {{"m", value}}}};
  };
  const Case cases[] = {
      {{{"version", 1}, {"depth", 2}}, kInvalid, "depth: not known; known: version, base, files: 2"},
      {{{"base", ".."}, {"files", files}}, kInvalid, "version: missing"},
      {{{"version", 2}}, absl::StatusCode::kUnimplemented, "version: only 1 is supported: 2"},
      {{{"version", "1"}}, kInvalid, "version: want an integer in [1, 16777216]: \"1\""},
      {{{"version", 1}, {"files", files}}, kInvalid, "base: missing"},
      {{{"version", 1}, {"base", 7}, {"files", files}}, kInvalid, "base: want a string that is not empty: 7"},
      {{{"version", 1}, {"base", ""}, {"files", files}}, kInvalid, "base: want a string that is not empty: \"\""},
      {{{"version", 1}, {"base", ".."}}, kInvalid, "files: missing"},
      {{{"version", 1}, {"base", ".."}, {"files", json::array({1})}},
       kInvalid,
       "files: want an object that is not empty: [1]"},
      {{{"version", 1}, {"base", ".."}, {"files", json::object()}},
       kInvalid,
       "files: want an object that is not empty: {}"},
      {digest(7), kInvalid, "files: m: want a string that is not empty: 7"},
      {digest("ABC"), kInvalid, "files: m: want a SHA-256, 64 hexadecimal digits in lower case: \"ABC\""},
      {digest(std::string(64, 'A')), kInvalid,
       "files: m: want a SHA-256, 64 hexadecimal digits in lower case: \"" + std::string(64, 'A') + "\""},
  };
  for (const Case& bad : cases) {
    WriteKey(bad.value);
    ExpectError(bad.code, bad.message);
  }
  WriteKey(1);
  EXPECT_EQ(FindOverlay(overlay_).status().message(), overlay_ + "/config.json: foregate_overlay: want an object: 1");
}

TEST_F(OverlayTest, ABaseIsACompleteDirectoryOfSafetensors) {
  const auto at = [&](const std::string& base) {
    WriteKey({{"version", 1}, {"base", base}, {"files", {{"model.safetensors", kDigest}}}});
  };
  const auto kUnimplemented = absl::StatusCode::kUnimplemented;
  at("../none");
  ExpectError(absl::StatusCode::kNotFound,
              "base: " + overlay_ + "/../none/config.json: cannot open: No such file or directory");
  at("../model.safetensors");
  ExpectError(kUnimplemented, "base: a GGUF model, or a single file, cannot be one: \"../model.safetensors\"");
  Write(base_ + "/packed.fgw", "FOREGATE");
  at("../packed.fgw");
  ExpectError(kUnimplemented, "base: a packed container cannot be one: \"../packed.fgw\"");
  at(".");
  ExpectError(kUnimplemented, "base: another overlay cannot be one: \".\"");
  at("..");
  fs::remove(base_ + "/model.safetensors");
  Write(base_ + "/model.gguf", "");
  ExpectError(kUnimplemented, "base: a GGUF model, or a single file, cannot be one: \"..\"");
  fs::remove(base_ + "/model.gguf");
  Write(base_ + "/config.json", "{");
  ExpectError(absl::StatusCode::kInvalidArgument, "base: " + overlay_ + "/../config.json: not valid JSON at byte 2");
}

}  // namespace
}  // namespace foregate
