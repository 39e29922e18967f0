#include "server/text/gguf_source.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"
#include "server/text/gguf_vocabulary.h"
#include "server/text/pipeline_document.h"
#include "server/text/sentencepiece_source.h"
#include "server/text/tokenizer/sentencepiece_model.h"

namespace foregate {
namespace {

using Json = nlohmann::json;
using Type = GgufTokenType;

// How a family cuts text into words, as its tokenizer.json has it (llama.cpp spells some of them otherwise, and leaves
// the normalizer out).
enum class Words { kQwen, kLlama3, kTekken, kGpt2, kDigitsGpt2 };

struct PreTokenizer {
  std::string_view name;  // tokenizer.ggml.pre
  Words words;
  bool is_nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // unless tokenizer.ggml.add_bos_token says otherwise
};

constexpr std::array kPreTokenizers = {
    PreTokenizer{"qwen2", Words::kQwen, true},
    PreTokenizer{"deepseek-r1-qwen", Words::kQwen, true},
    PreTokenizer{"llama-bpe", Words::kLlama3, false, true, true},
    PreTokenizer{"llama3", Words::kLlama3, false, true, true},
    PreTokenizer{"llama-v3", Words::kLlama3, false, true, true},
    PreTokenizer{"tekken", Words::kTekken, false, true, true},
    PreTokenizer{"olmo", Words::kGpt2, true},
    PreTokenizer{"gpt-2", Words::kGpt2},
    PreTokenizer{"smollm", Words::kDigitsGpt2},
    PreTokenizer{"starcoder", Words::kDigitsGpt2},
};

constexpr std::string_view kQwenWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekkenWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

Json WordsJson(Words words) {
  const auto byte_level = [](bool use_regex) {
    return Json{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", use_regex}};
  };
  const auto split = [&](std::string_view regex) {
    const Json step = {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}};
    return SequenceStep("pretokenizers", Json::array({step, byte_level(false)}));
  };
  switch (words) {
    case Words::kQwen:
      return split(kQwenWords);
    case Words::kLlama3:
      return split(kLlama3Words);
    case Words::kTekken:
      return split(kTekkenWords);
    case Words::kGpt2:
      return byte_level(true);
    case Words::kDigitsGpt2:
      return SequenceStep("pretokenizers",
                          Json::array({Json{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)}));
  }
  return Json();
}

absl::StatusOr<const PreTokenizer*> FindPreTokenizer(const GgufHeader& header) {
  constexpr const char* kKey = "tokenizer.ggml.pre";
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> name, GgufText(header, kKey));
  if (!name) return GgufKeyError(header, kKey, "missing: how the vocabulary cuts text is not known");
  std::string known;
  for (const PreTokenizer& pre : kPreTokenizers) {
    if (*name == pre.name) return &pre;
    known += (known.empty() ? "" : ", ") + std::string(pre.name);
  }
  return absl::UnimplementedError(header.file() + ": metadata \"" + kKey + "\": \"" + name->substr(0, 64) +
                                  "\" is not known; known: " + known);
}

bool IsAdded(Type type) { return type == Type::kControl || type == Type::kUserDefined; }

// The vocabulary ends with added tokens and padding for the embedding's size. Padding stands for no text, and added
// tokens are numbered behind the rest: neither needs to be where a merge or a whole word could find it.
struct Extent {
  size_t model = 0;  // tokens of the model itself
  size_t added = 0;  // end of the added tokens
};

Extent ExtentOf(const GgufVocabulary& vocabulary) {
  Extent extent;
  extent.added = vocabulary.types.size();
  while (extent.added > 0 && vocabulary.types[extent.added - 1] == Type::kUnused) --extent.added;
  extent.model = extent.added;
  while (extent.model > 0 && IsAdded(vocabulary.types[extent.model - 1])) --extent.model;
  return extent;
}

absl::StatusOr<Json> BpeModelJson(const GgufHeader& header, const GgufVocabulary& vocabulary, size_t num_tokens,
                                  bool ignore_merges) {
  Json tokens = Json::object();
  for (size_t id = 0; id < num_tokens; ++id) {
    const auto [place, is_new] = tokens.emplace(std::string(vocabulary.tokens[id]), id);
    if (!is_new)
      return GgufKeyError(header, "tokenizer.ggml.tokens",
                          "token " + std::to_string(id) + " is also token " + place->dump());
  }
  if (vocabulary.merges.empty()) return GgufKeyError(header, "tokenizer.ggml.merges", "missing or empty");
  Json merges = Json::array();
  for (size_t i = 0; i < vocabulary.merges.size(); ++i) {
    const std::string_view merge = vocabulary.merges[i];
    const size_t space = merge.find(' ', 1);
    if (space == merge.npos || space + 1 == merge.size())
      return GgufKeyError(header, "tokenizer.ggml.merges", "merge " + std::to_string(i) + " is not two words");
    merges.push_back(Json::array({merge.substr(0, space), merge.substr(space + 1)}));
  }
  return Json{
      {"type", "BPE"}, {"ignore_merges", ignore_merges}, {"vocab", std::move(tokens)}, {"merges", std::move(merges)}};
}

Json AddedTokensJson(const GgufVocabulary& vocabulary, size_t end) {
  Json added = Json::array();
  for (size_t id = 0; id < end; ++id) {
    if (!IsAdded(vocabulary.types[id])) continue;
    added.push_back({{"id", id},
                     {"content", vocabulary.tokens[id]},
                     {"special", vocabulary.types[id] == Type::kControl},
                     {"normalized", false}});
  }
  return added;
}

void AddNamedTokens(const GgufVocabulary& vocabulary, SpecialTokens* tokens) {
  const auto add = [&](const char* name, std::optional<int32_t> id) {
    if (!id) return;
    tokens->named.try_emplace(name,
                              TokenDescription{.content = std::string(vocabulary.tokens[static_cast<size_t>(*id)])});
  };
  add("bos_token", vocabulary.bos);
  add("eos_token", vocabulary.eos);
  add("unk_token", vocabulary.unknown);
  add("pad_token", vocabulary.padding);
}

absl::StatusOr<PipelineOptions> ReadOptions(const GgufHeader& header, bool add_bos) {
  PipelineOptions options;
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<bool> bos, GgufBool(header, "tokenizer.ggml.add_bos_token"));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<bool> eos, GgufBool(header, "tokenizer.ggml.add_eos_token"));
  options.add_bos_token = bos.value_or(add_bos);
  options.add_eos_token = eos.value_or(false);
  return options;
}

absl::StatusOr<Json> ByteLevelDocument(const GgufHeader& header, const GgufVocabulary& vocabulary,
                                       SpecialTokens* tokens) {
  FOREGATE_ASSIGN_OR_RETURN(const PreTokenizer* pre, FindPreTokenizer(header));
  FOREGATE_ASSIGN_OR_RETURN(const PipelineOptions options, ReadOptions(header, pre->add_bos));
  const Extent extent = ExtentOf(vocabulary);
  Json document = Json::object();
  FOREGATE_ASSIGN_OR_RETURN(document["model"], BpeModelJson(header, vocabulary, extent.model, pre->ignore_merges));
  document["added_tokens"] = AddedTokensJson(vocabulary, extent.added);
  if (pre->is_nfc) document["normalizer"] = {{"type", "NFC"}};
  document["pre_tokenizer"] = WordsJson(pre->words);
  document["decoder"] = {{"type", "ByteLevel"}};
  AddNamedTokens(vocabulary, tokens);
  const auto find_id = [&](const std::string& text) -> std::optional<int32_t> {
    const auto found = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), text);
    if (found == vocabulary.tokens.end()) return std::nullopt;
    return static_cast<int32_t>(found - vocabulary.tokens.begin());
  };
  FOREGATE_RETURN_IF_ERROR(AddPostProcessor(options, *tokens, find_id, &document));
  return document;
}

absl::StatusOr<Json> SentencePieceBpeDocument(const GgufHeader& header, const GgufVocabulary& vocabulary,
                                              SpecialTokens* tokens) {
  if (vocabulary.scores.empty()) return GgufKeyError(header, "tokenizer.ggml.scores", "missing");
  FOREGATE_ASSIGN_OR_RETURN(const PipelineOptions options, ReadOptions(header, true));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<bool> prefix, GgufBool(header, "tokenizer.ggml.add_space_prefix"));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<bool> shorten,
                            GgufBool(header, "tokenizer.ggml.remove_extra_whitespaces"));
  SentencePieceModel model;
  model.algorithm = SentencePieceModel::Algorithm::kBpe;
  model.add_dummy_prefix = prefix.value_or(true);
  model.remove_extra_whitespaces = shorten.value_or(false);
  const auto size = static_cast<int32_t>(ExtentOf(vocabulary).added);
  if (size == 0) return GgufKeyError(header, "tokenizer.ggml.tokens", "all are unused");
  const auto piece_id = [&](std::optional<int32_t> id, int32_t absent) {
    return id.value_or(absent) < size ? id.value_or(absent) : -1;
  };
  // llama.cpp's defaults.
  model.unknown_id = std::max(0, piece_id(vocabulary.unknown, 0));
  model.bos_id = piece_id(vocabulary.bos, 1);
  model.eos_id = piece_id(vocabulary.eos, 2);
  model.pad_id = piece_id(vocabulary.padding, -1);
  for (size_t id = 0; id < static_cast<size_t>(size); ++id) {
    const auto type = static_cast<SentencePieceModel::PieceType>(vocabulary.types[id]);
    model.byte_fallback = model.byte_fallback || vocabulary.types[id] == Type::kByte;
    model.pieces.push_back({std::string(vocabulary.tokens[id]), vocabulary.scores[id], type});
  }
  return SentencePieceModelDocument(std::move(model), options, tokens);
}

}  // namespace

bool HasGgufTokenizer(const GgufHeader& header) {
  const GgufValue* model = header.Find("tokenizer.ggml.model");
  return model != nullptr && model->AsString() != "none";
}

absl::StatusOr<Json> GgufTokenizerDocument(const GgufHeader& header, SpecialTokens* tokens) {
  constexpr const char* kKey = "tokenizer.ggml.model";
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> model, GgufText(header, kKey));
  if (model != "gpt2" && model != "llama")
    return absl::UnimplementedError(header.file() + ": metadata \"" + kKey + "\": \"" +
                                    model.value_or("").substr(0, 64) + "\" is not supported; supported: gpt2, llama");
  FOREGATE_ASSIGN_OR_RETURN(const GgufVocabulary vocabulary, GgufVocabulary::Read(header));
  if (model == "gpt2") return ByteLevelDocument(header, vocabulary, tokens);
  absl::StatusOr<Json> document = SentencePieceBpeDocument(header, vocabulary, tokens);
  if (document.ok() || document.status().message().find(header.file()) == 0) return document;
  return absl::Status(document.status().code(), header.file() + ": " + std::string(document.status().message()));
}

}  // namespace foregate
