// Any text given as a configuration file ends in a config or in problems that name the file, never in a crash; what is
// accepted survives being printed and read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/check.h"
#include "server/config/config_file.h"
#include "server/config/server_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  foregate::ConfigOrigins origins;
  std::vector<std::string> problems;
  foregate::ServerConfig config = foregate::DefaultServerConfig();
  config.MergeFrom(foregate::ParseConfigText(text, "file", &origins, &problems));
  for (const std::string& problem : problems) FOREGATE_CHECK(problem.starts_with("file:"));
  if (!problems.empty()) return 0;
  for (const std::string& problem : foregate::FindConfigProblems(config, origins, /*needs_model=*/true))
    FOREGATE_CHECK(!problem.empty());
  const std::string printed = foregate::PrintServerConfig(config);
  const foregate::ServerConfig again = foregate::ParseConfigText(printed, "file", &origins, &problems);
  FOREGATE_CHECK(problems.empty());
  FOREGATE_CHECK_EQ(foregate::PrintServerConfig(again), printed);
  return 0;
}
