#include "server/text/ordered_json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

// Receives nlohmann's events; each open container waits on a stack until it is complete.
class Builder {
 public:
  explicit Builder(int max_depth) : max_depth_(max_depth) {}

  bool null() { return Add(nullptr); }
  bool boolean(bool value) { return Add(value); }
  bool number_integer(Json::number_integer_t value) { return Add(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return Add(value); }
  bool number_float(Json::number_float_t value, const std::string& /*spelling*/) { return Add(value); }
  bool string(std::string& value) { return Add(std::move(value)); }
  bool binary(Json::binary_t& /*value*/) { return false; }  // of binary formats only

  bool start_object(size_t /*size*/) { return Open(Json::object()); }
  bool start_array(size_t /*size*/) { return Open(Json::array()); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(std::string& name) {
    open_.back().key = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string& /*token*/, const Json::exception& error) {
    // It quotes the last bytes read, which may end within a character.
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...": the last part says it all.
    const std::string_view message = error.what();
    const size_t reason = message.find("syntax error");
    error_ = "at byte " + std::to_string(position == 0 ? 0 : position - 1) + ": " +
             Utf8Lossy(reason == std::string_view::npos ? message : message.substr(reason));
    return false;
  }

  Json TakeRoot() { return std::move(root_); }
  const std::string& error() const { return error_; }

 private:
  struct Container {
    Json value;
    std::string key;                                // of the member that comes next
    std::unordered_map<std::string, size_t> index;  // of an object: where each key stands
  };

  bool Open(Json container) {
    if (static_cast<int>(open_.size()) >= max_depth_) {
      error_ = "nested deeper than " + std::to_string(max_depth_) + " levels";
      return false;
    }
    open_.emplace_back();
    open_.back().value = std::move(container);
    return true;
  }

  bool Close() {
    Json complete = std::move(open_.back().value);
    open_.pop_back();
    return Add(std::move(complete));
  }

  bool Add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Container& parent = open_.back();
    if (parent.value.is_array()) {
      parent.value.push_back(std::move(value));
      return true;
    }
    auto& members = parent.value.get_ref<Json::object_t&>();
    const auto [place, is_new] = parent.index.emplace(parent.key, members.size());
    if (is_new) {
      members.push_back({std::move(parent.key), std::move(value)});
    } else {
      (members.begin() + static_cast<std::ptrdiff_t>(place->second))->second = std::move(value);
    }
    return true;
  }

  const int max_depth_;
  std::vector<Container> open_;
  Json root_;
  std::string error_;
};

}  // namespace

absl::StatusOr<Json> ParseOrderedJson(std::string_view text, int max_depth) {
  Builder builder(max_depth);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError("not JSON: " + builder.error());
  }
  return builder.TakeRoot();
}

}  // namespace foregate
