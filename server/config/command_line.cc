#include "server/config/command_line.h"

#include <filesystem>
#include <string_view>

#include "server/config/config_file.h"
#include "server/config/config_schema.h"

namespace foregate {
namespace {

constexpr size_t kHelpColumns = 100;

class CommandLineParser {
 public:
  explicit CommandLineParser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  absl::StatusOr<CommandLine> Parse() {
    while (next_ < arguments_.size()) ParseArgument(arguments_[next_++]);
    CommandLine result;
    result.action = action_;
    if (action_ == CommandLineAction::kHelp || action_ == CommandLineAction::kVersion) return result;
    ConfigOrigins origins;
    result.config = DefaultServerConfig();
    if (!file_.empty()) result.config.MergeFrom(ReadConfigFile(file_, &origins, &problems_));
    result.config.MergeFrom(flags_);
    for (const auto& [path, origin] : flag_origins_) origins[path] = origin;
    FillModelName(&result.config);
    // A value that could not be read would only cause follow-up complaints about its default.
    if (problems_.empty()) problems_ = FindConfigProblems(result.config, origins, action_ == CommandLineAction::kServe);
    if (problems_.empty()) return result;
    std::string message;
    for (const std::string& problem : problems_) message += (message.empty() ? "" : "\n") + problem;
    return absl::InvalidArgumentError(message);
  }

 private:
  void ParseArgument(const std::string& argument) {
    if (argument == "-h") {
      action_ = CommandLineAction::kHelp;
      return;
    }
    if (!argument.starts_with("--") || argument.size() == 2) {
      problems_.push_back("unexpected argument \"" + argument + "\"; flags begin with --, see --help");
      return;
    }
    const size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const std::string name = flag.substr(2);
    if (name == "help" || name == "version" || name == "print-config") {
      if (equals != std::string::npos) problems_.push_back(flag + ": takes no value");
      action_ = name == "help"      ? CommandLineAction::kHelp
                : name == "version" ? CommandLineAction::kVersion
                                    : CommandLineAction::kPrintConfig;
      return;
    }
    const ConfigField* field = FindConfigField(name);
    if (field == nullptr && name != "config") {
      problems_.push_back(flag + ": unknown flag, see --help");
      return;
    }
    std::string value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (field != nullptr && field->is_bool()) {
      value = "true";
    } else if (next_ < arguments_.size() && !arguments_[next_].starts_with("--")) {
      value = arguments_[next_++];
    } else {
      problems_.push_back(flag + ": needs a value");
      return;
    }
    if (field == nullptr) {
      file_ = value;
      if (file_.empty()) problems_.push_back(flag + ": needs a file");
      return;
    }
    if (absl::Status status = SetConfigField(*field, value, &flags_); !status.ok())
      problems_.push_back(flag + ": " + std::string(status.message()));
    flag_origins_[field->path] = flag;
  }

  static void FillModelName(ServerConfig* config) {
    if (config->model().has_name() || config->model().dir().empty()) return;
    std::error_code ignored;  // then the spelling as given has to do
    const std::filesystem::path given(config->model().dir());
    std::filesystem::path path = std::filesystem::weakly_canonical(given, ignored);
    if (path.empty()) path = given;
    if (!path.has_filename()) path = path.parent_path();
    // A container is called by the model's name.
    config->mutable_model()->set_name((path.extension() == ".fgw" ? path.stem() : path.filename()).string());
  }

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
  CommandLineAction action_ = CommandLineAction::kServe;
  std::string file_;
  ServerConfig flags_;
  ConfigOrigins flag_origins_;
  std::vector<std::string> problems_;
};

// `text` in lines of at most kHelpColumns, each indented.
std::string Wrap(const std::string& text, size_t indent) {
  std::string result;
  std::string line;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!line.empty() && indent + line.size() + 1 + word.size() > kHelpColumns) {
      result += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return result + std::string(indent, ' ') + line + "\n";
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  return CommandLineParser(arguments).Parse();
}

std::string HelpText() {
  std::string text =
      "foregated serves one Mixture-of-Experts checkpoint over gRPC.\n\n"
      "  foregated --model DIR [--config FILE] [flags]\n\n"
      "Flags win over the file of --config (text proto, foregate.config.v1.ServerConfig). Sizes take KiB, MiB, GiB.\n"
      "Exit codes: 0 after a drain (SIGTERM, SIGINT), 1 the model or a listener failed, 2 wrong configuration,\n"
      "130 or 143 a second signal while draining.\n\n"
      "  --config FILE\n      Read settings from this file.\n"
      "  --print-config\n      Print what holds, defaults included, and exit.\n"
      "  --version\n  --help, -h\n";
  for (const ConfigField& field : ConfigFields()) {
    text += "  ";
    if (!field.alias.empty()) text += "--" + field.alias + ", ";
    text += "--" + field.path + (field.is_bool() ? "[=true|false]" : " VALUE") + "\n" + Wrap(field.comment, 6);
  }
  return text;
}

}  // namespace foregate
