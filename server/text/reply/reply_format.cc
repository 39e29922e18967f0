#include "server/text/reply/reply_format.h"

#include <utility>

#include "server/text/reply/formats/formats.h"
#include "server/text/reply/grammar_parser.h"

namespace foregate {
namespace {

class GrammarFormat : public ReplyFormat {
 public:
  GrammarFormat(std::string_view name, bool needs_special_tokens, ReplyGrammar (*grammar)(bool))
      : name_(name),
        needs_special_tokens_(needs_special_tokens),
        with_tools_(grammar(/*has_tools=*/true)),
        without_tools_(grammar(/*has_tools=*/false)) {}

  std::string_view name() const override { return name_; }
  bool needs_special_tokens() const override { return needs_special_tokens_; }

  std::unique_ptr<ReplyParser> NewParser(const ReplyContext& context) const override {
    const ReplyGrammar& grammar = context.has_tools ? with_tools_ : without_tools_;
    return std::make_unique<GrammarParser>(&grammar, grammar.StartAfter(context.prompt_end),
                                           ToolSchema(context.has_tools ? context.tools : nullptr));
  }

 private:
  std::string_view name_;
  bool needs_special_tokens_;
  ReplyGrammar with_tools_;
  ReplyGrammar without_tools_;
};

// "plain" first. The process's formats live until it ends: parsers may outlive main's statics.
const std::vector<GrammarFormat>& Formats() {
  static const auto& formats = *new std::vector<GrammarFormat>{
      {"plain", false, &PlainGrammar},
      {"think", false, &ThinkGrammar},
      {"hermes", false, &HermesGrammar},
      {"qwen3_coder", false, &Qwen3CoderGrammar},
      {"mistral", true, &MistralGrammar},
      {"llama3_json", true, &Llama3JsonGrammar},
      {"pythonic", true, &PythonicGrammar},
      {"deepseek_v3", true, &DeepseekV3Grammar},
      {"deepseek_v32", true, &DeepseekV32Grammar},
      {"harmony", true, &HarmonyGrammar},
      {"glm45", false, &Glm45Grammar},
      {"kimi_k2", true, &KimiK2Grammar},
      {"minimax", false, &MinimaxM2Grammar},
      {"minimax_m1", false, &MinimaxM1Grammar},
      {"granite", true, &GraniteGrammar},
      {"phi4_mini", true, &Phi4MiniGrammar},
      {"olmo3", false, &Olmo3Grammar},
      {"lfm2", true, &Lfm2Grammar},
      {"seed_oss", false, &SeedOssGrammar},
      {"nemotron", false, &NemotronGrammar},
      {"longcat", false, &LongcatGrammar},
      {"cohere", true, &CohereGrammar},
  };
  return formats;
}

struct Alias {
  std::string_view alias;
  std::string_view name;
};

// The names by which other servers know the same spelling.
constexpr Alias kAliases[] = {
    {"qwen3", "hermes"},
    {"qwen2_5", "hermes"},
    {"granite4", "hermes"},
    {"deepseek_r1", "deepseek_v3"},
    {"deepseek_v31", "deepseek_v3"},
    {"gpt_oss", "harmony"},
    {"openai", "harmony"},
    {"glm46", "glm45"},
    {"glm47", "glm45"},
    {"minimax_m2", "minimax"},
    {"llama4_pythonic", "pythonic"},
    {"llama4", "pythonic"},
};

const GrammarFormat* FindExactly(std::string_view name) {
  for (const GrammarFormat& format : Formats()) {
    if (format.name() == name) return &format;
  }
  return nullptr;
}

// A template that contains `marker`, and `also` where it is not empty, is of `format`.
struct Evidence {
  std::string_view marker;
  std::string_view also;
  std::string_view format;
};

// First match wins, so the markers of one family only stand before those that families share: "<tool_call>" is written
// by six of them, "<think>" by nearly all. Checked against the published templates that docs/text.md names.
constexpr Evidence kEvidence[] = {
    {"<|channel|>", "<|message|>", "harmony"},
    {"｜DSML｜", "", "deepseek_v32"},
    {"<｜tool▁calls▁begin｜>", "", "deepseek_v3"},
    {"<|tool_calls_section_begin|>", "", "kimi_k2"},
    {"[TOOL_CALLS]", "", "mistral"},
    {"[AVAILABLE_TOOLS]", "", "mistral"},
    {"[THINK]", "", "mistral"},
    {"minimax:tool_call", "", "minimax"},
    {"seed:tool_call", "", "seed_oss"},
    {"longcat_tool_call", "", "longcat"},
    {"<|START_ACTION|>", "", "cohere"},
    {"<|tool_call_start|>", "", "lfm2"},
    {"<|tool_list_start|>", "", "lfm2"},
    {"<arg_key>", "", "glm45"},
    {"<function=", "<parameter=", "qwen3_coder"},
    {"<TOOLCALL>", "", "nemotron"},
    {"<function_calls>", "", "olmo3"},
    {"<|/tool_call|>", "", "phi4_mini"},
    {"functools[", "", "phi4_mini"},
    {"<|tool_call|>", "", "granite"},
    {"<tool_calls>", "", "minimax_m1"},
    {"<tool_call>", "", "hermes"},
    {"<|start_of_role|>", "", "granite"},
    {"<|python_start|>", "", "pythonic"},
    {"<|header_start|>", "", "pythonic"},
    {"<|python_tag|>", "", "llama3_json"},
    {"<|start_header_id|>", "\"parameters\"", "llama3_json"},
    {"<think>", "", "think"},
    {"</think>", "", "think"},
};

}  // namespace

absl::StatusOr<const ReplyFormat*> ReplyFormat::Find(std::string_view name) {
  for (const Alias& alias : kAliases) {
    if (name == alias.alias) name = alias.name;
  }
  if (const GrammarFormat* format = FindExactly(name); format != nullptr) return format;
  std::string message = "unknown reply format \"" + std::string(name) + "\"; known are";
  for (const std::string_view known : Names()) message += " " + std::string(known);
  return absl::InvalidArgumentError(message);
}

const ReplyFormat& ReplyFormat::Detect(std::string_view chat_template_source) {
  const auto contains = [&](std::string_view marker) {
    return chat_template_source.find(marker) != std::string_view::npos;
  };
  for (const Evidence& evidence : kEvidence) {
    if (contains(evidence.marker) && contains(evidence.also)) return *FindExactly(evidence.format);
  }
  return Formats().front();
}

std::vector<std::string_view> ReplyFormat::Names() {
  std::vector<std::string_view> names;
  for (const GrammarFormat& format : Formats()) names.push_back(format.name());
  return names;
}

}  // namespace foregate
