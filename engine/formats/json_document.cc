#include "engine/formats/json_document.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace foregate {
namespace {

using nlohmann::json;

// Builds the document; refuses what the library's own builder lets pass: duplicate keys, any depth, any size.
class DocumentBuilder : public nlohmann::json_sax<json> {
 public:
  bool null() override { return Add(json(nullptr)); }
  bool boolean(bool value) override { return Add(json(value)); }
  bool number_integer(number_integer_t value) override { return Add(json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Add(json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return Add(json(value)); }
  bool string(string_t& value) override { return Add(json(std::move(value))); }
  bool binary(binary_t&) override { return Fail("binary value"); }
  bool start_object(std::size_t) override { return Open(json::object()); }
  bool start_array(std::size_t) override { return Open(json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    json& object = *open_.back();
    if (object.contains(name)) return Fail("key given twice: \"" + name.substr(0, 200) + "\"");
    slot_ = &object[name];
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return Fail("not valid JSON at byte " + std::to_string(position));
  }

  json TakeDocument() { return std::move(document_); }
  const std::string& error() const { return error_; }

 private:
  bool Fail(std::string error) {
    error_ = std::move(error);
    return false;
  }
  json* Insert(json value) {
    if (++num_values_ > kMaxJsonValues) return nullptr;
    if (open_.empty()) {
      document_ = std::move(value);
      return &document_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }
  bool Add(json value) {
    return Insert(std::move(value)) != nullptr || Fail("more than " + std::to_string(kMaxJsonValues) + " values");
  }
  bool Open(json container) {
    if (open_.size() == static_cast<size_t>(kMaxJsonDepth))
      return Fail("nested deeper than " + std::to_string(kMaxJsonDepth));
    json* inserted = Insert(std::move(container));
    if (inserted == nullptr) return Fail("more than " + std::to_string(kMaxJsonValues) + " values");
    // Stays valid: a container is not appended to by anyone else while it is the innermost open one.
    open_.push_back(inserted);
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  json document_;
  std::vector<json*> open_;
  json* slot_ = nullptr;
  int num_values_ = 0;
  std::string error_;
};

}  // namespace

absl::StatusOr<json> ParseJsonObject(std::string_view text, const std::string& file) {
  DocumentBuilder builder;
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    return absl::InvalidArgumentError(file + ": " + (builder.error().empty() ? "not valid JSON" : builder.error()));
  json document = builder.TakeDocument();
  if (!document.is_object()) return absl::InvalidArgumentError(file + ": not a JSON object");
  return document;
}

std::string JsonExcerpt(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  constexpr size_t kMaxLength = 120;
  if (text.size() > kMaxLength) text = text.substr(0, kMaxLength) + "...";
  return text;
}

}  // namespace foregate
