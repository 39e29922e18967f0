// LineReader: the lines of a file that nobody vouches for, one at a time, none longer than a limit.
#ifndef FOREGATE_CLIENT_EVALUATION_LINE_READER_H_
#define FOREGATE_CLIENT_EVALUATION_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace foregate {

// Used from one thread; `stream` must outlive it and stands at its beginning.
class LineReader {
 public:
  // `name` is the file's, for errors.
  LineReader(std::istream* stream, std::string name, size_t max_line_bytes)
      : stream_(stream), name_(std::move(name)), max_line_bytes_(max_line_bytes) {}

  // The next line that is not blank, without its end. False at the end of the file. INVALID_ARGUMENT for a longer line,
  // UNKNOWN when the file cannot be read on. After an error the reader is of no more use.
  absl::StatusOr<bool> Next(std::string* line);

  // Of the line that Next() gave last.
  int64_t line_number() const { return line_number_; }  // from 1
  uint64_t offset() const { return offset_; }           // of its first byte
  std::string place() const { return name_ + " line " + std::to_string(line_number_); }

 private:
  // False at the end of the file.
  bool Fill();

  std::istream* const stream_;
  const std::string name_;
  const size_t max_line_bytes_;
  int64_t line_number_ = 0;
  uint64_t offset_ = 0;
  uint64_t next_offset_ = 0;
  std::string buffer_;  // what was read of the file
  size_t at_ = 0;       // and how far the lines went in it
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_LINE_READER_H_
