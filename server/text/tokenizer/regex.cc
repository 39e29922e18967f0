#define PCRE2_CODE_UNIT_WIDTH 8
#include "server/text/tokenizer/regex.h"

#include <pcre2.h>

#include "server/text/utf8.h"

namespace foregate {
namespace {

// Steps of one match. A megabyte of one character needs a few million; a pattern that explodes needs all of them,
// which take about a second.
constexpr uint32_t kMatchLimit = 50'000'000;
constexpr size_t kJitStackMaxBytes = 8 << 20;

// The compiled code is shared by all threads; what a match writes to belongs to one.
struct MatchScratch {
  MatchScratch()
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(32 << 10, kJitStackMaxBytes, nullptr)) {
    pcre2_set_match_limit(context, kMatchLimit);
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
};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  absl::StatusOr<std::string> Translate() {
    while (position_ < pattern_.size() && status_.ok()) Item();
    if (!status_.ok()) return status_;
    return std::move(out_);
  }

 private:
  void Item() {
    const char c = pattern_[position_];
    if (c == '\\') return Escape();
    if (in_class_) return ClassItem(c);
    if (c == '{') return Interval();
    if (c == '(') groups_.push_back(out_.size());
    if (c == ')' && !groups_.empty()) {
      atom_ = groups_.back();
      groups_.pop_back();
    } else if (c != '*' && c != '+' && c != '?') {
      atom_ = out_.size();
    }
    if (c == '[') {
      in_class_ = true;
      class_begin_ = position_ + (pattern_.substr(position_).starts_with("[^") ? 2 : 1);
    }
    out_.push_back(c);
    ++position_;
    if (in_class_ && class_begin_ > position_) {
      out_.push_back(pattern_[position_++]);
    }
  }

  void ClassItem(char c) {
    if (c == ']' && position_ > class_begin_) in_class_ = false;
    const std::string_view rest = pattern_.substr(position_);
    if (rest.starts_with("&&") || (c == '[' && !rest.starts_with("[:"))) {
      status_ = absl::InvalidArgumentError("set operations inside a character class are not supported, at offset " +
                                           std::to_string(position_));
      return;
    }
    if (rest.starts_with("[:")) {
      const size_t end = rest.find(":]");
      if (end != std::string_view::npos) {
        out_.append(rest.substr(0, end + 2));
        position_ += end + 2;
        return;
      }
    }
    out_.push_back(c);
    ++position_;
  }

  void Escape() {
    if (!in_class_) atom_ = out_.size();
    const char c = position_ + 1 < pattern_.size() ? pattern_[position_ + 1] : '\0';
    switch (c) {
      case 's':
        out_ += "\\p{White_Space}";
        break;
      case 'S':
        out_ += "\\P{White_Space}";
        break;
      case 'w':
        out_ += in_class_ ? "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}" : "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]";
        break;
      case 'W':
        if (in_class_) status_ = absl::InvalidArgumentError("\\W inside a character class is not supported");
        out_ += "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]";
        break;
      case 'h':
        out_ += in_class_ ? "0-9A-Fa-f" : "[0-9A-Fa-f]";
        break;
      case 'p':
      case 'P':
      case 'x':
        return BracedEscape();
      default:
        out_ += pattern_.substr(position_, 2);
    }
    position_ += 2;
  }

  // \p{...} and \x{...}: the braces are part of the escape and must not read as an interval.
  void BracedEscape() {
    size_t end = position_ + 2;
    if (end < pattern_.size() && pattern_[end] == '{') {
      end = pattern_.find('}', end);
      end = end == std::string_view::npos ? pattern_.size() : end + 1;
    }
    out_ += pattern_.substr(position_, end - position_);
    position_ = end;
  }

  void Interval() {
    const size_t end = pattern_.find('}', position_);
    const std::string_view body =
        end == std::string_view::npos ? "" : pattern_.substr(position_ + 1, end - position_ - 1);
    if (body.empty() || body.find_first_not_of("0123456789,") != std::string_view::npos) {
      atom_ = out_.size();
      out_ += "\\{";
      ++position_;
      return;
    }
    const std::string low_bound = body.front() == ',' ? "0" : "";  // {,n} is an interval in Oniguruma only
    out_ += "{" + low_bound + std::string(body) + "}";
    position_ = end + 1;
    if (position_ < pattern_.size() && pattern_[position_] == '+') {
      out_.insert(atom_, "(?:");
      out_ += ")";
    }
  }

  std::string_view pattern_;
  size_t position_ = 0;
  std::string out_;
  size_t atom_ = 0;             // where the last atom begins in out_
  std::vector<size_t> groups_;  // where the open groups begin in out_
  bool in_class_ = false;
  size_t class_begin_ = 0;  // the first member of the open class: a ']' there is a member
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::string> TranslateOniguruma(std::string_view pattern) { return Translator(pattern).Translate(); }

absl::StatusOr<std::unique_ptr<const Regex>> Regex::Compile(std::string_view oniguruma_pattern) {
  auto translated = TranslateOniguruma(oniguruma_pattern);
  if (!translated.ok()) return translated.status();
  // Ruby's ^ and $ are those of lines.
  return CompilePcre2(*translated, PCRE2_UCP | PCRE2_MULTILINE);
}

absl::StatusOr<std::unique_ptr<const Regex>> Regex::CompileLiteral(std::string_view text) {
  return CompilePcre2(text, PCRE2_LITERAL);
}

absl::StatusOr<std::unique_ptr<const Regex>> Regex::CompilePcre2(std::string_view pattern, unsigned extra_options) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  // \C would match a single byte and cut characters; it is also what makes PCRE2_LITERAL refuse the option.
  const uint32_t guard = (extra_options & PCRE2_LITERAL) ? 0 : PCRE2_NEVER_BACKSLASH_C;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | guard | extra_options, &error, &offset, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR message[200];
    pcre2_get_error_message(error, message, sizeof(message));
    return absl::InvalidArgumentError("bad regular expression at offset " + std::to_string(offset) + ": " +
                                      reinterpret_cast<const char*>(message));
  }
  // Without JIT (an exotic machine, or executable memory forbidden) PCRE2 interprets, slower and equal.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return std::unique_ptr<const Regex>(new Regex(code));
}

Regex::~Regex() { pcre2_code_free(code_); }

absl::Status Regex::FindAll(std::string_view text, std::vector<TextRange>* matches) const {
  thread_local const MatchScratch scratch;
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t position = 0;
  size_t last_end = static_cast<size_t>(-1);  // an empty match where the last one ended does not count
  while (position <= text.size()) {
    int result = pcre2_match(code_, subject, text.size(), position, PCRE2_NO_UTF_CHECK, scratch.data, scratch.context);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
      result = pcre2_match(code_, subject, text.size(), position, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, scratch.data,
                           scratch.context);
    }
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) {
      return absl::InvalidArgumentError("the tokenizer's regular expression exceeds its limits on this text (PCRE2 " +
                                        std::to_string(result) + ") at byte " + std::to_string(position));
    }
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(scratch.data);
    const TextRange match{bounds[0], bounds[1]};
    if (match.begin > match.end) return absl::InvalidArgumentError("\\K in a look-around is not supported");
    if (match.begin == match.end && match.begin == last_end) {
      if (position >= text.size()) break;
      position += Utf8Length(text[position]);
      continue;
    }
    matches->push_back(match);
    position = last_end = match.end;
  }
  return absl::OkStatus();
}

}  // namespace foregate
