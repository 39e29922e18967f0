// GgufWriter: the bytes of a GGUF file for a test, well-formed or with a planted fault.
#ifndef FOREGATE_ENGINE_FORMATS_GGUF_GGUF_WRITER_H_
#define FOREGATE_ENGINE_FORMATS_GGUF_GGUF_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/gguf/header.h"

namespace foregate {

template <typename T>
std::string GgufBytes(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}
inline std::string GgufText(std::string_view text) { return GgufBytes<uint64_t>(text.size()) + std::string(text); }

// The pieces are public: a test changes what it wants to break.
struct GgufWriter {
  uint32_t version = 3;
  uint64_t alignment = 32;  // of the data; adding the metadata entry is the test's business
  std::vector<std::string> entries;
  std::vector<std::string> tensors;
  std::string data;

  void AddEntry(std::string_view key, GgufValueType type, std::string_view value) {
    entries.push_back(GgufText(key) + GgufBytes(static_cast<uint32_t>(type)) + std::string(value));
  }
  void AddString(std::string_view key, std::string_view value) {
    AddEntry(key, GgufValueType::kString, GgufText(value));
  }
  void AddUint32(std::string_view key, uint32_t value) { AddEntry(key, GgufValueType::kUint32, GgufBytes(value)); }
  void AddFloat32(std::string_view key, float value) { AddEntry(key, GgufValueType::kFloat32, GgufBytes(value)); }
  void AddBool(std::string_view key, bool value) {
    AddEntry(key, GgufValueType::kBool, GgufBytes(static_cast<uint8_t>(value)));
  }
  static std::string Array(GgufValueType element, uint64_t count, std::string_view elements) {
    return GgufBytes(static_cast<uint32_t>(element)) + GgufBytes(count) + std::string(elements);
  }
  void AddStrings(std::string_view key, const std::vector<std::string>& values) {
    std::string elements;
    for (const std::string& value : values) elements += GgufText(value);
    AddEntry(key, GgufValueType::kArray, Array(GgufValueType::kString, values.size(), elements));
  }
  template <typename T>
  void AddNumbers(std::string_view key, GgufValueType element, const std::vector<T>& values) {
    std::string elements;
    for (const T value : values) elements += GgufBytes(value);
    AddEntry(key, GgufValueType::kArray, Array(element, values.size(), elements));
  }

  // `extents` innermost first, as in the file.
  static std::string Description(std::string_view name, const std::vector<uint64_t>& extents, uint32_t type,
                                 uint64_t offset) {
    std::string text = GgufText(name) + GgufBytes(static_cast<uint32_t>(extents.size()));
    for (const uint64_t extent : extents) text += GgufBytes(extent);
    return text + GgufBytes(type) + GgufBytes(offset);
  }
  // Appends the tensor's bytes to the data, aligned.
  void AddTensor(std::string_view name, const std::vector<uint64_t>& extents, GgufTensorType type,
                 std::string_view bytes) {
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    tensors.push_back(Description(name, extents, static_cast<uint32_t>(type), data.size()));
    data += bytes;
  }

  std::string Bytes() const {
    std::string file =
        "GGUF" + GgufBytes(version) + GgufBytes<uint64_t>(tensors.size()) + GgufBytes<uint64_t>(entries.size());
    for (const std::string& entry : entries) file += entry;
    for (const std::string& tensor : tensors) file += tensor;
    if (!tensors.empty()) file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data;
  }
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_GGUF_GGUF_WRITER_H_
