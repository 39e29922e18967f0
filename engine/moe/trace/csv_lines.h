// Lines of numbers from an untrusted CSV file, with messages that name the line.
#ifndef FOREGATE_ENGINE_MOE_TRACE_CSV_LINES_H_
#define FOREGATE_ENGINE_MOE_TRACE_CSV_LINES_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace foregate {

class CsvLines {
 public:
  static constexpr size_t kMaxLineBytes = 16384;

  CsvLines(std::istream& stream, std::string name) : stream_(stream), name_(std::move(name)) {}

  // The next line without its end; false after the last. A line beyond the limit is cut there, so its fields are wrong.
  bool Next() {
    ++number_;
    line_.clear();
    char c = 0;
    bool has_any = false;
    while (stream_.get(c)) {
      has_any = true;
      if (c == '\n') break;
      if (line_.size() < kMaxLineBytes) line_.push_back(c);
    }
    if (line_.ends_with('\r')) line_.pop_back();
    return has_any;
  }
  const std::string& line() const { return line_; }

  absl::Status Refuse(const std::string& what) const { return At(absl::InvalidArgumentError(what)); }
  // An error with the line's number before its message; OK stays OK.
  absl::Status At(const absl::Status& status) const { return AtNumber(number_, status); }
  // The same with the number of the line before: of lines that make a whole, which is known to be complete, and wrong,
  // when the next line is read or there is none.
  absl::Status AtLast(const absl::Status& status) const { return AtNumber(number_ - 1, status); }

  // The line as `count` numbers, field i of them; a fraction only where `fraction_field` says so. INVALID_ARGUMENT.
  absl::Status Numbers(size_t count, std::vector<int64_t>* numbers, size_t fraction_field = SIZE_MAX,
                       float* fraction = nullptr) const {
    numbers->assign(count, 0);
    std::string_view rest = line_;
    for (size_t i = 0; i < count; ++i) {
      const size_t comma = rest.find(',');
      if ((comma == std::string_view::npos) != (i + 1 == count))
        return Refuse("not " + std::to_string(count) + " fields");
      const std::string_view field = rest.substr(0, comma);
      const bool is_number = i == fraction_field ? Parse(field, fraction) : Parse(field, &(*numbers)[i]);
      if (!is_number) return Refuse("field " + std::to_string(i + 1) + " is no number");
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    return absl::OkStatus();
  }

  // The line as `count` fields, views of it until Next(). INVALID_ARGUMENT.
  absl::Status Fields(size_t count, std::vector<std::string_view>* fields) const {
    fields->clear();
    std::string_view rest = line_;
    while (fields->size() < count) {
      const size_t comma = rest.find(',');
      if ((comma == std::string_view::npos) != (fields->size() + 1 == count))
        return Refuse("not " + std::to_string(count) + " fields");
      fields->push_back(rest.substr(0, comma));
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    return absl::OkStatus();
  }

  template <typename Number>
  static bool Parse(std::string_view text, Number* number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    return error == std::errc() && end == text.data() + text.size();
  }

  // Back to the first line.
  void Rewind() {
    stream_.clear();
    stream_.seekg(0);
    number_ = 0;
  }

 private:
  absl::Status AtNumber(size_t number, const absl::Status& status) const {
    if (status.ok()) return status;
    return absl::Status(status.code(),
                        name_ + ": line " + std::to_string(number) + ": " + std::string(status.message()));
  }

  std::istream& stream_;
  const std::string name_;
  std::string line_;
  size_t number_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_CSV_LINES_H_
