#include "server/text/sentencepiece_source.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/base64.h"
#include "server/text/tokenizer/recovered_merges.h"
#include "server/text/tokenizer/sentencepiece_model.h"

namespace foregate {
namespace {

using Json = nlohmann::json;
using Model = SentencePieceModel;
using PieceType = SentencePieceModel::PieceType;
using Ids = std::unordered_map<std::string, int32_t>;

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

enum class Pipeline { kLlama, kGemma, kSentencePiece };

Pipeline Choose(const Model& model, const PipelineOptions& options) {
  if (model.algorithm != Model::Algorithm::kBpe) return Pipeline::kSentencePiece;
  if (options.tokenizer_class == "LlamaTokenizer") return Pipeline::kLlama;
  if (options.tokenizer_class == "GemmaTokenizer") return Pipeline::kGemma;
  return Pipeline::kSentencePiece;
}

Ids IndexPieces(const Model& model) {
  Ids ids;
  ids.reserve(model.pieces.size());
  for (size_t id = 0; id < model.pieces.size(); ++id) ids[model.pieces[id].text] = static_cast<int32_t>(id);
  return ids;
}

// added_tokens_decoder is newer than the model where it names one of its placeholders.
void RenamePieces(const SpecialTokens& tokens, Model* model) {
  Ids ids = IndexPieces(*model);
  for (const auto& [id, token] : tokens.by_id) {
    if (static_cast<size_t>(id) >= model->pieces.size() || token.content.empty()) continue;
    if (ids.emplace(token.content, id).second) model->pieces[id].text = token.content;
  }
}

void AddNamedTokens(const Model& model, SpecialTokens* tokens) {
  const auto add = [&](const char* name, int32_t id) {
    if (id < 0) return;
    tokens->named.try_emplace(name, TokenDescription{.content = model.pieces[id].text});
  };
  add("unk_token", model.unknown_id);
  add("bos_token", model.bos_id);
  add("eos_token", model.eos_id);
  add("pad_token", model.pad_id);
}

Json AddedPieces(const Model& model) {
  Json added = Json::array();
  for (const Model::Piece& piece : model.pieces) {
    if (piece.type != PieceType::kControl && piece.type != PieceType::kUserDefined) continue;
    added.push_back({{"content", piece.text}, {"special", piece.type == PieceType::kControl}, {"normalized", false}});
  }
  return added;
}

bool IsText(PieceType type) {
  return type == PieceType::kNormal || type == PieceType::kUserDefined || type == PieceType::kUnused;
}

// SentencePiece merges what scores best; transformers goes by the ids, which for a trained model is the same.
std::vector<RankedToken> MergeablePieces(const Model& model, Pipeline pipeline) {
  std::vector<size_t> order(model.pieces.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (pipeline == Pipeline::kSentencePiece) {
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return model.pieces[a].score > model.pieces[b].score; });
  }
  std::vector<RankedToken> ranked;
  ranked.reserve(order.size());
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const Model::Piece& piece = model.pieces[order[rank]];
    if (pipeline == Pipeline::kSentencePiece && !IsText(piece.type)) continue;
    ranked.push_back({piece.text, static_cast<int32_t>(rank)});
  }
  return ranked;
}

Json BpeModelJson(const Model& model, const Ids& ids, Pipeline pipeline) {
  Json vocabulary = Json::object();
  for (const auto& [text, id] : ids) vocabulary[text] = id;
  Json merges = Json::array();
  const std::vector<RankedToken> ranked = MergeablePieces(model, pipeline);
  for (const RecoveredMerge& merge : RecoverMerges(ranked, true, MergeOrder::kShortLeftFirst)) {
    const std::string& text = ranked[merge.token].text;
    merges.push_back(Json::array({text.substr(0, merge.cut), text.substr(merge.cut)}));
  }
  Json json = {{"type", "BPE"}, {"fuse_unk", true}, {"byte_fallback", true}};
  if (pipeline == Pipeline::kSentencePiece) json["byte_fallback"] = model.byte_fallback;
  if (pipeline != Pipeline::kLlama) json["unk_token"] = model.pieces[model.unknown_id].text;
  json["vocab"] = std::move(vocabulary);
  json["merges"] = std::move(merges);
  return json;
}

Json UnigramModelJson(const Model& model) {
  Json vocabulary = Json::array();
  Json unmatched = Json::array();
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const Model::Piece& piece = model.pieces[id];
    vocabulary.push_back(Json::array({piece.text, static_cast<double>(piece.score)}));
    if (!IsText(piece.type)) unmatched.push_back(id);
  }
  return {{"type", "Unigram"},    {"unk_id", model.unknown_id},        {"byte_fallback", model.byte_fallback},
          {"exact_scores", true}, {"unmatched", std::move(unmatched)}, {"vocab", std::move(vocabulary)}};
}

// SentencePiece takes one space off the beginning, or all of them where it removes extra white space.
constexpr int kAllSpaces = 1 << 20;

Json DecoderJson(bool byte_fallback, int stripped_spaces) {
  Json steps = Json::array({ReplaceStep(kSpaceMark, " ")});
  if (byte_fallback) steps.push_back({{"type", "ByteFallback"}});
  steps.push_back({{"type", "Fuse"}});
  if (stripped_spaces > 0) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", stripped_spaces}, {"stop", 0}});
  }
  return SequenceStep("decoders", std::move(steps));
}

void AddLlamaStages(const PipelineOptions& options, Json* document) {
  const char* scheme = !options.add_prefix_space ? "never" : options.legacy ? "always" : "first";
  (*document)["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", kSpaceMark}, {"prepend_scheme", scheme}, {"split", false}};
  if (!options.add_prefix_space) (*document)["pre_tokenizer"]["add_prefix_space"] = false;
  (*document)["decoder"] = DecoderJson(true, options.add_prefix_space ? 1 : 0);
}

void AddGemmaStages(Json* document) {
  (*document)["normalizer"] = ReplaceStep(" ", kSpaceMark);
  (*document)["decoder"] = DecoderJson(true, 0);
}

void AddSentencePieceStages(const Model& model, Json* document) {
  const std::string_view space = model.escape_whitespaces ? kSpaceMark : " ";
  Json steps = Json::array();
  if (!model.charsmap.empty()) {
    steps.push_back(
        {{"type", "Precompiled"}, {"precompiled_charsmap", EncodeBase64(model.charsmap)}, {"longest_match", true}});
  }
  // Runs are shortened before an end is looked for, and the last step looks only where a run begins: else quadratic.
  if (model.remove_extra_whitespaces) {
    steps.push_back(ReplaceRegexStep(" {2,}", " "));
    steps.push_back(ReplaceRegexStep(R"(\A )", ""));
  }
  if (model.add_dummy_prefix) steps.push_back(PrependStep(space));
  if (model.escape_whitespaces) steps.push_back(ReplaceStep(" ", space));
  if (model.remove_extra_whitespaces) {
    const std::string mark(space);
    steps.push_back(ReplaceRegexStep("(?<!" + mark + ")" + mark + R"(+\z)", ""));
  }
  if (!steps.empty()) (*document)["normalizer"] = SequenceStep("normalizers", std::move(steps));
  const int stripped = model.remove_extra_whitespaces ? kAllSpaces : model.add_dummy_prefix ? 1 : 0;
  (*document)["decoder"] = DecoderJson(model.byte_fallback, stripped);
}

}  // namespace

absl::StatusOr<Json> SentencePieceDocument(std::string_view bytes, const PipelineOptions& options,
                                           SpecialTokens* tokens) {
  FOREGATE_ASSIGN_OR_RETURN(Model model, SentencePieceModel::Parse(bytes));
  return SentencePieceModelDocument(std::move(model), options, tokens);
}

absl::StatusOr<Json> SentencePieceModelDocument(Model model, const PipelineOptions& options, SpecialTokens* tokens) {
  if (model.whitespace_is_suffix) return absl::InvalidArgumentError("has treat_whitespace_as_suffix, not supported");
  RenamePieces(*tokens, &model);
  AddNamedTokens(model, tokens);
  FOREGATE_RETURN_IF_ERROR(FillGaps(static_cast<int32_t>(model.pieces.size()), tokens));
  const Pipeline pipeline = Choose(model, options);
  const Ids ids = IndexPieces(model);
  Json document = Json::object();
  document["added_tokens"] = AddedPieces(model);
  document["model"] =
      model.algorithm == Model::Algorithm::kBpe ? BpeModelJson(model, ids, pipeline) : UnigramModelJson(model);
  if (pipeline == Pipeline::kLlama) AddLlamaStages(options, &document);
  if (pipeline == Pipeline::kGemma) AddGemmaStages(&document);
  if (pipeline == Pipeline::kSentencePiece) AddSentencePieceStages(model, &document);
  const auto find_id = [&](const std::string& text) {
    const auto found = ids.find(text);
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  };
  FOREGATE_RETURN_IF_ERROR(AddPostProcessor(options, *tokens, find_id, &document));
  return document;
}

}  // namespace foregate
