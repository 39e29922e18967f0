#include "server/telemetry/logging.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

AccessRecord Record() {
  AccessRecord record;
  record.method = "/foregate.inference.v1.InferenceService/Generate";
  record.request_id = "r-1";
  record.peer = "ipv4:127.0.0.1:5";
  record.code = "INVALID_ARGUMENT";
  record.message = "a \"quoted\"\nline \xff";
  record.duration_us = 42;
  record.summary.num_prompt_tokens = 7;
  return record;
}

TEST(Logging, AccessFieldsAreEscapedJson) {
  const auto json = nlohmann::json::parse("{" + FormatAccessJson(Record()) + "}");
  EXPECT_EQ(json["request_id"], "r-1");
  EXPECT_EQ(json["duration_us"], 42);
  EXPECT_EQ(json["prompt_tokens"], 7);
  EXPECT_EQ(json["error"], "a \"quoted\"\nline \xef\xbf\xbd");
}

TEST(Logging, AccessTextStaysOnOneLine) {
  const std::string line = FormatAccessText(Record());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("code=INVALID_ARGUMENT request_id=r-1 duration_us=42"), std::string::npos) << line;
}

TEST(Logging, EveryJsonLineIsAnObjectWithTimeAndLevel) {
  ::testing::internal::CaptureStderr();
  StartLogging("info", "json");
  Log(LogLevel::kDebug, "not shown");
  LogWarning("say \"hi\"\n");
  MakeAccessLog(true)->Write(Record());
  MakeAccessLog(false)->Write(Record());
  StopLogging();
  std::istringstream lines(::testing::internal::GetCapturedStderr());
  std::vector<nlohmann::json> objects;
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0]["level"], "warning");
  EXPECT_EQ(objects[0]["message"], "say \"hi\"\n");
  EXPECT_EQ(objects[1]["method"], Record().method);
  for (const auto& object : objects) EXPECT_EQ(object["time"].get<std::string>().size(), 24u);
}

TEST(Logging, ManyThreadsLoseNothingThatFitsTheQueue) {
  ::testing::internal::CaptureStderr();
  StartLogging("info", "text");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) LogInfo("line");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(DroppedLogLines(), 0u);
  StopLogging();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 400);
}

}  // namespace
}  // namespace foregate
