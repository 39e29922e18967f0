// A value inside a JSON file that knows its own name, so that every complaint says which file and which key.
#ifndef FOREGATE_SERVER_TEXT_JSON_NODE_H_
#define FOREGATE_SERVER_TEXT_JSON_NODE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

// INVALID_ARGUMENT naming file and byte for text that is not JSON.
absl::StatusOr<nlohmann::json> ParseJsonText(std::string_view text, const std::string& name_for_errors);

// NOT_FOUND naming the file when it does not exist; INVALID_ARGUMENT when it is larger than max_bytes.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t max_bytes);

// A borrowed value and its path, "FILE: model.merges[3]". The document must outlive it. Thread-safe to read.
class JsonNode {
 public:
  JsonNode(const nlohmann::json* value, std::string path) : value_(value), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }

  // INVALID_ARGUMENT "PATH WHAT".
  absl::Status Error(std::string_view what) const;

  // The members of an object; absent and null are the same to every published file.
  absl::StatusOr<JsonNode> Child(std::string_view key) const;
  absl::StatusOr<std::optional<JsonNode>> OptionalChild(std::string_view key) const;
  absl::StatusOr<std::string> String(std::string_view key) const;
  absl::StatusOr<bool> Bool(std::string_view key, bool fallback) const;
  absl::StatusOr<std::vector<JsonNode>> Array(std::string_view key) const;

  // This value itself.
  absl::StatusOr<std::string> AsString() const;
  absl::StatusOr<bool> AsBool() const;
  absl::StatusOr<int32_t> AsId() const;  // an integer in [0, 2^31)
  absl::StatusOr<double> AsNumber() const;
  absl::StatusOr<std::vector<JsonNode>> AsArray() const;

 private:
  std::string ChildPath(std::string_view key) const;

  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_JSON_NODE_H_
