#include "server/text/gguf_vocabulary.h"

#include <cmath>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/token_model.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kTypes = "tokenizer.ggml.token_type";
constexpr const char* kScores = "tokenizer.ggml.scores";
constexpr const char* kMerges = "tokenizer.ggml.merges";
// Every merge makes a token of the vocabulary, several may make the same.
constexpr uint64_t kMaxMerges = uint64_t{8} * kMaxVocabulary;

absl::StatusOr<std::vector<std::string_view>> ReadTexts(const GgufHeader& header, const char* key, uint64_t limit) {
  const GgufValue* value = header.Find(key);
  if (value == nullptr) return GgufKeyError(header, key, "missing");
  if (!value->is_array() || value->element_type() != GgufValueType::kString)
    return GgufKeyError(header, key, "want a list of strings");
  if (value->num_elements() > limit)
    return GgufKeyError(header, key, "more than " + std::to_string(limit) + " strings");
  std::vector<std::string_view> texts = *value->AsStrings();
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty() || FirstInvalidUtf8(texts[i]).has_value())
      return GgufKeyError(header, key, "string " + std::to_string(i) + " is empty or not UTF-8");
  }
  return texts;
}

// A list with one number for each of `count` tokens.
absl::StatusOr<const GgufValue*> FindNumbers(const GgufHeader& header, const char* key, size_t count) {
  const GgufValue* value = header.Find(key);
  if (value == nullptr) return nullptr;
  if (!value->is_array() || value->num_elements() != count)
    return GgufKeyError(header, key, "want one number for each of the " + std::to_string(count) + " tokens");
  return value;
}

absl::Status ReadTypes(const GgufHeader& header, GgufVocabulary& vocabulary) {
  vocabulary.types.assign(vocabulary.tokens.size(), GgufTokenType::kNormal);
  FOREGATE_ASSIGN_OR_RETURN(const GgufValue* value, FindNumbers(header, kTypes, vocabulary.tokens.size()));
  if (value == nullptr) return absl::OkStatus();
  const std::optional<std::vector<int64_t>> types = value->AsIntegers();
  if (!types) return GgufKeyError(header, kTypes, "want integers");
  for (size_t i = 0; i < types->size(); ++i) {
    const int64_t type = (*types)[i];
    if (type < static_cast<int64_t>(GgufTokenType::kNormal) || type > static_cast<int64_t>(GgufTokenType::kByte))
      return GgufKeyError(header, kTypes, "token " + std::to_string(i) + " has type " + std::to_string(type));
    vocabulary.types[i] = static_cast<GgufTokenType>(type);
  }
  return absl::OkStatus();
}

absl::Status ReadScores(const GgufHeader& header, GgufVocabulary& vocabulary) {
  FOREGATE_ASSIGN_OR_RETURN(const GgufValue* value, FindNumbers(header, kScores, vocabulary.tokens.size()));
  if (value == nullptr) return absl::OkStatus();
  const std::optional<std::vector<double>> scores = value->AsNumbers();
  if (!scores) return GgufKeyError(header, kScores, "want numbers");
  for (const double score : *scores) {
    if (!std::isfinite(score)) return GgufKeyError(header, kScores, "a score that is not finite");
    vocabulary.scores.push_back(static_cast<float>(score));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status GgufKeyError(const GgufHeader& header, std::string_view key, const std::string& what) {
  return absl::InvalidArgumentError(header.file() + ": metadata \"" + std::string(key) + "\": " + what);
}

absl::StatusOr<std::optional<std::string>> GgufText(const GgufHeader& header, std::string_view key) {
  const GgufValue* value = header.Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<std::string_view> text = value->AsString();
  if (!text || FirstInvalidUtf8(*text).has_value()) return GgufKeyError(header, key, "want a string in UTF-8");
  return std::string(*text);
}

absl::StatusOr<std::optional<bool>> GgufBool(const GgufHeader& header, std::string_view key) {
  const GgufValue* value = header.Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<bool> flag = value->AsBool();
  if (!flag) return GgufKeyError(header, key, "want a bool");
  return flag;
}

absl::StatusOr<std::optional<int32_t>> GgufTokenId(const GgufHeader& header, std::string_view key, size_t size) {
  const GgufValue* value = header.Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<int64_t> id = value->AsInteger();
  if (id == -1 || id == int64_t{UINT32_MAX}) return std::nullopt;
  if (!id || *id < 0 || static_cast<uint64_t>(*id) >= size)
    return GgufKeyError(header, key, "want the id of one of " + std::to_string(size) + " tokens");
  return static_cast<int32_t>(*id);
}

absl::StatusOr<GgufVocabulary> GgufVocabulary::Read(const GgufHeader& header) {
  GgufVocabulary vocabulary;
  FOREGATE_ASSIGN_OR_RETURN(vocabulary.tokens, ReadTexts(header, kTokens, kMaxVocabulary));
  const size_t size = vocabulary.tokens.size();
  if (size == 0) return GgufKeyError(header, kTokens, "no tokens");
  FOREGATE_RETURN_IF_ERROR(ReadTypes(header, vocabulary));
  FOREGATE_RETURN_IF_ERROR(ReadScores(header, vocabulary));
  if (header.Find(kMerges) != nullptr) {
    FOREGATE_ASSIGN_OR_RETURN(vocabulary.merges, ReadTexts(header, kMerges, kMaxMerges));
  }
  FOREGATE_ASSIGN_OR_RETURN(vocabulary.bos, GgufTokenId(header, "tokenizer.ggml.bos_token_id", size));
  FOREGATE_ASSIGN_OR_RETURN(vocabulary.eos, GgufTokenId(header, "tokenizer.ggml.eos_token_id", size));
  FOREGATE_ASSIGN_OR_RETURN(vocabulary.unknown, GgufTokenId(header, "tokenizer.ggml.unknown_token_id", size));
  FOREGATE_ASSIGN_OR_RETURN(vocabulary.padding, GgufTokenId(header, "tokenizer.ggml.padding_token_id", size));
  return vocabulary;
}

}  // namespace foregate
