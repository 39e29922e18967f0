// Boundaries of extended grapheme clusters (Unicode Standard Annex 29), with the tables of Unicode 17, which
// `tokenizers` 0.23.3 uses.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_GRAPHEME_BREAK_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_GRAPHEME_BREAK_H_

#include <cstddef>
#include <string_view>

namespace foregate {

// Where the cluster that begins at text[begin] ends. `text` is well-formed UTF-8, `begin` before its end and at the
// beginning of a cluster. Linear in the cluster.
size_t GraphemeEnd(std::string_view text, size_t begin);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_GRAPHEME_BREAK_H_
