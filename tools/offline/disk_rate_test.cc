#include "tools/offline/disk_rate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace foregate {
namespace {

constexpr uint64_t kExpertBytes = 1 << 20;

class DiskRateTest : public testing::Test {
 protected:
  DiskRateTest()
      : folder_(testing::TempDir() + "/disk_rate_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/model");
  }
  void Write(const std::string& name, const std::string& beginning) const {
    std::string content = beginning;
    content.resize(4 << 20, 'x');
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
  }
  std::string Origin(const std::string& cache, const std::string& model) const {
    const auto rate = MeasureDiskRate(cache.empty() ? "" : folder_ + "/" + cache, folder_ + "/" + model, kExpertBytes);
    EXPECT_TRUE(rate.ok()) << rate.status();
    return rate.ok() ? rate->origin : "";
  }

  const std::string folder_;
};

TEST_F(DiskRateTest, AServedContainerIsMeasuredWhateverTheCacheIs) {
  std::filesystem::create_directories(folder_ + "/cache");
  Write("cache/other.fgw", "");
  Write("model/model.fgw", "FOREGATE");
  EXPECT_TRUE(Origin("cache", "model/model.fgw").starts_with("measured on " + folder_ + "/model/model.fgw"));
  EXPECT_TRUE(Origin("cache", "model").starts_with("measured on " + folder_ + "/model/model.fgw"));
  EXPECT_TRUE(Origin("none", "model").starts_with("measured on " + folder_ + "/model/model.fgw"));
}

TEST_F(DiskRateTest, ElseOneInTheCacheOrTheModelItself) {
  Write("model/config.json", "{}");
  Write("model/a.safetensors", "");
  EXPECT_TRUE(Origin("", "model").starts_with("measured on " + folder_ + "/model/a.safetensors"));
  std::filesystem::create_directories(folder_ + "/cache");
  Write("cache/other.fgw", "");
  EXPECT_TRUE(Origin("cache", "model").starts_with("measured on " + folder_ + "/cache/other.fgw"));
}

TEST_F(DiskRateTest, OfAnOverlayTheFileThatIsLargest) {
  std::ofstream(folder_ + "/model/config.json") << "{}";
  Write("model/a.safetensors", "");
  std::filesystem::create_directories(folder_ + "/model/variant");
  std::ofstream(folder_ + "/model/variant/model.safetensors") << "x";
  std::ofstream(folder_ + "/model/variant/config.json")
      << R"({"foregate_overlay": {"version": 1, "base": "..", "files": {"a.safetensors": ")" << std::string(64, '0')
      << R"("}}})";
  EXPECT_TRUE(Origin("", "model/variant").starts_with("measured on " + folder_ + "/model/variant/../a.safetensors"));
}

TEST_F(DiskRateTest, MakesNoDirectory) {
  Write("model/config.json", "{}");
  EXPECT_TRUE(Origin("cache/deep", "model").starts_with("measured on a temporary file in " + folder_));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/cache"));
  const auto rate = MeasureDiskRate("/proc/none", folder_ + "/model", kExpertBytes);
  EXPECT_EQ(rate.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(rate.status().message().find("cannot write in /proc"), std::string::npos) << rate.status();
}

}  // namespace
}  // namespace foregate
