#include "tests/bench/fio_rate.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "kernels/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

absl::StatusOr<double> RunFio(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return absl::UnavailableError("cannot run " + command);
  std::string text;
  std::array<char, 4096> buffer;
  size_t count = 0;
  while ((count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) text.append(buffer.data(), count);
  if (pclose(pipe) != 0) return absl::UnavailableError("failed: " + command);
  const auto report = nlohmann::json::parse(text.substr(std::min(text.find('{'), text.size())), nullptr, false);
  if (report.is_discarded()) return absl::UnavailableError("no JSON from " + command);
  return report.at("jobs").at(0).at("read").at("bw_bytes").get<double>();
}

// fio takes several files between colons, and the shell the rest.
std::string Quoted(const std::string& file) {
  std::string text = "'";
  for (const char c : file)
    text += c == ':' ? std::string("\\:") : c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

absl::StatusOr<FioRate> MeasureFioRate(const std::string& fio, const std::string& file, double seconds) {
  const std::string command =
      fio + " --name=experts --readonly --direct=1 --ioengine=io_uring --time_based --runtime=" +
      std::to_string(static_cast<int>(seconds * 1000)) +
      "ms --output-format=json --rw=randread:12 --bs=1m --iodepth=64 --filename=" + Quoted(file) + " ";
  const absl::StatusOr<double> huge = RunFio(command + "--mem=shmhuge --fixedbufs=1 2>&1");
  if (huge.ok()) return FioRate{.bytes_per_second = *huge, .uses_huge_pages = true};
  FOREGATE_ASSIGN_OR_RETURN(const double small, RunFio(command));
  return FioRate{.bytes_per_second = small, .uses_huge_pages = false};
}

}  // namespace foregate
