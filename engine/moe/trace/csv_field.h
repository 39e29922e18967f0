// One field of a CSV line that is being written.
#ifndef FOREGATE_ENGINE_MOE_TRACE_CSV_FIELD_H_
#define FOREGATE_ENGINE_MOE_TRACE_CSV_FIELD_H_

#include <charconv>
#include <string>

namespace foregate {

// The number and a comma; a line's last comma is for the caller to overwrite. Without a locale, and shortest: read back
// it is the same number.
template <typename Number>
void AppendCsvField(Number number, std::string* line) {
  char digits[32];
  line->append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
  *line += ',';
}

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_CSV_FIELD_H_
