#include "server/config/config_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "server/config/config_schema.h"

namespace foregate {
namespace {

using google::protobuf::TextFormat;

constexpr size_t kMaxFileBytes = 1 << 20;
// Beyond that a file is not a configuration, and the reader is not helped by the rest.
constexpr size_t kMaxProblems = 20;

std::string At(const std::string& file, int line, int column) {
  return file + ":" + std::to_string(line + 1) + ":" + std::to_string(column + 1);
}

class ProblemCollector final : public google::protobuf::io::ErrorCollector {
 public:
  ProblemCollector(const std::string& file, std::vector<std::string>* problems) : file_(file), problems_(problems) {}
  void AddError(int line, int column, const std::string& message) override {
    if (problems_->size() < kMaxProblems)
      problems_->push_back((line < 0 ? file_ : At(file_, line, column)) + ": " + message);
  }
  void AddWarning(int line, int column, const std::string& message) override { AddError(line, column, message); }

 private:
  const std::string& file_;
  std::vector<std::string>* problems_;
};

}  // namespace

ServerConfig ParseConfigText(std::string_view text, const std::string& file, ConfigOrigins* origins,
                             std::vector<std::string>* problems) {
  ProblemCollector collector(file, problems);
  TextFormat::ParseInfoTree locations;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&locations);
  parser.SetRecursionLimit(16);
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  ServerConfig config;
  const size_t problems_before = problems->size();
  if (!parser.Parse(&stream, &config)) {
    if (problems->size() == problems_before) problems->push_back(file + ": is not a text proto of ServerConfig");
    return config;
  }
  for (const ConfigField& field : ConfigFields()) {
    if (!GetConfigField(field, config)) continue;
    const TextFormat::ParseInfoTree* tree = &locations;
    for (size_t i = 0; i + 1 < field.chain.size() && tree != nullptr; ++i)
      tree = tree->GetTreeForNested(field.chain[i], -1);
    if (tree == nullptr) continue;
    const TextFormat::ParseLocation location = tree->GetLocation(field.descriptor(), -1);
    (*origins)[field.path] = At(file, location.line, location.column) + ": " + field.path;
  }
  return config;
}

ServerConfig ReadConfigFile(const std::string& path, ConfigOrigins* origins, std::vector<std::string>* problems) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    problems->push_back(path + ": " + std::strerror(errno));
    return {};
  }
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof())) {
    problems->push_back(path + ": cannot be read");
    return {};
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    problems->push_back(path + ": larger than " + std::to_string(kMaxFileBytes) + " bytes");
    return {};
  }
  return ParseConfigText(text, path, origins, problems);
}

}  // namespace foregate
