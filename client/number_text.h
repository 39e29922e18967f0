// Numbers as people read them.
#ifndef FOREGATE_CLIENT_NUMBER_TEXT_H_
#define FOREGATE_CLIENT_NUMBER_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace foregate {

std::string Fixed(double value, int decimals);
// The double that is written as the shortest decimal that reads back as this float: 0.7, not 0.699999988079071. The
// value must be finite.
double ShortestDouble(float value);
// "6.5 MB", from a billion on "1.25 GB".
std::string Bytes(uint64_t bytes);
// Blanks before the text, or after it.
std::string Padded(const std::string& text, size_t width);
std::string PaddedAfter(const std::string& text, size_t width);
// "[#####.....]" of `width` marks; `share` is taken into [0, 1].
std::string Bar(double share, size_t width);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_NUMBER_TEXT_H_
