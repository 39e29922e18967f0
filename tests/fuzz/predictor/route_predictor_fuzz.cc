// The file of a route predictor: the input as a whole file, and as the content under a right checksum, for few inputs
// have one.
#include <xxhash.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/moe/route_predictor_file.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr RouteShape kShape = {.num_layers = 2, .num_experts = 4, .top_k = 2, .lead = 1};
constexpr uint64_t kDigest = 7;

// What was read is read again as it was, and predicts within its bounds whatever its counts.
void Check(std::string_view file) {
  auto predictor = RoutePredictorFile::Parse(file, "fuzz", kShape, kDigest);
  if (!predictor.ok()) return;
  FOREGATE_CHECK(RoutePredictorFile::Serialize(*predictor, kDigest) == file);
  const std::vector<float> prior = {0, 0.5f, 1, 0.25f};
  std::vector<ExpertGuess> guesses;
  predictor->Observe(0, std::vector<int32_t>{0, 1, 2, 3});
  predictor->Predict(1, prior, 2, &guesses);
  predictor->judge().Grade(1, guesses);
  for (const ExpertGuess& guess : guesses) FOREGATE_CHECK(guess.probability >= 0 && guess.probability <= 1);
  predictor->Observe(1, std::vector<int32_t>{3, 1, 0, 2});
  predictor->judge().Judge(1, std::vector<int32_t>{3, 1, 0, 2});
  FOREGATE_CHECK(
      RoutePredictorFile::Parse(RoutePredictorFile::Serialize(*predictor, kDigest), "fuzz", kShape, kDigest).ok());
}

}  // namespace
}  // namespace foregate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string file(reinterpret_cast<const char*>(data), size);
  foregate::Check(file);
  uint64_t checksum = XXH3_64bits(file.data(), file.size());
  for (int i = 0; i < 8; ++i, checksum >>= 8) file.push_back(static_cast<char>(checksum));
  foregate::Check(file);
  return 0;
}
