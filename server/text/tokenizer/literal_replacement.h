// Replaces every occurrence of a string.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_LITERAL_REPLACEMENT_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_LITERAL_REPLACEMENT_H_

#include <string>
#include <string_view>

namespace foregate {

// From left to right, not overlapping; `from` must not be empty. Linear in the text. Thread-safe.
inline void ReplaceLiteral(std::string_view from, std::string_view to, std::string* text) {
  size_t found = text->find(from);
  if (found == std::string::npos) return;
  std::string out;
  out.reserve(text->size());
  size_t position = 0;
  for (; found != std::string::npos; found = text->find(from, position)) {
    out.append(*text, position, found - position);
    out += to;
    position = found + from.size();
  }
  out.append(*text, position);
  text->swap(out);
}

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_LITERAL_REPLACEMENT_H_
