#include "server/text/tokenizer/unicode_forms.h"

#include <algorithm>
#include <string_view>

#include "server/text/tokenizer/unicode_form_data.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

class FormWriter {
 public:
  explicit FormWriter(UnicodeForm form)
      : compatibility_(form == UnicodeForm::kNfkd || form == UnicodeForm::kNfkc),
        composes_(form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc) {}

  // A stretch that nothing around it takes part in.
  void Append(std::string_view stretch, std::string* out) {
    characters_.clear();
    for (size_t i = 0; i < stretch.size();) data_.Decompose(NextCodePoint(stretch, &i), compatibility_, &characters_);
    OrderMarks();
    if (composes_) Compose();
    for (const char32_t c : characters_) AppendUtf8(c, out);
  }

 private:
  uint8_t ClassOf(char32_t c) const { return data_.at(c).combining_class; }

  // Each run of marks by class, equal classes as they stand.
  void OrderMarks() {
    const auto is_mark = [&](char32_t c) { return ClassOf(c) != 0; };
    const auto comes_before = [&](char32_t a, char32_t b) { return ClassOf(a) < ClassOf(b); };
    for (auto i = characters_.begin(); i != characters_.end();) {
      const auto begin = std::find_if(i, characters_.end(), is_mark);
      i = std::find_if_not(begin, characters_.end(), is_mark);
      if (!std::is_sorted(begin, i, comes_before)) std::stable_sort(begin, i, comes_before);
    }
  }

  // Characters move into the last starter unless one between them has the same or a higher class.
  void Compose() {
    constexpr size_t kNone = static_cast<size_t>(-1);
    size_t starter = kNone;
    size_t kept = 0;
    uint8_t last_class = 0;
    bool adjacent = true;  // nothing is kept between the starter and this character
    for (size_t i = 0; i < characters_.size(); ++i) {
      const char32_t c = characters_[i];
      const UnicodeFormData::Character& character = data_.at(c);
      const uint8_t combining_class = character.combining_class;
      if (starter != kNone && character.is_second && (adjacent || last_class < combining_class)) {
        const char32_t composed = data_.Composed(characters_[starter], c);
        if (composed != 0) {
          characters_[starter] = composed;
          continue;
        }
      }
      if (combining_class == 0) starter = kept;
      adjacent = combining_class == 0;
      last_class = combining_class;
      characters_[kept++] = c;
    }
    characters_.resize(kept);
  }

  const UnicodeFormData& data_ = UnicodeFormData::Get();
  const bool compatibility_;
  const bool composes_;
  std::u32string characters_;
};

}  // namespace

void ApplyUnicodeForm(UnicodeForm form, std::string* text) {
  if (IsAscii(*text)) return;  // every form leaves ASCII alone
  const UnicodeFormData& data = UnicodeFormData::Get();
  const auto bit = static_cast<uint8_t>(1 << static_cast<int>(form));
  const std::string_view in = *text;
  std::string out;
  FormWriter writer(form);
  size_t copied = 0;  // up to here `in` is in `out`
  size_t begin = 0;   // of the last character that begins a stretch
  for (size_t i = 0; i < in.size();) {
    if (static_cast<uint8_t>(in[i]) < 0x80) {
      begin = i++;
      continue;
    }
    const size_t at = i;
    const UnicodeFormData::Character& character = data.at(NextCodePoint(in, &i));
    if (character.begins_in & bit) begin = at;
    if (!(character.unstable_in & bit)) continue;
    while (i < in.size()) {
      size_t next = i;
      if (data.at(NextCodePoint(in, &next)).begins_in & bit) break;
      i = next;
    }
    out.append(in, copied, begin - copied);
    writer.Append(in.substr(begin, i - begin), &out);
    copied = begin = i;
  }
  if (copied == 0) return;
  out.append(in, copied);
  *text = std::move(out);
}

}  // namespace foregate
