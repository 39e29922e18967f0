#include "engine/formats/overlay.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/formats/config_file.h"
#include "engine/formats/config_reader.h"
#include "engine/formats/container/container_file.h"
#include "engine/formats/gguf/gguf_files.h"
#include "engine/formats/json_document.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr const char* kKey = "foregate_overlay";

bool IsSha256(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void ReadOverlay(ConfigReader& reader, Overlay& overlay) {
  if (reader.Integer({"version"}, 1, ConfigReader::kMaxSize) != 1)
    return reader.Unsupported("version", "only 1 is supported");
  overlay.base = reader.String("base");
  reader.Members("files", [&](ConfigReader& files, const std::string& name) {
    std::string digest = files.String(name.c_str());
    if (!IsSha256(digest)) files.Refuse(name.c_str(), "want a SHA-256, 64 hexadecimal digits in lower case");
    overlay.files.emplace(name, std::move(digest));
  });
}

absl::Status CheckBase(const Overlay& overlay) {
  const auto not_supported = [&](const char* what) {
    return overlay.BaseError(
        absl::UnimplementedError(std::string(what) + " cannot be one: " + JsonExcerpt(overlay.base)));
  };
  const absl::StatusOr<std::optional<std::string>> container = FindContainer(overlay.base_directory);
  if (!container.ok()) return overlay.BaseError(container.status());
  if (container->has_value()) return not_supported("a packed container");
  const absl::StatusOr<std::optional<std::string>> gguf = FindGguf(overlay.base_directory);
  if (!gguf.ok()) return overlay.BaseError(gguf.status());
  if (gguf->has_value()) return not_supported("a GGUF model, or a single file,");
  const absl::StatusOr<std::string> config = ReadConfigFile(overlay.base_directory);
  if (!config.ok()) return overlay.BaseError(config.status());
  const absl::StatusOr<std::optional<Overlay>> below =
      ParseOverlay(*config, overlay.base_directory + "/" + kConfigFile);
  if (!below.ok()) return overlay.BaseError(below.status());
  if (below->has_value()) return not_supported("another overlay");
  return absl::OkStatus();
}

}  // namespace

absl::Status Overlay::BaseError(const absl::Status& status) const {
  return absl::Status(status.code(), where + "base: " + std::string(status.message()));
}

absl::Status Overlay::FileError(absl::StatusCode code, const std::string& name, std::string_view what) const {
  return absl::Status(code, where + "files: " + name + ": " + std::string(what));
}

absl::StatusOr<std::optional<Overlay>> ParseOverlay(std::string_view config_json, const std::string& file) {
  FOREGATE_ASSIGN_OR_RETURN(const nlohmann::json document, ParseJsonObject(config_json, file));
  ConfigReader reader(document, file);
  if (!reader.Has(kKey)) return std::nullopt;
  Overlay overlay;
  reader.Object(kKey, {"version", "base", "files"}, [&](ConfigReader& object) { ReadOverlay(object, overlay); });
  FOREGATE_RETURN_IF_ERROR(reader.status());
  overlay.base_directory = overlay.base[0] == '/' ? overlay.base : file.substr(0, file.rfind('/') + 1) + overlay.base;
  overlay.where = file + ": " + kKey + ": ";
  return overlay;
}

absl::StatusOr<std::optional<Overlay>> OverlayOf(std::string_view config_json, const std::string& directory) {
  FOREGATE_ASSIGN_OR_RETURN(std::optional<Overlay> overlay, ParseOverlay(config_json, directory + "/" + kConfigFile));
  if (overlay) FOREGATE_RETURN_IF_ERROR(CheckBase(*overlay));
  return overlay;
}

absl::StatusOr<std::optional<Overlay>> FindOverlay(const std::string& directory) {
  const absl::StatusOr<std::string> config = ReadConfigFile(directory);
  if (absl::IsNotFound(config.status())) return std::nullopt;
  FOREGATE_RETURN_IF_ERROR(config.status());
  return OverlayOf(*config, directory);
}

absl::StatusOr<std::string> ConfigWithoutOverlay(std::string_view config_json, const std::string& file) {
  FOREGATE_ASSIGN_OR_RETURN(nlohmann::json document, ParseJsonObject(config_json, file));
  document.erase(kKey);
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::StatusOr<ModelFiles> FilesOfCheckpoint(const std::string& directory) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<Overlay> overlay, FindOverlay(directory));
  return overlay ? ModelFiles(directory, overlay->base_directory) : ModelFiles(directory);
}

}  // namespace foregate
