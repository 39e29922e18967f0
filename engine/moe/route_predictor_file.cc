#include "engine/moe/route_predictor_file.h"

#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "engine/moe/trace/trace_bytes.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

template <typename Word>
void AppendWords(const std::vector<Word>& words, std::string* bytes) {
  for (const Word word : words) AppendWord(word, bytes);
}

template <typename Word>
void TakeWords(TraceBytes* bytes, std::vector<Word>* words) {
  for (Word& word : *words) word = bytes->TakeWord<Word>();
}

void AppendCells(const GuessCalibration& calibration, std::string* bytes) {
  for (const GuessCalibration::Cell& cell : calibration.cells()) {
    AppendWord(cell.num_guessed, bytes);
    AppendWord(cell.num_needed, bytes);
  }
}

bool TakeCells(TraceBytes* bytes, GuessCalibration* calibration) {
  std::vector<GuessCalibration::Cell> cells(calibration->cells().size());
  for (GuessCalibration::Cell& cell : cells) {
    cell.num_guessed = bytes->TakeWord<uint32_t>();
    cell.num_needed = bytes->TakeWord<uint32_t>();
  }
  return calibration->Restore(cells);
}

std::string Describe(const RouteShape& shape) {
  return std::to_string(shape.num_layers) + " layers of " + std::to_string(shape.num_experts) + " experts, top-" +
         std::to_string(shape.top_k) + ", " + std::to_string(shape.lead) + " ahead";
}

constexpr size_t kChecksumBytes = 8;

}  // namespace

std::string RoutePredictorFile::Serialize(const RoutePredictor& predictor, uint64_t model_digest) {
  std::string bytes(kMagic);
  AppendWord(kVersion, &bytes);
  for (const int32_t word :
       {predictor.shape_.num_layers, predictor.shape_.num_experts, predictor.shape_.top_k, predictor.shape_.lead})
    AppendWord(static_cast<uint32_t>(word), &bytes);
  AppendWord(model_digest, &bytes);
  AppendWords(predictor.followed_, &bytes);
  AppendWords(predictor.seen_, &bytes);
  AppendWords(predictor.chosen_, &bytes);
  AppendWords(predictor.num_rows_, &bytes);
  AppendCells(predictor.judge_.calibration(), &bytes);
  AppendCells(predictor.router_ranks_, &bytes);
  AppendCells(predictor.router_judge_.calibration(), &bytes);
  AppendWord(uint64_t{XXH3_64bits(bytes.data(), bytes.size())}, &bytes);
  return bytes;
}

absl::StatusOr<RoutePredictor> RoutePredictorFile::Parse(std::string_view bytes, std::string_view name,
                                                         const RouteShape& shape, uint64_t model_digest) {
  const std::string prefix = std::string(name) + ": ";
  TraceBytes words(bytes);
  if (words.Take(kMagic.size()) != kMagic) return absl::InvalidArgumentError(prefix + "no file of a route predictor");
  const auto version = words.TakeWord<uint32_t>();
  if (words.is_good() && version != kVersion)
    return absl::InvalidArgumentError(prefix + "version " + std::to_string(version) + ", this build reads " +
                                      std::to_string(kVersion));
  if (bytes.size() < words.offset() + kChecksumBytes)
    return absl::DataLossError(prefix + "cut at offset " + std::to_string(bytes.size()));
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  TraceBytes checksum(bytes.substr(content.size()));
  if (checksum.TakeWord<uint64_t>() != XXH3_64bits(content.data(), content.size()))
    return absl::DataLossError(prefix + "wrong checksum at offset " + std::to_string(content.size()));

  RouteShape written;
  for (int32_t* field : {&written.num_layers, &written.num_experts, &written.top_k, &written.lead})
    *field = static_cast<int32_t>(words.TakeWord<uint32_t>());
  const auto digest = words.TakeWord<uint64_t>();
  if (words.is_good() && !(written == shape))
    return absl::FailedPreconditionError(prefix + "learned of " + Describe(written) + ", not of " + Describe(shape));
  if (words.is_good() && digest != model_digest)
    return absl::FailedPreconditionError(prefix + "learned of another model's weights");
  FOREGATE_ASSIGN_OR_RETURN(RoutePredictor predictor, RoutePredictor::Create(shape));
  TakeWords(&words, &predictor.followed_);
  TakeWords(&words, &predictor.seen_);
  TakeWords(&words, &predictor.chosen_);
  TakeWords(&words, &predictor.num_rows_);
  const bool are_cells_possible = TakeCells(&words, &predictor.judge_.calibration()) &&
                                  TakeCells(&words, &predictor.router_ranks_) &&
                                  TakeCells(&words, &predictor.router_judge_.calibration());
  if (!words.is_good() || words.offset() != content.size())
    return absl::DataLossError(prefix + std::to_string(bytes.size()) + " bytes are not a file of " + Describe(shape));
  const auto is_possible = [&] {
    for (size_t i = 0; i < predictor.seen_.size(); ++i) {
      if (predictor.seen_[i] > RoutePredictor::kMaxSeen) return false;
      const auto first = predictor.followed_.begin() + static_cast<ptrdiff_t>(i * predictor.num_experts());
      if (*std::max_element(first, first + shape.num_experts) > predictor.seen_[i]) return false;
    }
    for (size_t i = 0; i < predictor.chosen_.size(); ++i)
      if (predictor.chosen_[i] > predictor.num_rows_[i / predictor.num_experts()]) return false;
    for (const uint32_t rows : predictor.num_rows_)
      if (rows > RoutePredictor::kMaxRowsCounted + RoutePredictor::kMaxRows) return false;
    return are_cells_possible;
  };
  if (!is_possible()) return absl::DataLossError(prefix + "counts that cannot be");
  return predictor;
}

}  // namespace foregate
