#include "server/text/template/big_int.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

namespace foregate::jinja {
namespace {

void TrimZeros(std::vector<uint32_t>* limbs) {
  while (!limbs->empty() && limbs->back() == 0) limbs->pop_back();
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

}  // namespace

BigInt::BigInt(int64_t value) {
  *this = FromUnsigned(value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value));
  negative_ = value < 0;
}

BigInt BigInt::FromUnsigned(uint64_t value) {
  BigInt result;
  for (; value != 0; value >>= 32) result.limbs_.push_back(static_cast<uint32_t>(value));
  return result;
}

BigInt BigInt::FromDouble(double value) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(std::trunc(value)), &exponent);
  BigInt result = FromUnsigned(static_cast<uint64_t>(std::ldexp(fraction, 53)));
  int shift = exponent - 53;
  for (; shift < 0; ++shift) DivideBySmall(&result.limbs_, 2);
  for (; shift >= 31; shift -= 31) result = result * BigInt(int64_t{1} << 31);
  result = result * BigInt(int64_t{1} << std::max(shift, 0));
  result.negative_ = value < 0 && !result.is_zero();
  return result;
}

std::optional<BigInt> BigInt::Parse(std::string_view digits, int base) {
  if (digits.empty() || digits.size() > 20'000) return std::nullopt;
  BigInt result;
  for (const char c : digits) {
    const int digit = DigitOf(c);
    if (digit >= base) return std::nullopt;
    uint64_t carry = static_cast<uint64_t>(digit);
    for (uint32_t& limb : result.limbs_) {
      carry += static_cast<uint64_t>(limb) * static_cast<uint64_t>(base);
      limb = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) result.limbs_.push_back(static_cast<uint32_t>(carry));
  }
  return result;
}

void BigInt::Trim() {
  TrimZeros(&limbs_);
  if (limbs_.empty()) negative_ = false;
}

size_t BigInt::num_bits() const {
  return limbs_.empty() ? 0 : 32 * limbs_.size() - static_cast<size_t>(std::countl_zero(limbs_.back()));
}

std::optional<int64_t> BigInt::ToInt64() const {
  if (limbs_.size() > 2) return std::nullopt;
  uint64_t magnitude = 0;
  for (size_t i = limbs_.size(); i-- > 0;) magnitude = magnitude << 32 | limbs_[i];
  constexpr uint64_t kLimit = uint64_t{1} << 63;
  if (magnitude > kLimit || (magnitude == kLimit && !negative_)) return std::nullopt;
  return static_cast<int64_t>(negative_ ? ~magnitude + 1 : magnitude);
}

double BigInt::ToDouble() const {
  const size_t bits = num_bits();
  if (bits > 1024)
    return negative_ ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  // The top 64 bits, the lowest of them standing for all that are below; the conversion rounds once.
  uint64_t top = 0;
  bool rest = false;
  const size_t dropped = bits > 64 ? bits - 64 : 0;
  for (size_t i = bits; i-- > 0;) {
    const bool bit = (limbs_[i / 32] >> (i % 32) & 1) != 0;
    if (i >= dropped) {
      top = top << 1 | (bit ? 1 : 0);
    } else {
      rest = rest || bit;
    }
  }
  if (rest) top |= 1;
  const double magnitude = std::ldexp(static_cast<double>(top), static_cast<int>(dropped));
  return negative_ ? -magnitude : magnitude;
}

std::string BigInt::ToString(int base) const {
  if (limbs_.empty()) return "0";
  std::string reversed;
  for (Limbs rest = limbs_; !rest.empty();) {
    reversed.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[DivideBySmall(&rest, static_cast<uint32_t>(base))]);
  }
  if (negative_) reversed.push_back('-');
  return {reversed.rbegin(), reversed.rend()};
}

BigInt BigInt::operator-() const {
  BigInt result = *this;
  result.negative_ = !negative_ && !is_zero();
  return result;
}

int BigInt::CompareMagnitude(const Limbs& a, const Limbs& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

BigInt::Limbs BigInt::AddMagnitude(const Limbs& a, const Limbs& b) {
  Limbs sum;
  uint64_t carry = 0;
  for (size_t i = 0; i < std::max(a.size(), b.size()) || carry != 0; ++i) {
    if (i < a.size()) carry += a[i];
    if (i < b.size()) carry += b[i];
    sum.push_back(static_cast<uint32_t>(carry));
    carry >>= 32;
  }
  return sum;
}

BigInt::Limbs BigInt::SubtractMagnitude(const Limbs& a, const Limbs& b) {
  Limbs difference;
  int64_t borrow = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    borrow += static_cast<int64_t>(a[i]) - (i < b.size() ? static_cast<int64_t>(b[i]) : 0);
    difference.push_back(static_cast<uint32_t>(borrow));
    borrow >>= 32;
  }
  TrimZeros(&difference);
  return difference;
}

BigInt operator+(const BigInt& a, const BigInt& b) {
  BigInt result;
  if (a.negative_ == b.negative_) {
    result.limbs_ = BigInt::AddMagnitude(a.limbs_, b.limbs_);
    result.negative_ = a.negative_;
  } else {
    const bool a_is_larger = BigInt::CompareMagnitude(a.limbs_, b.limbs_) >= 0;
    const BigInt &larger = a_is_larger ? a : b, &smaller = a_is_larger ? b : a;
    result.limbs_ = BigInt::SubtractMagnitude(larger.limbs_, smaller.limbs_);
    result.negative_ = larger.negative_;
  }
  result.Trim();
  return result;
}

BigInt operator-(const BigInt& a, const BigInt& b) { return a + -b; }

BigInt operator*(const BigInt& a, const BigInt& b) {
  BigInt result;
  result.limbs_.assign(a.limbs_.size() + b.limbs_.size(), 0);
  for (size_t i = 0; i < a.limbs_.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b.limbs_.size(); ++j) {
      carry += static_cast<uint64_t>(a.limbs_[i]) * b.limbs_[j] + result.limbs_[i + j];
      result.limbs_[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    result.limbs_[i + b.limbs_.size()] = static_cast<uint32_t>(carry);
  }
  result.negative_ = a.negative_ != b.negative_;
  result.Trim();
  return result;
}

uint32_t BigInt::DivideBySmall(Limbs* limbs, uint32_t divisor) {
  uint64_t rest = 0;
  for (size_t i = limbs->size(); i-- > 0;) {
    rest = rest << 32 | (*limbs)[i];
    (*limbs)[i] = static_cast<uint32_t>(rest / divisor);
    rest %= divisor;
  }
  TrimZeros(limbs);
  return static_cast<uint32_t>(rest);
}

// A bit at a time: at most 14,285 steps over at most 447 limbs.
std::pair<BigInt::Limbs, BigInt::Limbs> BigInt::DivideMagnitude(const Limbs& a, const Limbs& b) {
  if (b.size() == 1) {
    Limbs quotient = a;
    const uint32_t rest = DivideBySmall(&quotient, b[0]);
    return {quotient, rest == 0 ? Limbs() : Limbs{rest}};
  }
  Limbs quotient(a.size(), 0), rest;
  for (size_t i = 32 * a.size(); i-- > 0;) {
    uint32_t carry = a[i / 32] >> (i % 32) & 1;
    for (uint32_t& limb : rest) {
      const uint32_t next = limb >> 31;
      limb = limb << 1 | carry;
      carry = next;
    }
    if (carry != 0) rest.push_back(carry);
    if (CompareMagnitude(rest, b) < 0) continue;
    rest = SubtractMagnitude(rest, b);
    quotient[i / 32] |= uint32_t{1} << (i % 32);
  }
  TrimZeros(&quotient);
  return {quotient, rest};
}

std::pair<BigInt, BigInt> BigInt::FloorDivide(const BigInt& a, const BigInt& b) {
  BigInt quotient, rest;
  std::tie(quotient.limbs_, rest.limbs_) = DivideMagnitude(a.limbs_, b.limbs_);
  quotient.negative_ = a.negative_ != b.negative_;
  rest.negative_ = a.negative_;
  quotient.Trim();
  rest.Trim();
  if (!rest.is_zero() && a.negative_ != b.negative_) {
    quotient = quotient - BigInt(1);
    rest = rest + b;
  }
  return {quotient, rest};
}

std::optional<BigInt> BigInt::Power(BigInt base, uint64_t exponent) {
  BigInt result(1);
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * base;
    if (result.too_large()) return std::nullopt;
    if (exponent == 1) break;
    if (base.num_bits() > kMaxBits / 2 + 1) return std::nullopt;
    base = base * base;
  }
  return result;
}

int BigInt::Compare(const BigInt& a, const BigInt& b) {
  if (a.negative_ != b.negative_) return a.negative_ ? -1 : 1;
  const int magnitude = CompareMagnitude(a.limbs_, b.limbs_);
  return a.negative_ ? -magnitude : magnitude;
}

}  // namespace foregate::jinja
