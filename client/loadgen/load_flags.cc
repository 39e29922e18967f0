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
  std::optional<double> slo_ttft_ms, slo_itl_ms;
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
  app->add_option("--requests", texts->requests, "end after so many (default 100, or unlimited with --duration)")
      ->check(CLI::Range(int64_t{1}, kMaxRequests));
  app->add_option("--duration", flags->plan.duration_seconds, "send nothing after so many seconds")->check(seconds);
  app->add_option("--prompt-tokens", texts->prompt, "N, or MIN:MAX for uniform lengths")->capture_default_str();
  app->add_option("--output-tokens", texts->output, "N, or MIN:MAX for uniform lengths")->capture_default_str();
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

void Finish(const Texts& texts, LoadFlags* flags) {
  LoadPlanOptions& plan = flags->plan;
  plan.prompt = LengthOrThrow("--prompt-tokens", texts.prompt);
  plan.output = LengthOrThrow("--output-tokens", texts.output);
  flags->clients = texts.clients.value_or(plan.rate > 0 ? 256 : 1);
  const int64_t most = std::min(kMaxRequests, kMaxKeptTokens / plan.output.max);
  plan.max_requests = texts.requests.value_or(plan.duration_seconds > 0 ? most : std::min(kDefaultRequests, most));
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
