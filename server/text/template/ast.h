// The syntax tree of a template.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_AST_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_AST_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/text/template/value.h"

namespace foregate::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

struct Expression {
  enum class Kind {
    kConstant,   // constant
    kName,       // name_id, name
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
    kAttribute,  // operands: object; name
    kItem,       // operands: object, index
    kSlice,      // operands: object, start, stop, step, each but the first or null
    kCall,       // operands: callee, arguments; named
    kFilter,     // operands: value or null (in a filter block), arguments; named; name
    kTest,       // the same
  };

  Kind kind;
  int line = 0;
  int depth = 1;
  std::string name;
  int name_id = -1;
  Value constant;
  BinaryOperator binary{};
  std::vector<Comparison> comparisons;
  std::vector<ExpressionPtr> operands;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Statement;
using Body = std::vector<std::unique_ptr<const Statement>>;

struct Statement {
  enum class Kind {
    kText,         // text
    kOutput,       // expression
    kIf,           // branches, otherwise
    kFor,          // target, expression, filter or null, body, otherwise, recursive
    kSet,          // target, expression
    kSetBlock,     // target, expression (a chain of filters, or null), body
    kMacro,        // name_id, name, parameters, body
    kCallBlock,    // expression (a call), parameters, body
    kFilterBlock,  // expression (a chain of filters), body
    kWith,         // assignments, body
    kScope,        // body: the generation tag
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
  };
  struct Assignment {
    ExpressionPtr target;
    ExpressionPtr value;
  };

  Kind kind;
  int line = 0;
  std::string text;
  std::string name;
  int name_id = -1;
  ExpressionPtr target;  // a name, a tuple of targets, or the attribute of a name
  ExpressionPtr expression;
  ExpressionPtr filter;
  bool recursive = false;
  std::vector<Branch> branches;
  std::vector<Parameter> parameters;
  std::vector<Assignment> assignments;
  Body body;
  Body otherwise;
};

// Immutable after parsing and thread-safe.
class Template {
 public:
  std::string name;  // for errors
  Body body;
  std::vector<std::string> names;  // by name_id: every variable that the template mentions
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_AST_H_
