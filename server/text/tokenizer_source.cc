#include "server/text/tokenizer_source.h"

#include <array>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/json_node.h"
#include "server/text/pipeline_document.h"
#include "server/text/sentencepiece_source.h"
#include "server/text/tiktoken_source.h"
#include "server/text/tokenizer/tiktoken_file.h"

namespace foregate {
namespace {

// The largest published tokenizer.json has about 33 MB, the largest of the other files about 4 MB.
constexpr size_t kMaxJsonBytes = 512u << 20;
constexpr size_t kMaxVocabularyBytes = 32u << 20;

constexpr const char* kJsonFile = "tokenizer.json";

// In the order of preference. The last ones are known to hold a vocabulary, but not its pipeline.
constexpr std::array kVocabularyFiles = {
    kJsonFile,     "tokenizer.model", "tiktoken.model", "qwen.tiktoken", "spiece.model", "sentencepiece.bpe.model",
    "hy.tiktoken", "tekken.json",     "vocab.json",     "vocab.txt"};

absl::StatusOr<nlohmann::json> BuildDocument(const TokenizerSource& source, std::string_view bytes,
                                             SpecialTokens* special) {
  FOREGATE_ASSIGN_OR_RETURN(const PipelineOptions options, PipelineOptions::Read(source.tokenizer_config));
  const std::string& name = source.vocabulary_file;
  if (name == "tiktoken.model" || name == "qwen.tiktoken" || (name == "tokenizer.model" && LooksLikeTiktoken(bytes))) {
    return TiktokenDocument(bytes, name, options, special);
  }
  if (name == "tokenizer.model") return SentencePieceDocument(bytes, options, special);
  return absl::InvalidArgumentError("is a vocabulary whose pipeline is not known; convert it to tokenizer.json");
}

absl::StatusOr<nlohmann::json> ReadDocument(const TokenizerSource& source, const std::string& path,
                                            SpecialTokens* special) {
  const bool is_json = source.vocabulary_file == kJsonFile;
  FOREGATE_ASSIGN_OR_RETURN(
      const std::string bytes,
      source.files.ReadText(source.vocabulary_file, is_json ? kMaxJsonBytes : kMaxVocabularyBytes));
  if (is_json) return ParseJsonText(bytes, path);
  absl::StatusOr<nlohmann::json> document = BuildDocument(source, bytes, special);
  if (document.ok()) return document;
  return absl::InvalidArgumentError(path + ": " + std::string(document.status().message()));
}

}  // namespace

std::optional<std::string> FindVocabularyFile(const ModelFiles& files) {
  for (const char* name : kVocabularyFiles) {
    if (files.Has(name)) return name;
  }
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<const Tokenizer>> BuildTokenizer(const TokenizerSource& source, SpecialTokens* special) {
  const std::string path = source.files.PathOf(source.vocabulary_file);
  FOREGATE_ASSIGN_OR_RETURN(nlohmann::json document, ReadDocument(source, path, special));
  const JsonNode root(&document, path + ":");
  if (!document.is_object()) return root.Error("must be an object");
  AmendAddedTokens(*special, &document);
  return Tokenizer::FromJson(root);
}

}  // namespace foregate
