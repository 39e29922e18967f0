// The file of a RoutePredictor: what it learned, kept beside the packed container so that a restart does not forget.
//
// Little-endian words: magic, version, the shape, the model's digest, counts as they are, calibrations, and XXH3-64 of
// all before it. The file is untrusted: its size must be the shape's, its counts possible, its checksum right.
// What a shape needs is known before a byte is kept.
#ifndef FOREGATE_ENGINE_MOE_ROUTE_PREDICTOR_FILE_H_
#define FOREGATE_ENGINE_MOE_ROUTE_PREDICTOR_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/moe/route_predictor.h"

namespace foregate {

class RoutePredictorFile {
 public:
  static constexpr std::string_view kMagic = "FGGUESS\n";
  static constexpr uint32_t kVersion = 1;

  // `model_digest`: of the weights whose routing was learned.
  static std::string Serialize(const RoutePredictor& predictor, uint64_t model_digest);

  // `name` stands in messages. DATA_LOSS with the offset for a file that is cut, too long or damaged; INVALID_ARGUMENT
  // for another kind or version of file, FAILED_PRECONDITION for another model or shape.
  static absl::StatusOr<RoutePredictor> Parse(std::string_view bytes, std::string_view name, const RouteShape& shape,
                                              uint64_t model_digest);
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_ROUTE_PREDICTOR_FILE_H_
