// What a user asked `foregate` to do: the parsed and checked command line.
#ifndef FOREGATE_CLIENT_CLI_COMMAND_LINE_H_
#define FOREGATE_CLIENT_CLI_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "foregate/inference/v1/inference.pb.h"

namespace foregate {

enum class Command : uint8_t {
  kChat,
  kGenerate,
  kTokenize,
  kDetokenize,
  kRender,
  kTokenizer,
  kModels,
  kStatus,
  kExperts,
  kTop,
  kEval,
  kDrain,
  kAbort,
  kTraceStart,
  kTraceStop,
  kTraceRecord,
  kTraceOffline,
  kPack,
  kPlan,
};

struct ConnectionFlags {
  std::string address = "127.0.0.1:50051";
  std::string admin_address = "127.0.0.1:50052";
  std::string token;
  std::string token_file;
  bool tls = false;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  // Seconds; 0 waits without end.
  double timeout_s = 0;
  double retry_s = 30;
};

// eval.
struct EvaluationFlags {
  std::string task_file;  // "-": standard input
  std::vector<std::string> families;
  std::optional<int64_t> limit;
  int concurrency = 8;
  int32_t max_tokens = 512;
  bool prompt_logprobs = false;
  std::string json_file;  // "-": standard output, without the tables
  std::string save_file;
  std::string reference_file;
};

struct CommandLine {
  Command command = Command::kStatus;
  ConnectionFlags connection;
  bool json = false;

  // chat, generate, tokenize, detokenize, render. Unset text is read from standard input.
  std::optional<std::string> text;
  std::vector<int32_t> ids;
  std::optional<std::string> system;
  // chat, render: a file of messages and tools ("-": standard input), and what the template gets beside them.
  std::string conversation_file;
  std::vector<std::string> template_arguments;  // "KEY=VALUE"
  std::optional<std::string> template_name;
  bool continue_final_message = false;
  std::optional<std::string> reply_format;  // chat
  std::optional<std::string> model;
  std::string request_id;
  inference::v1::GenerationOptions options;
  bool stream = true;
  bool stats = false;
  bool print_ids = false;
  bool add_special_tokens = true;
  bool skip_special_tokens = false;

  bool wait = false;                      // status
  bool once = false;                      // top
  double interval_s = 1;                  // top
  std::optional<double> drain_timeout_s;  // drain
  std::optional<int64_t> max_bytes;       // trace start, record
  std::optional<double> record_seconds;   // trace record; absent: until it is interrupted
  std::string output_file;                // trace stop, record; empty: standard output
  std::string output_directory;           // tokenizer; empty: list only
  EvaluationFlags evaluation;
  // pack, plan, trace import|export|make|summary|replay: as they were given, for foregate-offline.
  std::vector<std::string> arguments;
};

// Printed instead of running anything: help (exit code 0, to standard output) or a usage error (2, to standard error).
struct ParseMessage {
  int exit_code = 0;
  std::string text;
};

std::variant<CommandLine, ParseMessage> ParseCommandLine(int argc, const char* const* argv);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_COMMAND_LINE_H_
