// SafetensorsWriter: the bytes of a well-formed safetensors file for a test.
#ifndef FOREGATE_ENGINE_MODEL_SAFETENSORS_WRITER_H_
#define FOREGATE_ENGINE_MODEL_SAFETENSORS_WRITER_H_

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace foregate {

class SafetensorsWriter {
 public:
  // `dtype` as the format spells it: "BF16".
  void Add(const std::string& name, const std::string& dtype, const std::vector<int64_t>& shape,
           std::string_view bytes) {
    header_[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {data_.size(), data_.size() + bytes.size()}}};
    data_ += bytes;
  }
  std::string Bytes() const {
    const std::string header = header_.dump();
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + data_;
  }
  void Write(const std::string& path) const { std::ofstream(path, std::ios::binary) << Bytes(); }

 private:
  nlohmann::json header_ = nlohmann::json::object();
  std::string data_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_SAFETENSORS_WRITER_H_
