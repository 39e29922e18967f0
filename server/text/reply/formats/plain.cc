// Formats without calls: nothing at all, and reasoning between <think> and </think> (the DeepSeek-R1 distillations and
// everything trained on their traces).
#include "server/text/reply/formats/formats.h"

namespace foregate {

ReplyGrammar PlainGrammar(bool has_tools) {
  (void)has_tools;
  return ReplyGrammar();
}

ReplyGrammar ThinkGrammar(bool has_tools) {
  (void)has_tools;
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  return grammar;
}

}  // namespace foregate
