// One of the small JSON files beside a checkpoint's weights: tokenizer_config.json, generation_config.json, ...
#ifndef FOREGATE_SERVER_TEXT_CONFIG_FILE_H_
#define FOREGATE_SERVER_TEXT_CONFIG_FILE_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/formats/model_files.h"
#include "server/text/json_node.h"

namespace foregate {

inline constexpr size_t kMaxConfigBytes = 64u << 20;

// Owns the document; nodes that it gives must not outlive it. Immutable and thread-safe.
class ConfigFile {
 public:
  // An absent file reads as an empty object. INVALID_ARGUMENT naming the file when it is no JSON object.
  static absl::StatusOr<ConfigFile> Read(const ModelFiles& files, const std::string& name);

  // An object that came from elsewhere; `path` names it in errors.
  static ConfigFile FromDocument(nlohmann::json document, std::string path) {
    ConfigFile file;
    file.document_ = std::move(document);
    file.path_ = std::move(path);
    file.exists_ = true;
    return file;
  }

  bool exists() const { return exists_; }
  JsonNode root() const { return JsonNode(&document_, path_ + ":"); }
  // Nothing where the key is absent or null.
  absl::StatusOr<std::optional<JsonNode>> Find(std::string_view key) const { return root().OptionalChild(key); }

 private:
  nlohmann::json document_ = nlohmann::json::object();
  std::string path_;
  bool exists_ = false;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_CONFIG_FILE_H_
