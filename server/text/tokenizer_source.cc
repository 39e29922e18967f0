#include "server/text/tokenizer_source.h"

#include <array>
#include <filesystem>

#include "kernels/base/status_macros.h"
#include "server/text/json_node.h"

namespace foregate {
namespace {

// The largest published tokenizer.json has about 33 MB.
constexpr size_t kMaxVocabularyBytes = 512u << 20;

constexpr std::array kVocabularyFiles = {"tokenizer.json"};

}  // namespace

std::optional<std::string> FindVocabularyFile(const std::string& directory) {
  std::error_code error;
  for (const char* name : kVocabularyFiles) {
    if (std::filesystem::exists(directory + "/" + name, error)) return name;
  }
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<const Tokenizer>> BuildTokenizer(const TokenizerSource& source, SpecialTokens* special) {
  const std::string path = source.directory + "/" + source.vocabulary_file;
  FOREGATE_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path, kMaxVocabularyBytes));
  FOREGATE_ASSIGN_OR_RETURN(nlohmann::json document, ParseJsonText(bytes, path));
  const JsonNode root(&document, path + ":");
  if (!document.is_object()) return root.Error("must be an object");
  AmendAddedTokens(*special, &document);
  return Tokenizer::FromJson(root);
}

}  // namespace foregate
