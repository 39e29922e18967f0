#include "server/text/json_node.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<nlohmann::json> ParseJsonText(std::string_view text, const std::string& name_for_errors) {
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(name_for_errors + ": not JSON: " + error.what());
  }
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t max_bytes) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) {
    const std::string message = path + ": " + std::strerror(errno);
    return errno == ENOENT ? absl::NotFoundError(message) : absl::InvalidArgumentError(message);
  }
  std::string content;
  char buffer[1 << 16];
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    content.append(buffer, size);
    if (content.size() > max_bytes) {
      return absl::InvalidArgumentError(path + ": larger than the limit of " + std::to_string(max_bytes) + " bytes");
    }
  }
  if (std::ferror(file.get())) return absl::InvalidArgumentError(path + ": " + std::strerror(errno));
  return content;
}

absl::Status JsonNode::Error(std::string_view what) const {
  return absl::InvalidArgumentError(path_ + " " + std::string(what));
}

std::string JsonNode::ChildPath(std::string_view key) const {
  // The root's path is "FILE:", which is followed by a blank, all others by a dot.
  return path_ + (path_.ends_with(':') ? " " : ".") + std::string(key);
}

absl::StatusOr<std::optional<JsonNode>> JsonNode::OptionalChild(std::string_view key) const {
  if (!value_->is_object()) return Error("must be an object");
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::optional<JsonNode>();
  return std::optional<JsonNode>(JsonNode(&*found, ChildPath(key)));
}

absl::StatusOr<JsonNode> JsonNode::Child(std::string_view key) const {
  FOREGATE_ASSIGN_OR_RETURN(std::optional<JsonNode> child, OptionalChild(key));
  if (!child.has_value()) return absl::InvalidArgumentError(ChildPath(key) + " is missing");
  return *std::move(child);
}

absl::StatusOr<std::string> JsonNode::String(std::string_view key) const {
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode child, Child(key));
  return child.AsString();
}

absl::StatusOr<bool> JsonNode::Bool(std::string_view key, bool fallback) const {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> child, OptionalChild(key));
  if (!child.has_value()) return fallback;
  return child->AsBool();
}

absl::StatusOr<std::vector<JsonNode>> JsonNode::Array(std::string_view key) const {
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode child, Child(key));
  return child.AsArray();
}

absl::StatusOr<std::string> JsonNode::AsString() const {
  if (!value_->is_string()) return Error("must be a string");
  return value_->get_ref<const std::string&>();
}

absl::StatusOr<bool> JsonNode::AsBool() const {
  if (!value_->is_boolean()) return Error("must be true or false");
  return value_->get<bool>();
}

absl::StatusOr<int32_t> JsonNode::AsId() const {
  // A document that we built ourselves may hold ids as signed numbers.
  const bool is_natural = value_->is_number_unsigned() || (value_->is_number_integer() && value_->get<int64_t>() >= 0);
  if (!is_natural || value_->get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
    return Error("must be an integer from 0 to 2147483647, is " + value_->dump(-1, ' ', true).substr(0, 40));
  }
  return value_->get<int32_t>();
}

absl::StatusOr<double> JsonNode::AsNumber() const {
  if (!value_->is_number()) return Error("must be a number");
  return value_->get<double>();
}

absl::StatusOr<std::vector<JsonNode>> JsonNode::AsArray() const {
  if (!value_->is_array()) return Error("must be an array");
  std::vector<JsonNode> elements;
  elements.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i) {
    elements.emplace_back(&(*value_)[i], path_ + "[" + std::to_string(i) + "]");
  }
  return elements;
}

}  // namespace foregate
