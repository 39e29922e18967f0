#include "tools/offline/pack_command.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/formats/container/container_format.h"
#include "engine/formats/gguf/gguf_files.h"
#include "engine/formats/gguf/header.h"
#include "engine/formats/read_only_file.h"
#include "engine/model/pack_model.h"
#include "engine/model/weight_rules.h"
#include "kernels/base/status_macros.h"
#include "server/backend_factory.h"
#include "server/text/text_model.h"

namespace foregate {
namespace {

using Clock = std::chrono::steady_clock;

// Beyond it the container would not take the file; the largest published tokenizer has 33 MB.
constexpr size_t kMaxFileBytes = kMaxEmbeddedFileBytes;

struct Flags {
  std::string model;
  std::string weights = "stored";
  std::string rules_file;
  std::string output;
  uint64_t memory_limit = 0;
  int num_threads = 0;
  std::string isa;
};

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

absl::StatusOr<WeightRules> RulesOf(const Flags& flags) {
  if (flags.rules_file.empty()) return WeightRules::ForAll(flags.weights);
  std::ifstream file(flags.rules_file);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError("--weight-rules: cannot read " + flags.rules_file);
  return WeightRules::Parse(text.str(), flags.rules_file);
}

// What the server will read of text. Loading it first finds a broken tokenizer before hours of packing.
absl::StatusOr<std::vector<PackModelOptions::File>> TextFilesOf(const std::string& model) {
  FOREGATE_ASSIGN_OR_RETURN(const TextModel text, LoadTextModel(model));
  std::vector<PackModelOptions::File> files;
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> gguf, FindGguf(model));
  if (gguf) {
    FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadOnlyFile> file, ReadOnlyFile::Open(*gguf));
    FOREGATE_ASSIGN_OR_RETURN(const GgufHeader header, GgufHeader::Read(*file));
    files.push_back({kEmbeddedGgufMetadata, header.MetadataFile()});
    return files;
  }
  for (const std::string& name : text.tokenizer_files) {
    FOREGATE_ASSIGN_OR_RETURN(std::string content, text.files.ReadText(name, kMaxFileBytes));
    files.push_back({name, std::move(content)});
  }
  return files;
}

// The file that --out means: itself, or MODEL-FORMAT.fgw in a directory.
std::string OutputPath(const Flags& flags) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!flags.output.ends_with('/') && !fs::is_directory(flags.output, error)) return flags.output;
  fs::path model = fs::weakly_canonical(flags.model, error);
  if (model.extension() == ".gguf") model = model.stem();
  const std::string format = flags.rules_file.empty() ? flags.weights : "mixed";
  return (fs::path(flags.output) / (model.filename().string() + "-" + format + kContainerExtension)).string();
}

// One line that is drawn over, on a terminal only.
class ProgressLine {
 public:
  void Draw(uint64_t done, uint64_t total) {
    if (!is_terminal_ || (SecondsSince(drawn_) < 0.2 && done < total)) return;
    drawn_ = Clock::now();
    const double seconds = SecondsSince(start_);
    std::fprintf(stderr, "\rpacking %3.0f %% of %.2f GB, %.0f MB/s ", total == 0 ? 100.0 : 100.0 * done / total,
                 total / 1e9, seconds > 0 ? done / 1e6 / seconds : 0.0);
    is_drawn_ = true;
  }
  ~ProgressLine() {
    if (is_drawn_) std::fputc('\n', stderr);
  }

 private:
  const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = {};
  bool is_drawn_ = false;
};

absl::Status Run(const Flags& flags) {
  const Clock::time_point start = Clock::now();
  PackModelOptions options;
  options.model = flags.model;
  options.output = OutputPath(flags);
  FOREGATE_ASSIGN_OR_RETURN(options.weights, RulesOf(flags));
  FOREGATE_ASSIGN_OR_RETURN(const Backend backend, MakeBackend(flags.isa, flags.num_threads));
  options.numeric_contract = backend.device->info().numeric_contract;
  options.num_threads = backend.device->info().num_threads;
  options.memory_limit = flags.memory_limit;
  FOREGATE_ASSIGN_OR_RETURN(options.files, TextFilesOf(flags.model));
  absl::StatusOr<PackedModel> packed;
  {
    ProgressLine line;
    options.progress = [&](uint64_t done, uint64_t total) { line.Draw(done, total); };
    packed = PackModel(options);
  }
  if (!packed.ok()) return packed.status();
  std::printf("%s: %s, %s, %llu bytes in %.1f s, %.2f bits per weight\n", options.output.c_str(),
              packed->architecture.c_str(), packed->weights_format.c_str(),
              static_cast<unsigned long long>(packed->file_bytes), SecondsSince(start),
              8.0 * static_cast<double>(packed->weight_bytes) / static_cast<double>(packed->num_parameters));
  return absl::OkStatus();
}

}  // namespace

OfflineCommand AddPackCommand(CLI::App* app) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* command = app->add_subcommand(
      "pack", "make a packed container of a model, which foregated loads at once and serves without the source");
  command->add_option("--model", flags->model, "a Hugging Face directory or a GGUF file")->required();
  auto* weights = command
                      ->add_option("--weights", flags->weights,
                                   "format of the weight matrices: stored, f32, bf16, f16, int8, int8-g32, int4, ...")
                      ->capture_default_str();
  command->add_option("--weight-rules", flags->rules_file, "file of rules that choose the format by tensor name")
      ->excludes(weights);
  command->add_option("--out", flags->output, "the container (.fgw), or a directory for MODEL-FORMAT.fgw")->required();
  command
      ->add_option("--memory-limit", flags->memory_limit,
                   "most resident memory, in bytes or with KiB, MiB, GiB (default: a few MiB beside the tokenizer's)")
      ->transform(CLI::AsSizeValue(false));
  command->add_option("--threads", flags->num_threads, "threads that pack (default: one per core)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--isa", flags->isa, "pack for the numeric contract of this path (default: the machine's best)");
  return [flags] { return Run(*flags); };
}

}  // namespace foregate
