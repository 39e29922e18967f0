// Overlay: what the config.json of an overlay checkpoint says of its base (docs/overlay.md). Untrusted input.
//
// An overlay is a directory that holds what differs from another checkpoint's directory. Both together are a checkpoint
// as though the overlay's tensors and files stood in place of the base's.
#ifndef FOREGATE_ENGINE_FORMATS_OVERLAY_H_
#define FOREGATE_ENGINE_FORMATS_OVERLAY_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/model_files.h"

namespace foregate {

// A value.
struct Overlay {
  std::string base;                          // as it is written
  std::string base_directory;                // where that is
  std::map<std::string, std::string> files;  // the base's weight files by name; SHA-256 in lower-case hexadecimal
  std::string where;                         // "DIR/config.json: foregate_overlay: ", for messages

  // The message behind `where` and the key "base".
  absl::Status BaseError(const absl::Status& status) const;
  // The same behind "files" and the file's name.
  absl::Status FileError(absl::StatusCode code, const std::string& name, std::string_view what) const;
};

// Of the text of a config.json; nothing when it names no base. `file`, DIRECTORY/config.json, names it in errors. Reads
// nothing else. INVALID_ARGUMENT or UNIMPLEMENTED naming file and key.
absl::StatusOr<std::optional<Overlay>> ParseOverlay(std::string_view config_json, const std::string& file);

// The same of the config.json in `directory`, and a look at the base: UNIMPLEMENTED when it is anything but a directory
// of safetensors that is no overlay itself, NOT_FOUND when it has no config.json. Weights are not looked at.
absl::StatusOr<std::optional<Overlay>> OverlayOf(std::string_view config_json, const std::string& directory);

// OverlayOf a directory whose config.json is still to be read; nothing when it has none.
absl::StatusOr<std::optional<Overlay>> FindOverlay(const std::string& directory);

// The config.json of the checkpoint that overlay and base are together.
absl::StatusOr<std::string> ConfigWithoutOverlay(std::string_view config_json, const std::string& file);

// The small files of a checkpoint's directory: its own, and those that only the base has. FindOverlay's errors.
absl::StatusOr<ModelFiles> FilesOfCheckpoint(const std::string& directory);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_OVERLAY_H_
