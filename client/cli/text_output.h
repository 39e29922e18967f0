// What people read: stats line, tables and progress bar. Pure functions from messages to text.
#ifndef FOREGATE_CLIENT_CLI_TEXT_OUTPUT_H_
#define FOREGATE_CLIENT_CLI_TEXT_OUTPUT_H_

#include <cstdint>
#include <string>

#include "foregate/discovery/v1/discovery.pb.h"
#include "foregate/experts/v1/expert.pb.h"
#include "foregate/inference/v1/inference.pb.h"

namespace foregate {

// Text of a model with what could drive a terminal (escape sequences and other control characters but newline and tab)
// made harmless, because a model's output is not the user's input. Works on a stream cut at character borders.
std::string SafeForTerminal(const std::string& text);

// Two lines or one: speed, time to first token, tokens, seed, mode; then the busiest experts of each layer.
std::string StatsText(const inference::v1::RequestSummary& summary);
// One line a token: the token, its log-probability and rank, and its alternatives.
std::string LogprobsText(const google::protobuf::RepeatedPtrField<inference::v1::TokenLogprobs>& tokens);

// "[#####.....]  52 %  6.5 of 12.5 MB"; an unknown total gives an empty bar.
std::string ProgressBar(uint64_t bytes_done, uint64_t bytes_total);
std::string ModelText(const discovery::v1::GetModelResponse& model);
std::string StatusText(const discovery::v1::GetServerInfoResponse& server, bool healthy,
                       const discovery::v1::GetLoadResponse* load);
std::string ExpertsText(const experts::v1::GetExpertStatsResponse& stats);
// "ready", "loading", ...
std::string StateName(discovery::v1::ServerState state);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_TEXT_OUTPUT_H_
