// The syntax tree of a template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chat/jinja/value.h"

namespace qkv::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

using Filter = Value (*)(Interpreter&, const Value&, CallArguments&);
using Test = bool (*)(Interpreter&, const Value&, CallArguments&);

enum class Operator {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in
};

struct Argument {
  enum class Kind { positional, named, spread, spread_named };
  Kind kind = Kind::positional;
  std::string name;
  ExpressionPtr value;
};

struct Expression {
  enum class Kind {
    constant,     // value
    name,         // name
    list,         // children
    tuple,        // children
    dict,         // children: key, value, key, value, …
    attribute,    // children[0].name
    item,         // children[0][children[1]]
    slice,        // children[0][children[1]:children[2]:children[3]]; null: left out
    call,         // children[0](arguments)
    filter,       // children[0] | name(arguments); children[0] null: of the text of a block
    test,         // children[0] is name(arguments)
    negative,     // -children[0]
    positive,     // +children[0]
    logical_not,  // not children[0]
    logical_and,
    logical_or,
    binary,      // children[0] op children[1]
    compare,     // children[0] operators[0] children[1] operators[1] children[2] …
    concat,      // children joined as text
    conditional  // children[0] if children[1] else children[2] (null: undefined)
  };
  Kind kind;
  int line = 1;
  int depth = 1;
  Value value;
  std::string name;
  std::vector<ExpressionPtr> children;
  std::vector<Argument> arguments;
  std::vector<Operator> operators;
  Filter filter = nullptr;
  Test test = nullptr;
};

// What a value is assigned to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  std::string name, attribute;
  std::vector<Target> parts;  // of a tuple; then the name is empty
  int line = 1;
};

struct Statement;
using StatementPtr = std::unique_ptr<Statement>;
using Body = std::vector<StatementPtr>;

// A macro, or the body of {% call %}.
struct MacroSyntax {
  struct Parameter {
    std::string name;
    ExpressionPtr otherwise;  // null: undefined
  };
  std::string name;
  std::vector<Parameter> parameters;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
  Body body;
};

struct Statement {
  enum class Kind {
    text,        // text
    print,       // expression
    if_,         // branches; a branch without a condition is the else
    for_,        // target in expression (if condition), body, otherwise
    set,         // target = expression
    set_block,   // target = the text of body, expression: its filters
    with,        // assignments, body
    macro,       // macro
    call,        // expression is the call, macro its caller
    filter,      // expression: the filters of the text of body
    generation,  // body: what the assistant says
    break_,
    continue_
  };
  struct Branch {
    ExpressionPtr condition;
    Body body;
  };
  Kind kind;
  int line = 1;
  std::string text;
  ExpressionPtr expression, condition;
  Target target;
  bool recursive = false;
  Body body, otherwise;
  std::vector<Branch> branches;
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  MacroSyntax macro;
};

}  // namespace qkv::jinja
