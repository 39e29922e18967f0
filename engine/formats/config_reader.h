// ConfigReader: typed, bounded access to the keys of a config.json; the first fault is kept, so that a family's file
// reads as a plain list of hyper-parameters and asks for the status once.
//
// Thread-compatible. A key that is absent or null yields its default; without a default it is a fault.
#ifndef FOREGATE_ENGINE_FORMATS_CONFIG_READER_H_
#define FOREGATE_ENGINE_FORMATS_CONFIG_READER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace foregate {

class ConfigReader {
 public:
  // Both must outlive the reader. `file` names the source in errors.
  ConfigReader(const nlohmann::json& config, std::string file) : config_(config), file_(std::move(file)) {}

  // An integer in [minimum, maximum] under the first of `keys` that is present (spellings of one thing; two that
  // disagree are a fault).
  int32_t Integer(std::initializer_list<const char*> keys, int64_t minimum, int64_t maximum,
                  std::optional<int32_t> absent = std::nullopt);
  int32_t Size(std::initializer_list<const char*> keys, std::optional<int32_t> absent = std::nullopt) {
    return Integer(keys, 1, kMaxSize, absent);
  }
  // A finite number in [minimum, maximum].
  double Number(const char* key, double minimum, double maximum, std::optional<double> absent = std::nullopt);
  bool Flag(const char* key, bool absent);
  // Integers in [minimum, maximum]; empty when absent.
  std::vector<int32_t> Integers(const char* key, int64_t minimum, int64_t maximum);
  std::vector<std::string> Strings(const char* key);
  // A string that is not empty; a fault when absent.
  std::string String(const char* key);

  // Gives `read` a reader of the object under `key`, whose faults become this reader's and name both keys. Members
  // other than `known` are a fault. Does nothing when absent.
  void Object(const char* key, std::initializer_list<const char*> known,
              const std::function<void(ConfigReader& object)>& read);

  // Gives `read` a reader of the object under `key` for each member, with the member's name. Absent or empty is a
  // fault.
  void Members(const char* key, const std::function<void(ConfigReader& object, const std::string& name)>& read);

  bool Has(const char* key) const;
  // Faults that a family finds itself.
  void Refuse(const char* key, const std::string& why);       // INVALID_ARGUMENT
  void Unsupported(const char* key, const std::string& why);  // UNIMPLEMENTED
  // UNIMPLEMENTED unless `key` is absent, null, or the string `only`.
  void RequireString(const char* key, const char* only);
  // UNIMPLEMENTED unless `key` is absent or null.
  void RequireAbsent(const char* key);

  // The rotary base from rope_theta or rope_parameters; anything but the default rotary embedding is UNIMPLEMENTED.
  double RopeTheta(double absent);

  const absl::Status& status() const { return status_; }

  // Wider than any published model by a factor of 16; products of two fit 64 bits with room.
  static constexpr int32_t kMaxSize = 1 << 24;

 private:
  const nlohmann::json* Find(const char* key) const;
  void Fail(absl::StatusCode code, const std::string& key, const std::string& why, const nlohmann::json* value);
  bool CheckRopeObject(const char* key, const nlohmann::json& object, std::optional<double>& theta);

  const nlohmann::json& config_;
  const std::string file_;
  absl::Status status_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_CONFIG_READER_H_
