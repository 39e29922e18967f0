// The grammars, one file for each family of spellings. `has_tools`: see ReplyContext; without it a grammar knows no
// calls.
#ifndef FOREGATE_SERVER_TEXT_REPLY_FORMATS_FORMATS_H_
#define FOREGATE_SERVER_TEXT_REPLY_FORMATS_FORMATS_H_

#include "server/text/reply/reply_grammar.h"

namespace foregate {

ReplyGrammar PlainGrammar(bool has_tools);
ReplyGrammar ThinkGrammar(bool has_tools);
ReplyGrammar HermesGrammar(bool has_tools);
ReplyGrammar LongcatGrammar(bool has_tools);
ReplyGrammar NemotronGrammar(bool has_tools);
ReplyGrammar MinimaxM1Grammar(bool has_tools);
ReplyGrammar Qwen3CoderGrammar(bool has_tools);
ReplyGrammar SeedOssGrammar(bool has_tools);
ReplyGrammar MistralGrammar(bool has_tools);
ReplyGrammar Llama3JsonGrammar(bool has_tools);
ReplyGrammar PythonicGrammar(bool has_tools);
ReplyGrammar Olmo3Grammar(bool has_tools);
ReplyGrammar Lfm2Grammar(bool has_tools);
ReplyGrammar DeepseekV3Grammar(bool has_tools);
ReplyGrammar DeepseekV32Grammar(bool has_tools);
ReplyGrammar MinimaxM2Grammar(bool has_tools);
ReplyGrammar HarmonyGrammar(bool has_tools);
ReplyGrammar Glm45Grammar(bool has_tools);
ReplyGrammar KimiK2Grammar(bool has_tools);
ReplyGrammar GraniteGrammar(bool has_tools);
ReplyGrammar Phi4MiniGrammar(bool has_tools);
ReplyGrammar CohereGrammar(bool has_tools);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_FORMATS_FORMATS_H_
