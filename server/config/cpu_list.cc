#include "server/config/cpu_list.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/status/status.h"

namespace foregate {
namespace {

constexpr int kLargestCpu = 4095;

std::optional<int> ParseCpu(std::string_view text) {
  int cpu = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, cpu);
  if (text.empty() || error != std::errc() || rest != end || cpu < 0 || cpu > kLargestCpu) return std::nullopt;
  return cpu;
}

}  // namespace

absl::StatusOr<std::vector<int>> ParseCpuList(std::string_view text) {
  std::vector<int> cpus;
  while (true) {
    const std::string_view part = text.substr(0, text.find(','));
    const size_t dash = part.find('-');
    const std::optional<int> first = ParseCpu(part.substr(0, dash));
    const std::optional<int> last = dash == std::string_view::npos ? first : ParseCpu(part.substr(dash + 1));
    if (!first || !last || *last < *first)
      return absl::InvalidArgumentError("\"" + std::string(part) + "\" is no number or range up to " +
                                        std::to_string(kLargestCpu));
    for (int cpu = *first; cpu <= *last; ++cpu) {
      if (std::find(cpus.begin(), cpus.end(), cpu) != cpus.end())
        return absl::InvalidArgumentError(std::to_string(cpu) + " comes twice");
      cpus.push_back(cpu);
    }
    if (part.size() == text.size()) return cpus;
    text.remove_prefix(part.size() + 1);
  }
}

std::string PrintCpuList(const std::vector<int>& cpus) {
  std::string text;
  for (size_t i = 0; i < cpus.size();) {
    size_t end = i + 1;
    while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ",") + std::to_string(cpus[i]);
    if (end - i > 1) text += "-" + std::to_string(cpus[end - 1]);
    i = end;
  }
  return text;
}

}  // namespace foregate
