// A tokenizer in which every byte is a token, so that tests can split characters and stop strings wherever they like.
#ifndef FOREGATE_TESTS_FAKES_BYTE_TOKENIZER_H_
#define FOREGATE_TESTS_FAKES_BYTE_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "server/text/tokenizer.h"

namespace foregate {

// Id b is byte b; then one special token, which ends texts.
inline constexpr int32_t kByteEndToken = 256;
inline constexpr char kByteEndText[] = "<|end|>";

std::unique_ptr<const Tokenizer> MakeByteTokenizer();

std::vector<int32_t> ByteIds(std::string_view text);

}  // namespace foregate

#endif  // FOREGATE_TESTS_FAKES_BYTE_TOKENIZER_H_
