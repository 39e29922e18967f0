#include "engine/model/container/learned_guesses.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

#include "engine/formats/read_only_file.h"
#include "engine/moe/route_predictor_file.h"
#include "kernels/base/status_macros.h"

namespace foregate {

std::string LearnedGuessesPath(const std::string& container_path) { return container_path + ".guesses"; }

absl::StatusOr<RoutePredictor> LoadGuesses(const std::string& path, const RouteShape& shape, uint64_t model_digest) {
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadOnlyFile> file, ReadOnlyFile::Open(path));
  // Calibrations and a header beside the counts.
  constexpr uint64_t kBesideCounts = uint64_t{64} << 20;
  FOREGATE_ASSIGN_OR_RETURN(const std::string bytes, file->ReadText(RoutePredictor::kMaxStateBytes + kBesideCounts));
  return RoutePredictorFile::Parse(bytes, path, shape, model_digest);
}

absl::Status SaveGuesses(const std::string& path, const RoutePredictor& predictor, uint64_t model_digest) {
  const std::string temporary = path + ".tmp";
  const std::string bytes = RoutePredictorFile::Serialize(predictor, model_digest);
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file && std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const int error = errno;
  ::unlink(temporary.c_str());
  return absl::UnavailableError(path + ": cannot write: " + std::strerror(error));
}

}  // namespace foregate
