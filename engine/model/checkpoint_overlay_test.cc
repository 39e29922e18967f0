// The tensors of an overlay and its base: whose count, and that the files are those of the base.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "engine/formats/overlay.h"
#include "engine/model/checkpoint.h"
#include "engine/model/safetensors_writer.h"

namespace foregate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kDigest(64, 'a');

class CheckpointOverlayTest : public testing::Test {
 protected:
  CheckpointOverlayTest() {
    std::string folder = testing::TempDir() + "/overlay.XXXXXX";
    base_ = ::mkdtemp(folder.data());
    overlay_ = base_ + "/variant";
    fs::create_directory(overlay_);
    Write(base_ + "/config.json", "{}");
    WriteTensors(base_ + "/model.safetensors", {{"a", "base"}, {"b", "base"}});
    WriteTensors(overlay_ + "/model.safetensors", {{"b", "over"}, {"c", "over"}});
    WriteKey({{"version", 1}, {"base", ".."}, {"files", {{"model.safetensors", kDigest}}}});
  }
  ~CheckpointOverlayTest() override { fs::remove_all(base_); }

  static void Write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  // Of four bytes each.
  static void WriteTensors(const std::string& path, const std::map<std::string, std::string>& tensors) {
    SafetensorsWriter writer;
    for (const auto& [name, bytes] : tensors) writer.Add(name, "BF16", {2}, bytes);
    writer.Write(path);
  }
  void WriteKey(const json& value) const { Write(overlay_ + "/config.json", json{{"foregate_overlay", value}}.dump()); }

  absl::StatusOr<std::unique_ptr<Checkpoint>> Open() const {
    const auto overlay = FindOverlay(overlay_);
    if (!overlay.ok()) return overlay.status();
    if (!overlay->has_value()) return absl::InternalError("no overlay");
    return Checkpoint::OpenOverlay(overlay_, **overlay);
  }
  // That opening fails so; the message begins with the path of the overlay's config.json and the key.
  void ExpectError(absl::StatusCode code, const std::string& message) const {
    const absl::Status status = Open().status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(status.message(), overlay_ + "/config.json: foregate_overlay: " + message);
  }

  std::string base_, overlay_;
};

TEST_F(CheckpointOverlayTest, ItsTensorsStandInPlaceOfThoseOfTheBase) {
  const auto checkpoint = Open();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const auto read = [&](const std::string& name) {
    std::string bytes(4, '\0');
    const Checkpoint::Tensor* tensor = (*checkpoint)->Find(name);
    EXPECT_TRUE(tensor != nullptr && (*checkpoint)->Read(*tensor, 0, std::as_writable_bytes(std::span(bytes))).ok());
    return bytes;
  };
  EXPECT_EQ((*checkpoint)->tensors().size(), 3u);
  EXPECT_EQ(read("a"), "base");
  EXPECT_EQ(read("b"), "over");
  EXPECT_EQ(read("c"), "over");
  ASSERT_EQ((*checkpoint)->base_files().size(), 1u);
  EXPECT_EQ((*checkpoint)->base_files()[0].sha256, kDigest);
  EXPECT_EQ((*checkpoint)->base_files()[0].file->path(), overlay_ + "/../model.safetensors");
}

TEST_F(CheckpointOverlayTest, BothMayBeSharded) {
  for (const std::string& folder : {base_, overlay_}) {
    fs::rename(folder + "/model.safetensors", folder + "/1.safetensors");
    WriteTensors(folder + "/2.safetensors", {{folder == base_ ? "d" : "a", "more"}});
  }
  Write(base_ + "/model.safetensors.index.json",
        R"({"weight_map": {"a": "1.safetensors", "b": "1.safetensors", "d": "2.safetensors"}})");
  Write(overlay_ + "/model.safetensors.index.json",
        R"({"weight_map": {"b": "1.safetensors", "c": "1.safetensors", "a": "2.safetensors"}})");
  WriteKey({{"version", 1}, {"base", base_}, {"files", {{"1.safetensors", kDigest}, {"2.safetensors", kDigest}}}});
  const auto checkpoint = Open();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ((*checkpoint)->tensors().size(), 4u);
  EXPECT_EQ((*checkpoint)->Find("a")->file->path(), overlay_ + "/2.safetensors");
  EXPECT_EQ((*checkpoint)->Find("d")->file->path(), base_ + "/2.safetensors");
}

TEST_F(CheckpointOverlayTest, FilesAreThoseOfTheBase) {
  WriteKey({{"version", 1}, {"base", ".."}, {"files", {{"other.safetensors", kDigest}}}});
  ExpectError(absl::StatusCode::kInvalidArgument, "files: model.safetensors: missing");
  WriteKey({{"version", 1}, {"base", ".."}, {"files", {{"model.safetensors", kDigest}, {"../x", kDigest}}}});
  ExpectError(absl::StatusCode::kNotFound, "files: ../x: not among the weights of " + overlay_ + "/..");
}

TEST_F(CheckpointOverlayTest, ABaseWithoutItsWeights) {
  fs::remove(base_ + "/model.safetensors");
  ExpectError(
      absl::StatusCode::kNotFound,
      "base: " + overlay_ + "/..: neither model.safetensors, model.safetensors.index.json nor a GGUF file is there");
}

}  // namespace
}  // namespace foregate
