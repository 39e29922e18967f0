// What a prefetcher has learned of a model's routing, kept beside the model's container, so that a restart does not
// begin with guesses that nobody has judged. A file of route_predictor_file.h; losing it costs time, nothing else.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_LEARNED_GUESSES_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_LEARNED_GUESSES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/moe/route_predictor.h"

namespace foregate {

// "model.fgw" -> "model.fgw.guesses"
std::string LearnedGuessesPath(const std::string& container_path);

// NOT_FOUND when there is none; RoutePredictorFile::Parse's errors.
absl::StatusOr<RoutePredictor> LoadGuesses(const std::string& path, const RouteShape& shape, uint64_t model_digest);

// Under a temporary name, then renamed. The error of the file system, naming the file, as on a read-only volume.
absl::Status SaveGuesses(const std::string& path, const RoutePredictor& predictor, uint64_t model_digest);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_LEARNED_GUESSES_H_
