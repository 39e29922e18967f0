#include "server/text/tiktoken_source.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/byte_level.h"
#include "server/text/tokenizer/recovered_merges.h"
#include "server/text/tokenizer/tiktoken_file.h"

namespace foregate {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kLlama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwenWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kKimiWords =
    R"([\p{Han}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr int32_t kKimiReserved = 258;
constexpr int kQwenExtras = 205;

// Classes that say no more than "some tokenizer" to transformers 5.
constexpr std::array<std::string_view, 6> kGeneralClasses = {
    "", "PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "LlamaTokenizer", "GPT2Tokenizer"};

enum class Family { kLlama3, kQwen, kKimi };

absl::StatusOr<Family> Choose(const std::string& file_name, const std::string& tokenizer_class) {
  if (tokenizer_class == "TikTokenTokenizer") return Family::kKimi;
  if (tokenizer_class == "QWenTokenizer" || file_name == "qwen.tiktoken") return Family::kQwen;
  if (std::ranges::find(kGeneralClasses, tokenizer_class) != kGeneralClasses.end()) return Family::kLlama3;
  return absl::InvalidArgumentError("is a tiktoken vocabulary for tokenizer_class " + tokenizer_class +
                                    ", whose pipeline is not known; convert it to tokenizer.json");
}

void AddFamilyTokens(Family family, int32_t base, SpecialTokens* tokens) {
  if (family == Family::kKimi) {
    for (int32_t id = base; id < base + kKimiReserved; ++id) {
      tokens->by_id.try_emplace(id, TokenDescription{.content = "<|reserved_token_" + std::to_string(id) + "|>"});
    }
  }
  if (family != Family::kQwen) return;
  int32_t id = base;
  for (const char* text : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    tokens->by_id.try_emplace(id++, TokenDescription{.content = text});
  }
  for (int i = 0; i < kQwenExtras; ++i) {
    tokens->by_id.try_emplace(id++, TokenDescription{.content = "<|extra_" + std::to_string(i) + "|>"});
  }
}

std::string Spell(std::string_view bytes) {
  std::string spelling;
  AppendByteLevel(bytes, &spelling);
  return spelling;
}

Json ModelJson(const std::vector<RankedToken>& tokens) {
  Json vocabulary = Json::object();
  for (const RankedToken& token : tokens) vocabulary[Spell(token.text)] = token.rank;
  Json merges = Json::array();
  for (const RecoveredMerge& merge : RecoverMerges(tokens, false, MergeOrder::kLowRankFirst)) {
    const std::string_view text = tokens[merge.token].text;
    merges.push_back(Json::array({Spell(text.substr(0, merge.cut)), Spell(text.substr(merge.cut))}));
  }
  return {{"type", "BPE"},
          {"fuse_unk", false},
          {"ignore_merges", true},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(merges)}};
}

std::string_view WordsOf(Family family) {
  switch (family) {
    case Family::kKimi:
      return kKimiWords;
    case Family::kQwen:
      return kQwenWords;
    case Family::kLlama3:
      return kLlama3Words;
  }
  return kLlama3Words;
}

}  // namespace

absl::StatusOr<Json> TiktokenDocument(std::string_view bytes, const std::string& file_name,
                                      const PipelineOptions& options, SpecialTokens* tokens) {
  FOREGATE_ASSIGN_OR_RETURN(const Family family, Choose(file_name, options.tokenizer_class));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<RankedToken> ranked, ParseTiktoken(bytes));
  const auto base = static_cast<int32_t>(ranked.size());
  AddFamilyTokens(family, base, tokens);
  FOREGATE_RETURN_IF_ERROR(FillGaps(base, tokens));
  Json document = {{"model", ModelJson(ranked)}, {"decoder", {{"type", "ByteLevel"}}}};
  if (family == Family::kQwen) document["normalizer"] = {{"type", "NFC"}};
  const Json split = {{"type", "Split"}, {"pattern", {{"Regex", WordsOf(family)}}}, {"behavior", "Isolated"}};
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  document["pre_tokenizer"] = SequenceStep("pretokenizers", Json::array({split, byte_level}));
  std::unordered_map<std::string, int32_t> ids;
  for (const RankedToken& token : ranked) ids.emplace(token.text, token.rank);
  const auto find_id = [&](const std::string& text) {
    const auto found = ids.find(text);
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  };
  FOREGATE_RETURN_IF_ERROR(AddPostProcessor(options, *tokens, find_id, &document));
  return document;
}

}  // namespace foregate
