#include "client/loadgen/load_flags.h"

#include <optional>
#include <sstream>

#include "CLI/CLI.hpp"

namespace foregate {
namespace {

constexpr int64_t kDefaultRequests = 100;
constexpr int64_t kMaxRequests = 200000;
// Every time between two tokens is kept until the end, in 4 bytes.
constexpr int64_t kMaxKeptTokens = 100000000;

struct Texts {
  std::string prompt = "128", output = "64";
  std::optional<int64_t> requests;
  std::optional<int> clients;
  std::optional<double> slo_ttft_ms, slo_itl_ms, long_gap;
  std::optional<int32_t> long_prompts;
};

LengthRange LengthOrThrow(const char* flag, const std::string& text) {
  const auto range = ParseLengthRange(text);
  if (!range) {
    throw CLI::ValidationError(flag, "wants N or MIN:MAX tokens, each from 1 to 1000000, got \"" + text + "\"");
  }
  return *range;
}

void AddFlags(CLI::App* app, LoadFlags* flags, Texts* texts) {
  const CLI::Range seconds(0.0, 1e6);
  app->add_option("--address", flags->address, "host:port of the data listener")->capture_default_str();
  app->add_option("--token-file", flags->token_file, "file whose first line is the bearer token");
  app->add_option("--tls-ca", flags->tls_ca, "PEM file of the authority that signed the server; turns TLS on");
  app->add_option("--rate", flags->plan.rate, "open loop: requests per second, arriving as a Poisson process")
      ->check(CLI::Range(1e-6, 1e6));
  app->add_option(
         "--clients", texts->clients,
         "closed loop: so many at a time, each sends when its last one ended (default 1); open loop: most at a "
         "time (default 256)")
      ->check(CLI::Range(1, 4096));
  app->add_option("--requests", texts->requests,
                  "end after so many (default 100, or unlimited with --duration or --long-prompt-tokens)")
      ->check(CLI::Range(int64_t{1}, kMaxRequests));
  app->add_option("--duration", flags->plan.duration_seconds, "send nothing after so many seconds")->check(seconds);
  app->add_option("--prompt-tokens", texts->prompt, "N, or MIN:MAX for uniform lengths")->capture_default_str();
  app->add_option("--output-tokens", texts->output, "N, or MIN:MAX for uniform lengths")->capture_default_str();
  app->add_option(
         "--long-prompt-tokens", flags->long_prompts.tokens,
         "closed loop: while the clients run, send a prompt of so many tokens; the report tells what the other "
         "streams felt meanwhile, and the test ends with it")
      ->check(CLI::Range(1, 1000000));
  app->add_option("--long-prompts", texts->long_prompts, "so many of them, one after the other (default 1)")
      ->check(CLI::Range(1, 10000));
  app->add_option("--long-prompt-gap", texts->long_gap,
                  "seconds before each, the first from when every client has had a token (default 5)")
      ->check(seconds);
  app->add_option("--seed", flags->plan.seed, "of arrivals, lengths and prompts")->capture_default_str();
  app->add_option("--warmup", flags->warmup, "requests before the test, which do not count")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app->add_option("--timeout", flags->timeout_s, "seconds for one request; 0 waits without end")
      ->check(seconds)
      ->capture_default_str();
  app->add_option("--slo-ttft-ms", texts->slo_ttft_ms, "goodput counts requests whose first token came in this time")
      ->check(seconds);
  app->add_option("--slo-itl-ms", texts->slo_itl_ms, "and whose time between tokens is on average at most this")
      ->check(seconds);
  app->add_option("--json", flags->json_file, "write the report there; - is standard output, without the table");
}

void FinishLongPrompts(const Texts& texts, LoadFlags* flags) {
  LongPromptFlags& prompts = flags->long_prompts;
  if (prompts.tokens == 0 && (texts.long_prompts || texts.long_gap)) {
    throw CLI::ValidationError(texts.long_prompts ? "--long-prompts" : "--long-prompt-gap",
                               "goes with --long-prompt-tokens");
  }
  if (prompts.tokens > 0 && flags->plan.rate > 0) {
    throw CLI::ValidationError("--long-prompt-tokens", "needs a closed loop, without --rate");
  }
  prompts.count = texts.long_prompts.value_or(prompts.count);
  prompts.gap_seconds = texts.long_gap.value_or(prompts.gap_seconds);
}

void Finish(const Texts& texts, LoadFlags* flags) {
  LoadPlanOptions& plan = flags->plan;
  plan.prompt = LengthOrThrow("--prompt-tokens", texts.prompt);
  plan.output = LengthOrThrow("--output-tokens", texts.output);
  flags->clients = texts.clients.value_or(plan.rate > 0 ? 256 : 1);
  const int64_t most = std::min(kMaxRequests, kMaxKeptTokens / plan.output.max);
  FinishLongPrompts(texts, flags);
  const bool ends_otherwise = plan.duration_seconds > 0 || flags->long_prompts.tokens > 0;
  plan.max_requests = texts.requests.value_or(ends_otherwise ? most : std::min(kDefaultRequests, most));
  if (plan.max_requests > most) {
    throw CLI::ValidationError("--requests", "at most " + std::to_string(most) + " with outputs of " +
                                                 std::to_string(plan.output.max) + " tokens");
  }
  if (texts.slo_ttft_ms) flags->target.ttft = *texts.slo_ttft_ms / 1000;
  if (texts.slo_itl_ms) flags->target.itl = *texts.slo_itl_ms / 1000;
}

}  // namespace

std::variant<LoadFlags, LoadUsage> ParseLoadFlags(int argc, const char* const* argv) {
  LoadFlags flags;
  Texts texts;
  CLI::App app("foregate-loadgen: load on a foregated, and what its users would have felt.", "foregate-loadgen");
  AddFlags(&app, &flags, &texts);
  // CLI11 reports by exception; this is its border.
  try {
    app.parse(argc, argv);
    Finish(texts, &flags);
  } catch (const CLI::CallForHelp& help) {
    std::ostringstream out;
    app.exit(help, out, out);
    return LoadUsage{0, out.str()};
  } catch (const CLI::ParseError& error) {
    return LoadUsage{2, "foregate-loadgen: " + std::string(error.what()) + "\n(foregate-loadgen --help explains)\n"};
  }
  return flags;
}

}  // namespace foregate
