// Writes a RegexNode as a pattern of PCRE2 over the bytes of a RegexAlphabet.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_WRITER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_WRITER_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/text/tokenizer/regex_alphabet.h"
#include "server/text/tokenizer/regex_node.h"

namespace foregate {

// The sets of the tree, for RegexAlphabet::Make. They stay owned by `root`.
std::vector<const CodePointSet*> SetsOf(const RegexNode& root);

// For PCRE2 without UTF, UCP and options, so that its tables of characters have no part in it. INVALID_ARGUMENT for
// a look-behind of unbounded length or with too many different lengths, and for \K in a look-around.
absl::StatusOr<std::string> WritePcre2(const RegexNode& root, const RegexAlphabet& alphabet);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_WRITER_H_
