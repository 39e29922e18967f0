#define PCRE2_CODE_UNIT_WIDTH 8
#include "server/text/tokenizer/regex.h"

#include <pcre2.h>

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/regex_budget.h"
#include "server/text/tokenizer/regex_parser.h"
#include "server/text/tokenizer/regex_writer.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// Steps back of one attempt to match, at one place. The longest run that a published expression goes back through in a
// megabyte of text needs a million; five million take about a tenth of a second.
constexpr uint32_t kMatchLimit = 5'000'000;
constexpr uint32_t kHeapLimitKib = 128 << 10;  // of the interpreter, which takes over when the JIT's stack is full
constexpr size_t kJitStackMaxBytes = 16 << 20;
constexpr size_t kKeptLettersBytes = 1 << 20;
constexpr size_t kPlacesPerSearch = 256;  // where one call of PCRE2 tries to match, between looks at the clock
constexpr uint32_t kMaxNesting = 2000;    // the writer adds groups to those that the parser admits

// The compiled code is shared by all threads; what a match writes to belongs to one.
struct MatchScratch {
  MatchScratch()
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(32 << 10, kJitStackMaxBytes, nullptr)) {
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_heap_limit(context, kHeapLimitKib);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~MatchScratch() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  MatchScratch(const MatchScratch&) = delete;
  MatchScratch& operator=(const MatchScratch&) = delete;

  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
  std::string letters;
};

// Offsets in letters, asked for in ascending order -> offsets in the text.
class TextOffsets {
 public:
  TextOffsets(std::string_view text, bool is_ascii) : text_(text), is_ascii_(is_ascii) {}

  size_t At(size_t letter) {
    if (is_ascii_) return letter;
    for (; letter_ < letter; ++letter_) offset_ += Utf8Length(text_[offset_]);
    return offset_;
  }

 private:
  std::string_view text_;
  bool is_ascii_;
  size_t letter_ = 0;
  size_t offset_ = 0;
};

absl::StatusOr<pcre2_code*> CompilePcre2(const std::string& pattern) {
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  pcre2_set_parens_nest_limit(context.get(), kMaxNesting);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_USE_OFFSET_LIMIT,
                                   &error, &offset, context.get());
  if (code != nullptr) return code;
  PCRE2_UCHAR message[200];
  pcre2_get_error_message(error, message, sizeof(message));
  return absl::InvalidArgumentError(std::string("bad regular expression: ") + reinterpret_cast<const char*>(message));
}

bool AsksSearchBegin(const RegexNode& node) {
  if (node.kind == RegexNode::Kind::kSearchBegin) return true;
  return std::any_of(node.children.begin(), node.children.end(),
                     [](const RegexNodePtr& child) { return AsksSearchBegin(*child); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Regex>> Regex::Compile(std::string_view oniguruma_pattern) {
  FOREGATE_ASSIGN_OR_RETURN(const RegexNodePtr root, ParseOniguruma(oniguruma_pattern));
  FOREGATE_ASSIGN_OR_RETURN(RegexAlphabet alphabet, RegexAlphabet::Make(SetsOf(*root)));
  FOREGATE_ASSIGN_OR_RETURN(const std::string pattern, WritePcre2(*root, alphabet));
  FOREGATE_ASSIGN_OR_RETURN(pcre2_code* const code, CompilePcre2(pattern));
  // Without JIT (an exotic machine, or executable memory forbidden) PCRE2 interprets, slower and equal.
  const bool has_jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  return std::unique_ptr<const Regex>(new Regex(code, has_jit, AsksSearchBegin(*root), std::move(alphabet)));
}

absl::StatusOr<std::unique_ptr<const Regex>> Regex::CompileLiteral(std::string_view text) {
  return std::unique_ptr<const Regex>(new Regex(text));
}

Regex::~Regex() {
  if (code_ != nullptr) pcre2_code_free(code_);
}

void Regex::FindLiteral(std::string_view text, std::vector<TextRange>* matches) const {
  size_t position = 0;
  if (literal_.empty()) {
    matches->push_back({0, 0});
    while (position < text.size()) {
      position += Utf8Length(text[position]);
      matches->push_back({position, position});
    }
    return;
  }
  while ((position = text.find(literal_, position)) != std::string_view::npos) {
    matches->push_back({position, position + literal_.size()});
    position += literal_.size();
  }
}

absl::Status Regex::FindAll(std::string_view text, std::vector<TextRange>* matches) const {
  if (text.empty()) return absl::OkStatus();
  if (code_ == nullptr) {
    FindLiteral(text, matches);
    return absl::OkStatus();
  }
  thread_local MatchScratch scratch;
  const bool is_ascii = IsAscii(text);
  std::string_view letters = text;
  if (!is_ascii || !alphabet_.keeps_ascii()) {
    alphabet_.Translate(text, &scratch.letters);
    letters = scratch.letters;
  }
  const auto subject = reinterpret_cast<PCRE2_SPTR>(letters.data());
  const auto match_at = [&](size_t position) {
    int result = PCRE2_ERROR_JIT_STACKLIMIT;
    if (has_jit_) {
      result = pcre2_jit_match(code_, subject, letters.size(), position, 0, scratch.data, scratch.context);
    }
    if (result != PCRE2_ERROR_JIT_STACKLIMIT) return result;
    return pcre2_match(code_, subject, letters.size(), position, PCRE2_NO_JIT, scratch.data, scratch.context);
  };
  RegexBudget budget;
  TextOffsets offsets(text, is_ascii);
  size_t position = 0;
  size_t last_end = static_cast<size_t>(-1);  // an empty match where the last one ended does not count
  absl::Status status;
  while (position <= letters.size()) {
    const size_t last_begin = position + kPlacesPerSearch;
    pcre2_set_offset_limit(scratch.context, asks_search_begin_ ? PCRE2_UNSET : last_begin);
    const int result = match_at(position);
    const bool no_match = result == PCRE2_ERROR_NOMATCH;
    if (no_match && (asks_search_begin_ || last_begin >= letters.size())) break;
    const bool in_time = no_match ? budget.Check() : budget.Step();
    if ((result < 0 && !no_match) || !in_time) {
      const std::string why = in_time ? "PCRE2 " + std::to_string(result) : "too much time";
      status = absl::InvalidArgumentError("the tokenizer's regular expression exceeds its limits on this text (" + why +
                                          ") at byte " + std::to_string(offsets.At(position)));
      break;
    }
    if (no_match) {
      position = last_begin + 1;
      continue;
    }
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(scratch.data);
    if (bounds[0] == bounds[1] && bounds[0] == last_end) {
      ++position;
      continue;
    }
    const size_t begin = offsets.At(bounds[0]);
    matches->push_back({begin, offsets.At(bounds[1])});
    position = last_end = bounds[1];
  }
  if (scratch.letters.capacity() > kKeptLettersBytes) scratch.letters = std::string();
  return status;
}

}  // namespace foregate
