// The syntax tree of a template.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_AST_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_AST_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/text/template/builtins.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

// Both from 1; a column counts characters.
struct Place {
  int line = 0;
  int column = 0;
};

// A variable: an entry of the activation that is `hops` functions further out.
struct Slot {
  int hops = 0;
  int index = -1;
};

// What a scope does to its variables when it is entered.
struct SlotLoad {
  enum class Kind {
    kContext,    // the template's argument or global `name_id`
    kAlias,      // the outer variable `source`
    kUndefined,  // nothing yet
    kParameter,  // set by who enters
  };
  Kind kind;
  int index;
  int name_id = -1;
  Slot source;
};
using SlotLoads = std::vector<SlotLoad>;

// A value that threads share while the template lives.
class Constant {
 public:
  Constant() = default;
  ~Constant() { value_.Thaw(); }
  Constant(const Constant&) = delete;
  Constant& operator=(const Constant&) = delete;
  void Set(Value value) {
    value_ = std::move(value);
    value_.Freeze();
  }
  const Value& value() const { return value_; }

 private:
  Value value_;
};

struct Expression {
  enum class Kind {
    kConstant,   // constant
    kName,       // name_id, name, slot
    kList,       // operands
    kTuple,      // operands
    kDict,       // operands: key, value, key, value, ...
    kCondition,  // operands: test, then, else or null
    kAnd,        // operands: two
    kOr,
    kNot,
    kNegate,
    kPositive,
    kBinary,     // operands: two; binary
    kConcat,     // operands
    kCompare,    // operands: one more than comparisons
    kAttribute,  // operands: object; name, members; as a target: of the variable in operands
    kItem,       // operands: object, index
    kSlice,      // operands: object, start, stop, step, each but the first or null
    kCall,       // operands: callee, arguments; named, star, star_star
    kFilter,     // operands: value or null (in a filter block), arguments; named, ...; name, filter
    kTest,       // the same; test
  };

  Kind kind;
  Place place;
  int depth = 1;
  std::string name;
  int name_id = -1;
  Slot slot;
  Constant constant;  // of a name, an undefined value with that name
  BinaryOperator binary{};
  std::vector<Comparison> comparisons;
  std::vector<ExpressionPtr> operands;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, star_star;  // f(*star, **star_star)
  Filter filter = nullptr;        // null for an unknown one
  Test test = nullptr;
  const Members* members = nullptr;  // the methods of that name, null when no type has one
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

struct Statement {
  enum class Kind {
    kText,         // text
    kOutput,       // expression
    kIf,           // branches, otherwise
    kFor,          // target, expression, filter or null, body, otherwise, recursive
    kSet,          // target, expression
    kSetBlock,     // target, expression (a chain of filters, or null), body
    kMacro,        // name, slot, parameters, body
    kCallBlock,    // expression (a call; null for the generation tag), parameters, body
    kFilterBlock,  // expression (a chain of filters), body
    kWith,         // assignments, body
    kBreak,
    kContinue,
  };
  struct Branch {
    ExpressionPtr test;
    Body body;
  };
  struct Parameter {
    int name_id;
    std::string name;
    ExpressionPtr default_value;  // or null
    int index = -1;
  };
  struct Assignment {
    ExpressionPtr target;
    ExpressionPtr value;
  };
  // Of the function that a macro, a call block, a recursive loop or a loop's filter is.
  struct FunctionShape {
    int num_slots = 0;
    int caller = -1, varargs = -1, kwargs = -1;  // the slots of these, when the body asks for them
    bool accesses_caller = false;
  };

  Kind kind;
  Place place;
  std::string text;
  std::string name;
  int name_id = -1;
  Slot slot;
  ExpressionPtr target;  // a name, a tuple of targets, or the attribute of a name
  ExpressionPtr expression;
  ExpressionPtr filter;
  ExpressionPtr filter_target;  // the loop's target again, as its filter's function sees it
  bool recursive = false;
  std::vector<Branch> branches;
  std::vector<Parameter> parameters;
  std::vector<Assignment> assignments;
  Body body;
  Body otherwise;

  SlotLoads loads;            // of the body
  SlotLoads otherwise_loads;  // of a loop's else
  SlotLoads filter_loads;     // of a loop's filter
  int loop_slot = -1;         // where the body finds `loop`, -1 when it does not ask
  FunctionShape function;
  FunctionShape filter_function;
};

// Immutable after parsing and thread-safe.
class Template {
 public:
  std::string name;  // for errors
  Body body;
  SlotLoads loads;
  int num_slots = 0;
  std::vector<std::string> names;  // by name_id: every variable that the template mentions
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_AST_H_
