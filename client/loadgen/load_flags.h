// The command line of foregate-loadgen, parsed and checked.
#ifndef FOREGATE_CLIENT_LOADGEN_LOAD_FLAGS_H_
#define FOREGATE_CLIENT_LOADGEN_LOAD_FLAGS_H_

#include <cstdint>
#include <string>
#include <variant>

#include "client/loadgen/arrival_process.h"
#include "client/loadgen/load_statistics.h"

namespace foregate {

// Prompts of another size that arrive one after the other while the clients of a closed loop run.
struct LongPromptFlags {
  int32_t tokens = 0;  // 0: none
  int32_t count = 1;
  double gap_seconds = 5;  // before each, undisturbed
};

struct LoadFlags {
  std::string address = "127.0.0.1:50051";
  std::string token_file;
  std::string tls_ca;
  int clients = 1;
  int warmup = 1;
  double timeout_s = 600;
  LoadPlanOptions plan;
  LatencyTarget target;
  LongPromptFlags long_prompts;
  std::string json_file;
};

// Printed instead of running anything: help (exit code 0, to standard output) or a usage error (2, to standard error).
struct LoadUsage {
  int exit_code = 0;
  std::string text;
};

std::variant<LoadFlags, LoadUsage> ParseLoadFlags(int argc, const char* const* argv);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_LOADGEN_LOAD_FLAGS_H_
