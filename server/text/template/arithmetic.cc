#include <cmath>
#include <limits>
#include <optional>

#include "server/text/template/operators.h"

// Python's arithmetic of numbers.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

absl::Status DivisionByZero() { return absl::InvalidArgumentError("division by zero"); }

Result Whole(const BigInt& value) {
  if (value.too_large()) return absl::InvalidArgumentError("an integer of more than 4300 digits");
  return Value::Big(value);
}

// Of int64, where the result fits.
std::optional<Value> SmallArithmetic(BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
      return Value::Int(result);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return std::nullopt;
      return Value::Int(result);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
      return Value::Int(result);
    case BinaryOperator::kFloorDivide:
    case BinaryOperator::kModulo: {
      if (b == 0 || b == -1) return std::nullopt;
      const bool rounds = a % b != 0 && (a < 0) != (b < 0);
      if (op == BinaryOperator::kFloorDivide) return Value::Int(a / b - (rounds ? 1 : 0));
      return Value::Int(rounds ? a % b + b : a % b);
    }
    default:
      return std::nullopt;
  }
}

// The quotient of two integers, correctly rounded even where neither fits a double.
Result DivideIntegers(const BigInt& a, const BigInt& b) {
  constexpr size_t kExact = 53;
  if (a.num_bits() <= kExact && b.num_bits() <= kExact) return Value::Float(a.ToDouble() / b.ToDouble());
  // Scale so that the quotient has 64 bits or more, and fold the rest into its lowest bit.
  const int64_t shift =
      std::max<int64_t>(0, 66 + static_cast<int64_t>(b.num_bits()) - static_cast<int64_t>(a.num_bits()));
  const BigInt scaled = a * *BigInt::Power(BigInt(2), static_cast<uint64_t>(shift));
  const BigInt magnitude = scaled.negative() ? -scaled : scaled;
  auto [quotient, rest] = BigInt::FloorDivide(magnitude, b.negative() ? -b : b);
  if (!rest.is_zero() && !quotient.is_odd()) quotient = quotient + BigInt(1);
  const double result = std::ldexp(quotient.ToDouble(), -static_cast<int>(shift));
  if (std::isinf(result)) return absl::InvalidArgumentError("integer division result too large for a float");
  return Value::Float(a.negative() != b.negative() ? -result : result);
}

Result FloatPower(double a, double b) {
  if (a == 0 && b < 0) return absl::InvalidArgumentError("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
    return absl::InvalidArgumentError("complex numbers are not supported");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    return absl::InvalidArgumentError("numerical result out of range");
  }
  return Value::Float(result);
}

Result BigArithmetic(BinaryOperator op, const BigInt& a, const BigInt& b) {
  const bool divides =
      op == BinaryOperator::kDivide || op == BinaryOperator::kFloorDivide || op == BinaryOperator::kModulo;
  if (divides && b.is_zero()) return DivisionByZero();
  switch (op) {
    case BinaryOperator::kAdd:
      return Whole(a + b);
    case BinaryOperator::kSubtract:
      return Whole(a - b);
    case BinaryOperator::kMultiply:
      return Whole(a * b);
    case BinaryOperator::kDivide:
      return DivideIntegers(a, b);
    case BinaryOperator::kFloorDivide:
      return Whole(BigInt::FloorDivide(a, b).first);
    case BinaryOperator::kModulo:
      return Whole(BigInt::FloorDivide(a, b).second);
    case BinaryOperator::kPower:
      break;
  }
  if (b.negative()) return FloatPower(a.ToDouble(), b.ToDouble());
  if (a.num_bits() <= 1) {  // 0, 1, -1
    const bool negative = a.negative() && b.is_odd();
    return Value::Int(b.is_zero() ? 1
                      : negative  ? -static_cast<int64_t>(a.num_bits())
                                  : static_cast<int64_t>(a.num_bits()));
  }
  const auto exponent = b.ToInt64();
  const auto power = exponent.has_value() ? BigInt::Power(a, static_cast<uint64_t>(*exponent)) : std::nullopt;
  if (!power.has_value()) return absl::InvalidArgumentError("an integer of more than 4300 digits");
  return Whole(*power);
}

// Python's divmod of floats.
std::pair<double, double> FloatDivide(double a, double b) {
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) {
      remainder += b;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (quotient == 0) return {std::copysign(0.0, a / b), remainder};
  double whole = std::floor(quotient);
  if (quotient - whole > 0.5) whole += 1;
  return {whole, remainder};
}

Result FloatArithmetic(BinaryOperator op, double a, double b) {
  const bool divides =
      op == BinaryOperator::kDivide || op == BinaryOperator::kFloorDivide || op == BinaryOperator::kModulo;
  if (divides && b == 0) return DivisionByZero();
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::Float(a + b);
    case BinaryOperator::kSubtract:
      return Value::Float(a - b);
    case BinaryOperator::kMultiply:
      return Value::Float(a * b);
    case BinaryOperator::kDivide:
      return Value::Float(a / b);
    case BinaryOperator::kFloorDivide:
      return Value::Float(FloatDivide(a, b).first);
    case BinaryOperator::kModulo:
      return Value::Float(FloatDivide(a, b).second);
    case BinaryOperator::kPower:
      return FloatPower(a, b);
  }
  return Value();
}

}  // namespace

Result Calculate(BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_float() || b.is_float()) {
    const double left = a.float_value(), right = b.float_value();
    const bool overflows = (a.is_big() && std::isinf(left)) || (b.is_big() && std::isinf(right));
    if (overflows) return absl::InvalidArgumentError("int too large to convert to float");
    return FloatArithmetic(op, left, right);
  }
  if (!a.is_big() && !b.is_big()) {
    if (auto small = SmallArithmetic(op, a.int_value(), b.int_value()); small.has_value()) return *std::move(small);
  }
  return BigArithmetic(op, a.big_value(), b.big_value());
}

}  // namespace foregate::jinja
