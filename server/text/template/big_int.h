// Integers beyond 64 bits, exact as Python's, up to a bounded size.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_BIG_INT_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_BIG_INT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foregate::jinja {

// Sign and magnitude. Schoolbook arithmetic: the largest number has 14,285 bits, where nothing cleverer pays.
class BigInt {
 public:
  // Python prints no integer of more than 4,300 digits.
  static constexpr size_t kMaxBits = 14'285;

  BigInt() = default;
  explicit BigInt(int64_t value);
  static BigInt FromUnsigned(uint64_t value);
  // Rounded towards zero; `value` must be finite.
  static BigInt FromDouble(double value);
  // Nothing unless `digits` are one or more digits of the base, 2 to 36, and at most 20,000 of them.
  static std::optional<BigInt> Parse(std::string_view digits, int base);

  bool negative() const { return negative_; }
  bool is_zero() const { return limbs_.empty(); }
  bool is_odd() const { return !limbs_.empty() && (limbs_[0] & 1) != 0; }
  size_t num_bits() const;
  bool too_large() const { return num_bits() > kMaxBits; }
  std::optional<int64_t> ToInt64() const;
  // The nearest, ties to even; infinite beyond the largest double.
  double ToDouble() const;
  std::string ToString(int base = 10) const;  // lower case, with a minus sign

  BigInt operator-() const;
  friend BigInt operator+(const BigInt& a, const BigInt& b);
  friend BigInt operator-(const BigInt& a, const BigInt& b);
  friend BigInt operator*(const BigInt& a, const BigInt& b);
  // Quotient rounded down and remainder with the divisor's sign, as Python's // and %. `b` must not be zero.
  static std::pair<BigInt, BigInt> FloorDivide(const BigInt& a, const BigInt& b);
  // Nothing when the power would be too large.
  static std::optional<BigInt> Power(BigInt base, uint64_t exponent);
  static int Compare(const BigInt& a, const BigInt& b);  // -1, 0, 1

 private:
  using Limbs = std::vector<uint32_t>;  // the lowest first, no zeros at the end

  void Trim();
  static int CompareMagnitude(const Limbs& a, const Limbs& b);
  static Limbs AddMagnitude(const Limbs& a, const Limbs& b);
  static Limbs SubtractMagnitude(const Limbs& a, const Limbs& b);  // a >= b
  static std::pair<Limbs, Limbs> DivideMagnitude(const Limbs& a, const Limbs& b);
  static uint32_t DivideBySmall(Limbs* limbs, uint32_t divisor);  // gives the remainder

  bool negative_ = false;
  Limbs limbs_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_BIG_INT_H_
