#include "server/text/template/format_time.h"

#include <cstdio>
#include <ctime>
#include <vector>

#include "server/text/utf8.h"

namespace foregate::jinja {

std::string FormatTime(std::chrono::system_clock::time_point now, const std::string& format) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto since_epoch = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  std::tm local{};
  localtime_r(&seconds, &local);
  std::string plain;
  for (size_t i = 0; i < format.size(); ++i) {
    const char next = i + 1 < format.size() ? format[i + 1] : '\0';
    if (format[i] != '%' || (next != 'f' && next != 'z' && next != 'Z')) {
      plain.push_back(format[i]);
      if (format[i] == '%' && next != '\0') plain.push_back(format[++i]);
      continue;
    }
    ++i;
    if (next != 'f') continue;
    char microseconds[8];
    std::snprintf(microseconds, sizeof(microseconds), "%06d", static_cast<int>(since_epoch % 1'000'000));
    plain += microseconds;
  }
  if (plain.empty()) return "";
  // A directive of two bytes writes at most some 60; one byte tells an empty result from a full buffer.
  std::vector<char> buffer(64 * plain.size() + 64);
  plain.push_back('.');
  const size_t size = std::strftime(buffer.data(), buffer.size(), plain.c_str(), &local);
  return size == 0 ? "" : Utf8Lossy(std::string_view(buffer.data(), size - 1));
}

}  // namespace foregate::jinja
