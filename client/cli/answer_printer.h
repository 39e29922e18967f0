// AnswerPrinter: shows one answer as it arrives and keeps it whole.
#ifndef FOREGATE_CLIENT_CLI_ANSWER_PRINTER_H_
#define FOREGATE_CLIENT_CLI_ANSWER_PRINTER_H_

#include <ostream>

#include "client/cli/json_output.h"
#include "foregate/inference/v1/inference.pb.h"

namespace foregate {

struct AnswerStyle {
  bool json = false;
  bool print_ids = false;    // token ids instead of text
  bool is_terminal = false;  // control characters of the text are made harmless
};

// Used from one thread; `out` must outlive it.
class AnswerPrinter {
 public:
  AnswerPrinter(AnswerStyle style, std::ostream* out) : style_(style), out_(out) {}

  // A message of GenerateStream or ChatStream: printed and flushed at once, and added to answer().
  template <typename StreamResponse>
  void Add(const StreamResponse& response) {
    if (style_.json) *out_ << JsonLine(response) << "\n" << std::flush;
    for (const auto& logprobs : response.prompt_logprobs()) *answer_.add_prompt_logprobs() = logprobs;
    for (const auto& delta : response.deltas()) AddDelta(delta);
    if (response.has_summary()) *answer_.mutable_summary() = response.summary();
  }

  // A whole response of Generate or Chat; prints its samples one after the other.
  template <typename Response>
  void AddWhole(const Response& response) {
    *answer_.mutable_samples() = response.samples();
    *answer_.mutable_prompt_logprobs() = response.prompt_logprobs();
    *answer_.mutable_summary() = response.summary();
    if (style_.json) {
      *out_ << JsonLine(response) << "\n";
    } else {
      PrintSamples();
    }
  }

  // Ends the line of a streamed answer and prints the log-probabilities that came with it.
  void Finish();

  const inference::v1::GenerateResponse& answer() const { return answer_; }

 private:
  void AddDelta(const inference::v1::SampleDelta& delta);
  void PrintPiece(const std::string& text, const google::protobuf::RepeatedField<int32_t>& ids);
  void PrintSamples();

  const AnswerStyle style_;
  std::ostream* const out_;
  bool line_is_open_ = false;
  inference::v1::GenerateResponse answer_;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_ANSWER_PRINTER_H_
