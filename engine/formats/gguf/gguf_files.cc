#include "engine/formats/gguf/gguf_files.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr std::string_view kExtension = ".gguf";

// NAME-00002-of-00005.gguf: stem NAME, number 2, count 5.
struct PartName {
  std::string stem;
  int number = 0;
  int count = 0;

  std::string Path(int wanted) const {
    char tail[32];
    std::snprintf(tail, sizeof(tail), "-%05d-of-%05d.gguf", wanted, count);
    return stem + tail;
  }
};

std::optional<int> FiveDigits(std::string_view text) {
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

std::optional<PartName> ParsePartName(const std::string& path) {
  constexpr std::string_view kShape = "-00000-of-00000.gguf";
  if (path.size() <= kShape.size()) return std::nullopt;
  const std::string_view tail = std::string_view(path).substr(path.size() - kShape.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != kExtension) return std::nullopt;
  const std::optional<int> number = FiveDigits(tail.substr(1, 5));
  const std::optional<int> count = FiveDigits(tail.substr(10, 5));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return PartName{path.substr(0, path.size() - kShape.size()), *number, *count};
}

absl::Status CheckIsFirst(const std::string& path) {
  const std::optional<PartName> part = ParsePartName(path);
  if (!part || part->number == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(path + ": is part " + std::to_string(part->number) + " of " +
                                    std::to_string(part->count) + "; name the first one: " + part->Path(1));
}

absl::StatusOr<std::optional<std::string>> FindInDirectory(const std::string& directory) {
  std::optional<std::string> found;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    const std::string path = file.path().string();
    if (!path.ends_with(kExtension) || !file.is_regular_file(error)) continue;
    const std::optional<PartName> part = ParsePartName(path);
    if (part && part->number != 1) continue;
    if (found)
      return absl::InvalidArgumentError(directory + ": has several GGUF models, name the file: " +
                                        std::min(*found, path) + ", " + std::max(*found, path));
    found = path;
  }
  return found;
}

// An entry of the split, when the file has it.
absl::Status CheckSplit(const GgufHeader& header, const char* key, int64_t want) {
  const GgufValue* value = header.Find(key);
  if (value == nullptr || value->AsInteger() == want) return absl::OkStatus();
  return absl::InvalidArgumentError(header.file() + ": metadata \"" + key + "\": want " + std::to_string(want) +
                                    ", as the names of the files say");
}

absl::StatusOr<GgufPart> OpenPart(const std::string& path, int number, int count) {
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<ReadOnlyFile> file, ReadOnlyFile::Open(path));
  FOREGATE_ASSIGN_OR_RETURN(GgufHeader header, GgufHeader::Read(*file));
  FOREGATE_RETURN_IF_ERROR(CheckSplit(header, "split.no", number - 1));
  // One that was renamed has no parts beside it that could be found. A count of 0 is an unsplit model's.
  const GgufValue* split_count = header.Find("split.count");
  if (count != 1 || (split_count != nullptr && split_count->AsInteger() != 0))
    FOREGATE_RETURN_IF_ERROR(CheckSplit(header, "split.count", count));
  return GgufPart{std::move(file), std::move(header)};
}

}  // namespace

absl::StatusOr<std::optional<std::string>> FindGguf(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    FOREGATE_RETURN_IF_ERROR(CheckIsFirst(path));
    return path;
  }
  if (!std::filesystem::is_directory(path, error)) return std::nullopt;
  for (const char* name : {"/model.safetensors", "/model.safetensors.index.json"}) {
    if (std::filesystem::exists(path + name, error)) return std::nullopt;
  }
  return FindInDirectory(path);
}

absl::StatusOr<std::vector<GgufPart>> OpenGguf(const std::string& path) {
  FOREGATE_RETURN_IF_ERROR(CheckIsFirst(path));
  const std::optional<PartName> name = ParsePartName(path);
  const int count = name ? name->count : 1;
  std::vector<GgufPart> parts;
  size_t num_tensors = 0;
  for (int number = 1; number <= count; ++number) {
    FOREGATE_ASSIGN_OR_RETURN(GgufPart part, OpenPart(name ? name->Path(number) : path, number, count));
    num_tensors += part.header.tensors().size();
    parts.push_back(std::move(part));
  }
  if (count > 1)
    FOREGATE_RETURN_IF_ERROR(CheckSplit(parts[0].header, "split.tensors.count", static_cast<int64_t>(num_tensors)));
  return parts;
}

}  // namespace foregate
