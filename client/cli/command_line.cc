#include "client/cli/command_line.h"

#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>

#include "CLI/CLI.hpp"
#include "client/cli/exit_code.h"

namespace foregate {
namespace {

// The optional values of the generation flags, before they become a message with presence.
struct GenerationFlags {
  std::optional<float> temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int32_t> top_k, max_tokens, min_tokens, logprobs, prompt_logprobs, num_samples, priority;
  std::optional<uint64_t> seed;
  std::vector<std::string> logit_bias, stop_strings;
  std::vector<int32_t> stop_ids;
  std::optional<std::string> cache_salt;
  bool ignore_eos = false, include_stop = false, keep_special = false, no_stream = false;
};

void AddConnectionFlags(CLI::App* app, CommandLine* line) {
  ConnectionFlags* flags = &line->connection;
  // The last one wins, so that a script's wrapper can be overridden.
  app->add_option("--address", flags->address, "host:port of the data listener")->capture_default_str()->take_last();
  app->add_option("--admin-address", flags->admin_address, "host:port of the admin listener (drain, abort, trace)")
      ->capture_default_str()
      ->take_last();
  auto* token = app->add_option("--token", flags->token, "bearer token (other users of this machine can see it)");
  app->add_option("--token-file", flags->token_file, "file whose first line is the bearer token")->excludes(token);
  app->add_flag("--tls", flags->tls, "encrypt, and verify the server by the system's authorities");
  app->add_option("--tls-ca", flags->tls_ca, "PEM file of the authority that signed the server; implies --tls");
  auto* cert = app->add_option("--tls-cert", flags->tls_cert, "PEM file of this client's certificate; implies --tls");
  auto* key = app->add_option("--tls-key", flags->tls_key, "PEM file of its key");
  cert->needs(key);
  key->needs(cert);
  app->add_option("--timeout", flags->timeout_s, "seconds for the whole call; 0 waits without end")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app->add_option("--retry", flags->retry_s, "seconds to keep trying while the server is loading or busy restarting")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app->add_flag("--json", line->json, "machine-readable output: one JSON object per line");
}

void AddRequestFlags(CLI::App* app, CommandLine* line) {
  app->add_option("--model", line->model, "name the served model must have");
  app->add_option("--request-id", line->request_id, "name of this request on the server (default: assigned)");
}

void AddGenerationFlags(CLI::App* app, CommandLine* line, GenerationFlags* flags) {
  AddRequestFlags(app, line);
  app->add_option("--temperature", flags->temperature, "0 is greedy (default: the model's)");
  app->add_option("--top-k", flags->top_k, "keep the k most likely tokens; 0 keeps all");
  app->add_option("--top-p", flags->top_p, "keep the smallest set of this probability");
  app->add_option("--min-p", flags->min_p, "keep tokens at least this fraction as likely as the best");
  app->add_option("--repetition-penalty", flags->repetition_penalty, "over prompt and output; 1 is off");
  app->add_option("--presence-penalty", flags->presence_penalty, "over output, -2 to 2");
  app->add_option("--frequency-penalty", flags->frequency_penalty, "over output per occurrence, -2 to 2");
  app->add_option("--logit-bias", flags->logit_bias, "ID:VALUE added to a token's logit; repeatable");
  app->add_option("--seed", flags->seed, "equal seeds give equal tokens (default: chosen and reported)");
  app->add_option("--max-tokens", flags->max_tokens, "tokens to generate (default: what the context has left)");
  app->add_option("--min-tokens", flags->min_tokens, "do not end before this many tokens");
  app->add_option("--stop", flags->stop_strings, "end where this text appears; repeatable");
  app->add_option("--stop-id", flags->stop_ids, "end at this token id; repeatable");
  app->add_flag("--ignore-eos", flags->ignore_eos, "do not end at the model's end tokens");
  app->add_flag("--include-stop", flags->include_stop, "leave the stop string in the text");
  app->add_option("--logprobs", flags->logprobs, "log-probabilities of the output and of this many alternatives");
  app->add_option("--prompt-logprobs", flags->prompt_logprobs, "the same for the prompt");
  app->add_flag("--keep-special", flags->keep_special, "show special tokens in the text");
  app->add_option("-n,--num-samples", flags->num_samples, "samples of one prompt");
  app->add_option("--priority", flags->priority, "larger is scheduled sooner, -100 to 100");
  app->add_option("--cache-salt", flags->cache_salt, "share prompt prefixes only with requests of equal salt");
  app->add_flag("--no-stream", flags->no_stream, "answer at once instead of token by token");
  app->add_flag("--stats", line->stats, "afterwards: speed, time to first token, and which experts worked");
  app->add_flag("--print-ids", line->print_ids, "print token ids instead of text");
}

// "ID:VALUE"; throws CLI::ValidationError, as CLI11 expects of what it calls.
std::pair<int32_t, float> ParseLogitBias(const std::string& text) {
  int32_t id = 0;
  const char* end = text.data() + text.size();
  const auto [colon, id_error] = std::from_chars(text.data(), end, id);
  float value = 0;
  if (id_error == std::errc() && colon != end && *colon == ':') {
    const auto [rest, value_error] = std::from_chars(colon + 1, end, value);
    if (value_error == std::errc() && rest == end && std::isfinite(value)) return {id, value};
  }
  throw CLI::ValidationError("--logit-bias", "wants ID:VALUE, got \"" + text + "\"");
}

void FillOptions(const GenerationFlags& flags, CommandLine* line) {
  inference::v1::GenerationOptions* options = &line->options;
  auto* sampling = options->mutable_sampling();
  if (flags.temperature) sampling->set_temperature(*flags.temperature);
  if (flags.top_k) sampling->set_top_k(*flags.top_k);
  if (flags.top_p) sampling->set_top_p(*flags.top_p);
  if (flags.min_p) sampling->set_min_p(*flags.min_p);
  if (flags.repetition_penalty) sampling->set_repetition_penalty(*flags.repetition_penalty);
  if (flags.presence_penalty) sampling->set_presence_penalty(*flags.presence_penalty);
  if (flags.frequency_penalty) sampling->set_frequency_penalty(*flags.frequency_penalty);
  for (const std::string& bias : flags.logit_bias) {
    const auto [id, value] = ParseLogitBias(bias);
    (*sampling->mutable_logit_bias())[id] = value;
  }
  if (flags.seed) sampling->set_seed(*flags.seed);
  auto* stop = options->mutable_stop();
  if (flags.max_tokens) stop->set_max_tokens(*flags.max_tokens);
  if (flags.min_tokens) stop->set_min_tokens(*flags.min_tokens);
  for (const std::string& text : flags.stop_strings) stop->add_stop_strings(text);
  for (const int32_t id : flags.stop_ids) stop->add_stop_token_ids(id);
  if (flags.ignore_eos) stop->set_ignore_eos(true);
  if (flags.include_stop) stop->set_include_stop_string(true);
  auto* output = options->mutable_output();
  if (flags.logprobs) output->set_logprobs(*flags.logprobs);
  if (flags.prompt_logprobs) output->set_prompt_logprobs(*flags.prompt_logprobs);
  if (flags.keep_special) output->set_skip_special_tokens(false);
  if (line->stats) output->set_expert_stats(true);
  if (flags.num_samples) options->set_num_samples(*flags.num_samples);
  if (flags.priority) options->set_priority(*flags.priority);
  if (flags.cache_salt) options->set_cache_salt(*flags.cache_salt);
  line->stream = !flags.no_stream;
}

void AddConversationFlags(CLI::App* command, CommandLine* line) {
  auto* text = command->add_option("message", line->text, "one message (default: standard input)");
  auto* system = command->add_option("--system", line->system, "system message");
  command
      ->add_option("-f,--conversation", line->conversation_file,
                   "JSON file of messages and tools as OpenAI's chat API takes them (-: standard input)")
      ->excludes(text)
      ->excludes(system);
  command->add_option("--template-arg", line->template_arguments,
                      "KEY=VALUE for the chat template (enable_thinking=false); repeatable");
  command->add_option("--template", line->template_name, "the checkpoint's chat template of this name");
  command->add_flag("--continue", line->continue_final_message, "the model goes on with the last message");
}

void AddChat(CLI::App* app, CommandLine* line, GenerationFlags* flags) {
  auto* chat = app->add_subcommand("chat", "Talk to the model; without a message and on a terminal: a conversation");
  AddConversationFlags(chat, line);
  chat->add_option("--reply-format", line->reply_format,
                   "how reasoning and tool calls are found in the reply (default: the server's)");
  AddGenerationFlags(chat, line, flags);
  chat->callback([line] { line->command = Command::kChat; });
}

void AddGenerate(CLI::App* app, CommandLine* line, GenerationFlags* flags) {
  auto* generate = app->add_subcommand("generate", "Complete a prompt of text or token ids");
  auto* text = generate->add_option("prompt", line->text, "the prompt (default: standard input)");
  generate->add_option("--ids", line->ids, "the prompt as token ids: 1,2,3")->delimiter(',')->excludes(text);
  generate->add_flag("!--no-special-tokens", line->add_special_tokens, "do not add the tokenizer's special tokens");
  AddGenerationFlags(generate, line, flags);
  generate->callback([line] { line->command = Command::kGenerate; });
}

void AddTextCommands(CLI::App* app, CommandLine* line) {
  auto* tokenize = app->add_subcommand("tokenize", "Text to token ids");
  tokenize->add_option("text", line->text, "the text (default: standard input)");
  tokenize->add_flag("!--no-special-tokens", line->add_special_tokens, "do not add the tokenizer's special tokens");
  AddRequestFlags(tokenize, line);
  tokenize->callback([line] { line->command = Command::kTokenize; });

  auto* detokenize = app->add_subcommand("detokenize", "Token ids to text");
  detokenize->add_option("ids", line->ids, "token ids: 1,2,3 (default: standard input)")->delimiter(',');
  detokenize->add_flag("--skip-special", line->skip_special_tokens, "leave special tokens out");
  AddRequestFlags(detokenize, line);
  detokenize->callback([line] { line->command = Command::kDetokenize; });

  auto* render = app->add_subcommand("render", "The prompt that chat would use, without generating");
  AddConversationFlags(render, line);
  AddRequestFlags(render, line);
  render->callback([line] { line->command = Command::kRender; });

  auto* tokenizer = app->add_subcommand("tokenizer", "The files of the tokenizer and its chat templates");
  tokenizer->add_option("--model", line->model, "name of the model (default: the served one)");
  tokenizer->add_option("-d,--directory", line->output_directory, "write them there (default: list them)");
  tokenizer->callback([line] { line->command = Command::kTokenizer; });
}

void AddServerCommands(CLI::App* app, CommandLine* line) {
  app->add_subcommand("models", "What is served and its limits")->callback([line] {
    line->command = Command::kModels;
  });
  auto* status = app->add_subcommand("status", "State, load and health; exit code 0 only when ready");
  status->add_flag("--wait", line->wait, "wait until the model is loaded, with a progress bar");
  status->callback([line] { line->command = Command::kStatus; });
  app->add_subcommand("experts", "How often each expert worked since the start, and where it is")->callback([line] {
    line->command = Command::kExperts;
  });
  auto* top = app->add_subcommand("top", "Load, speed and the expert tier, live");
  top->add_option("--interval", line->interval_s, "seconds between frames, and the time that rates are taken over")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
  top->add_flag("--once", line->once, "one frame, after one interval, and end");
  top->callback([line] { line->command = Command::kTop; });
}

void AddEval(CLI::App* app, CommandLine* line) {
  EvaluationFlags* flags = &line->evaluation;
  auto* eval = app->add_subcommand("eval", "Ask held-out tasks and say how many replies are exactly right");
  eval->add_option("tasks", flags->task_file,
                   "file with a task per line, as docs/evaluation.md says (-: standard input)")
      ->required();
  eval->add_option("--family", flags->families, "only tasks of these families, separated by commas; repeatable")
      ->delimiter(',')
      ->allow_extra_args(false);  // or the file behind it would be a family
  eval->add_option("--limit", flags->limit, "only the first so many of each family")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  eval->add_option("--concurrency", flags->concurrency, "so many requests at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  eval->add_option("--max-tokens", flags->max_tokens, "most tokens of a reply")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  eval->add_flag("--prompt-logprobs", flags->prompt_logprobs,
                 "also score the right answers: perplexity, and with --against a bound of the KL divergence");
  eval->add_option("--save", flags->save_file, "keep the results, one JSON object per line, for --against");
  eval->add_option("--against", flags->reference_file,
                   "results of another model or weight format for the same tasks, to compare with");
  // In place of the flag that other commands have.
  eval->add_option("--json", flags->json_file, "write the report there, too; - is standard output, without tables");
  eval->add_option("--model", line->model, "name the served model must have");
  eval->callback([line] { line->command = Command::kEval; });
}

void AddAdminCommands(CLI::App* app, CommandLine* line) {
  auto* drain = app->add_subcommand("drain", "Refuse new requests and wait until nothing runs (admin)");
  drain->add_option("--drain-timeout", line->drain_timeout_s, "seconds until what still runs is cancelled")
      ->check(CLI::Range(0.0, 1e6));
  drain->callback([line] { line->command = Command::kDrain; });

  auto* abort = app->add_subcommand("abort", "Cancel a running request by its id (admin)");
  abort->add_option("id", line->request_id, "the request's id")->required();
  abort->callback([line] { line->command = Command::kAbort; });

  auto* trace = app->add_subcommand(
      "trace", "Record which experts every token is routed to (admin); read and replay such traces");
  trace->require_subcommand(1);
  auto* start = trace->add_subcommand("start", "Begin recording, as CSV");
  start->add_option("--max-bytes", line->max_bytes, "close the trace at this size");
  start->callback([line] { line->command = Command::kTraceStart; });
  auto* stop = trace->add_subcommand(
      "stop", "End recording and write the trace, in the format that it was begun in: CSV by start, .fgr by record");
  stop->add_option("-o,--output", line->output_file, "file (default: standard output)");
  stop->callback([line] { line->command = Command::kTraceStop; });
  auto* record = trace->add_subcommand("record", "Record until Ctrl-C, or for a while, and write a routing trace");
  record->add_option("-o,--output", line->output_file, "the trace (.fgr)")->required();
  record->add_option("--seconds", line->record_seconds, "end after this time (default: at Ctrl-C)")
      ->check(CLI::Range(0.0, 1e6));
  record->add_option("--max-bytes", line->max_bytes, "close the trace at this size (default: 64 MiB; at most 1 GiB)")
      ->transform(CLI::AsSizeValue(false));
  record->callback([line] { line->command = Command::kTraceRecord; });
}

// A command of foregate-offline: its flags are handed on as they are; also --help is answered there.
void HandOn(CLI::App* app, CommandLine* line, const std::string& name, const std::string& what, Command command) {
  auto* handed_on = app->add_subcommand(name, what);
  handed_on->fallthrough(false);  // a new command has its parent's
  handed_on->prefix_command();
  handed_on->set_help_flag();
  handed_on->callback([line, handed_on, name, command] {
    line->command = command;
    line->arguments = handed_on->remaining();
    if (command == Command::kTraceOffline) line->arguments.insert(line->arguments.begin(), name);
  });
}

// Without fallthrough, so that no flag of theirs is taken for one of this program's.
void AddOfflineCommands(CLI::App* app, CommandLine* line) {
  HandOn(app, line, "pack", "Make a packed container of a model, which foregated serves alone", Command::kPack);
  HandOn(app, line, "plan", "What a model would do with so much memory: what stays in it, and tokens per second",
         Command::kPlan);
  auto* trace = app->get_subcommand("trace");
  HandOn(trace, line, "import", "Make a routing trace of a CSV file", Command::kTraceOffline);
  HandOn(trace, line, "export", "Make a CSV file of a routing trace", Command::kTraceOffline);
  HandOn(trace, line, "make", "Make up a routing trace of streams that decode side by side", Command::kTraceOffline);
  HandOn(trace, line, "summary", "What a routing trace says about caching", Command::kTraceOffline);
  HandOn(trace, line, "replay", "Run routing traces against an expert cache, in virtual time", Command::kTraceOffline);
}

void Finish(const GenerationFlags& flags, CommandLine* line) {
  const ConnectionFlags& connection = line->connection;
  line->connection.tls = connection.tls || !connection.tls_ca.empty() || !connection.tls_cert.empty();
  if (line->command == Command::kChat || line->command == Command::kGenerate) FillOptions(flags, line);
}

}  // namespace

std::variant<CommandLine, ParseMessage> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  GenerationFlags flags;
  CLI::App app("foregate: the command line of foregated, an inference server for Mixture-of-Experts models.",
               "foregate");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(std::string(kExitCodeTable) + "\n\n`foregate COMMAND --help` explains a command.");
  AddConnectionFlags(&app, &line);
  AddChat(&app, &line, &flags);
  AddGenerate(&app, &line, &flags);
  AddTextCommands(&app, &line);
  AddServerCommands(&app, &line);
  AddEval(&app, &line);
  AddAdminCommands(&app, &line);
  for (auto* command : app.get_subcommands({})) {
    command->fallthrough();
    for (auto* nested : command->get_subcommands({})) nested->fallthrough();
  }
  AddOfflineCommands(&app, &line);
  // CLI11 reports by exception; this is its border.
  try {
    app.parse(argc, argv);
    Finish(flags, &line);
  } catch (const CLI::CallForHelp& help) {
    std::ostringstream out;
    app.exit(help, out, out);
    return ParseMessage{kExitOk, out.str()};
  } catch (const CLI::ParseError& error) {
    if (app.get_subcommands().empty() && !app.remaining().empty()) {
      return ParseMessage{kExitUsage,
                          "foregate: unknown command or flag " + app.remaining()[0] + "\n(foregate --help explains)\n"};
    }
    return ParseMessage{kExitUsage, "foregate: " + std::string(error.what()) + "\n(foregate --help explains)\n"};
  }
  return line;
}

}  // namespace foregate
