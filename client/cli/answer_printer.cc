#include "client/cli/answer_printer.h"

#include <string>

#include "client/cli/text_output.h"

namespace foregate {

void AnswerPrinter::PrintPiece(const std::string& text, const google::protobuf::RepeatedField<int32_t>& ids) {
  if (style_.print_ids) {
    for (const int32_t id : ids) {
      *out_ << (line_is_open_ ? " " : "") << id;
      line_is_open_ = true;
    }
    return;
  }
  if (text.empty()) return;
  *out_ << (style_.is_terminal ? SafeForTerminal(text) : text);
  line_is_open_ = true;
}

void AnswerPrinter::AddDelta(const inference::v1::SampleDelta& delta) {
  // The server bounds num_samples; a larger index is a broken server, whose delta has no place.
  constexpr int kMaxSamples = 1024;
  if (delta.index() < 0 || delta.index() >= kMaxSamples) return;
  while (answer_.samples_size() <= delta.index()) answer_.add_samples()->set_index(answer_.samples_size() - 1);
  auto* sample = answer_.mutable_samples(delta.index());
  sample->mutable_text()->append(delta.text());
  sample->mutable_token_ids()->MergeFrom(delta.token_ids());
  sample->mutable_logprobs()->MergeFrom(delta.logprobs());
  if (delta.has_message()) {
    auto* message = sample->mutable_message();
    message->mutable_content()->append(delta.message().content());
    message->mutable_reasoning_content()->append(delta.message().reasoning_content());
    message->mutable_tool_calls()->MergeFrom(delta.message().tool_calls());
  }
  if (delta.finish_reason() != inference::v1::FINISH_REASON_UNSPECIFIED) {
    sample->set_finish_reason(delta.finish_reason());
  }
  if (style_.json) return;
  PrintPiece(delta.text(), delta.token_ids());
  *out_ << std::flush;
}

void AnswerPrinter::PrintSamples() {
  const bool numbered = answer_.samples_size() > 1;
  for (const auto& sample : answer_.samples()) {
    if (numbered) *out_ << "[" << sample.index() << "] ";
    PrintPiece(sample.text(), sample.token_ids());
    *out_ << "\n";
    line_is_open_ = false;
  }
}

void AnswerPrinter::Finish() {
  if (style_.json) return;
  if (line_is_open_) *out_ << "\n";
  line_is_open_ = false;
  if (!answer_.prompt_logprobs().empty()) *out_ << "prompt:\n" << LogprobsText(answer_.prompt_logprobs());
  for (const auto& sample : answer_.samples()) {
    if (sample.logprobs().empty()) continue;
    *out_ << "sample " << sample.index() << ":\n" << LogprobsText(sample.logprobs());
  }
  *out_ << std::flush;
}

}  // namespace foregate
