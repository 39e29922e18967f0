#include "client/evaluation/line_reader.h"

#include <algorithm>

namespace foregate {
namespace {

constexpr size_t kChunkBytes = size_t{64} << 10;

}  // namespace

bool LineReader::Fill() {
  if (at_ < buffer_.size()) return true;
  buffer_.resize(kChunkBytes);
  at_ = 0;
  // read() turns what a file's buffer throws into a flag.
  stream_->read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  buffer_.resize(static_cast<size_t>(stream_->gcount()));
  return !buffer_.empty();
}

absl::StatusOr<bool> LineReader::Next(std::string* line) {
  while (true) {
    line->clear();
    offset_ = next_offset_;
    ++line_number_;
    bool is_ended = false;
    while (!is_ended && Fill()) {
      const size_t end = std::min(buffer_.find('\n', at_), buffer_.size());
      if (line->size() + end - at_ > max_line_bytes_) {
        return absl::InvalidArgumentError(place() + ": longer than " + std::to_string(max_line_bytes_) + " bytes");
      }
      line->append(buffer_, at_, end - at_);
      is_ended = end < buffer_.size();
      at_ = end + (is_ended ? 1 : 0);
    }
    if (stream_->bad()) return absl::UnknownError(place() + ": cannot be read");
    if (!is_ended && line->empty()) return false;
    next_offset_ = offset_ + line->size() + (is_ended ? 1 : 0);
    if (line->find_first_not_of(" \t\r") != std::string::npos) return true;
  }
}

}  // namespace foregate
