// GgufMetadataReader: typed access to an architecture's keys; the first fault is kept, so that the callers read as a
// plain list of hyper-parameters and ask for the status once.
#ifndef FOREGATE_ENGINE_MODEL_GGUF_METADATA_READER_H_
#define FOREGATE_ENGINE_MODEL_GGUF_METADATA_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "engine/formats/gguf/header.h"

namespace foregate {

// Keys are given without the architecture's prefix, "block_count". Thread-compatible; `header` must outlive it.
class GgufMetadataReader {
 public:
  GgufMetadataReader(const GgufHeader& header, std::string architecture)
      : header_(header), prefix_(std::move(architecture) + ".") {}

  // An integer in [0, 2^31), also from a list (one for each layer) of equal ones. A fault when absent without default.
  int64_t Integer(const char* key, std::optional<int64_t> absent = std::nullopt);
  std::optional<int64_t> OptionalInteger(const char* key);
  std::optional<double> OptionalNumber(const char* key);
  double Number(const char* key);
  std::optional<bool> OptionalBool(const char* key);
  std::optional<std::string> OptionalString(const char* key);

  // UNIMPLEMENTED unless the key is absent or has this value.
  void RequireNumber(const char* key, double only);
  void RequireString(const char* key, const char* only);

  void Refuse(const char* key, const std::string& why) { Fail(absl::StatusCode::kInvalidArgument, key, why); }
  void Unsupported(const char* key, const std::string& why) { Fail(absl::StatusCode::kUnimplemented, key, why); }
  const absl::Status& status() const { return status_; }

 private:
  const GgufValue* Find(const char* key) const { return header_.Find(prefix_ + key); }
  void Fail(absl::StatusCode code, const char* key, const std::string& why);

  const GgufHeader& header_;
  const std::string prefix_;
  absl::Status status_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_GGUF_METADATA_READER_H_
