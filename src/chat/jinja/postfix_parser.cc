// What follows a value in an expression: attributes, items, calls, filters and tests.
#include <algorithm>

#include "chat/jinja/builtins.h"
#include "chat/jinja/expression_parser.h"

namespace qkv::jinja {

using Kind = Expression::Kind;

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr node) {
  for (;;) {
    if (is_symbol(".") || is_symbol("[")) {
      node = parse_subscript(std::move(node));
    } else if (is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr callee) {
  const int line = current().line;
  std::vector<Argument> arguments = parse_arguments();
  ExpressionPtr node = make(Kind::call, nodes(std::move(callee)), line);
  node->arguments = std::move(arguments);
  measure(*node);
  return node;
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr node) {
  const int line = current().line;
  if (next().text == ".") {
    if (current().kind == TokenKind::integer) return make(Kind::item, nodes(std::move(node), parse_number()), line);
    ExpressionPtr attribute = make(Kind::attribute, nodes(std::move(node)), line);
    attribute->name = expect_name("a name");
    return attribute;
  }
  std::vector<ExpressionPtr> parts = nodes(std::move(node));
  bool slice = false;
  for (;;) {
    const bool empty = is_symbol(":") || is_symbol("]");
    if (empty && is_symbol("]") && !slice) fail_unexpected("an index");
    parts.push_back(empty ? nullptr : parse_expression());
    if (is_symbol(",")) fail("indices with commas are not supported", ErrorCode::unsupported);
    if (!skip_symbol(":")) break;
    slice = true;
  }
  expect_symbol("]");
  if (parts.size() > 4) fail("a slice has more than three parts");
  if (slice) parts.resize(4);
  return make(slice ? Kind::slice : Kind::item, std::move(parts), line);
}

std::vector<Argument> ExpressionParser::parse_arguments() {
  std::vector<Argument> arguments;
  expect_symbol("(");
  while (!is_symbol(")")) {
    if (!arguments.empty()) expect_symbol(",");
    if (is_symbol(")")) break;
    Argument argument;
    if (skip_symbol("*")) {
      argument.kind = Argument::Kind::spread;
    } else if (skip_symbol("**")) {
      argument.kind = Argument::Kind::spread_named;
    } else if (current().kind == TokenKind::name && ahead().kind == TokenKind::symbol && ahead().text == "=") {
      argument.kind = Argument::Kind::named;
      argument.name = next().text;
      next();
    }
    const bool named_before =
        std::any_of(arguments.begin(), arguments.end(), [](const Argument& each) { return each.kind != Argument::Kind::positional; });
    if (argument.kind == Argument::Kind::positional && named_before) fail("an argument without a name follows one with a name");
    argument.value = parse_expression();
    arguments.push_back(std::move(argument));
  }
  next();
  return arguments;
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr input) {
  ExpressionPtr node = make(Kind::filter, nodes(std::move(input)));
  node->name = expect_name("a filter's name");
  node->filter = find_filter(node->name);
  if (!node->filter) fault_unknown("filter", node->name);
  if (is_symbol("(")) node->arguments = parse_arguments();
  measure(*node);
  return node;
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr input) {
  ExpressionPtr node = std::move(input);
  while (skip_symbol("|")) node = parse_filter(std::move(node));
  return node;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr input) {
  const int line = next().line;
  const bool negated = skip_name("not");
  ExpressionPtr node = make(Kind::test, nodes(std::move(input)), line);
  node->name = expect_name("a test's name");
  node->test = find_test(node->name);
  if (!node->test) fault_unknown("test", node->name);
  if (is_name("is")) fail("tests cannot be chained with 'is'");
  const Token& token = current();
  const bool takes_one = token.kind == TokenKind::string || token.kind == TokenKind::integer || token.kind == TokenKind::real ||
                         is_symbol("[") || is_symbol("{") ||
                         (token.kind == TokenKind::name && !is_name("else") && !is_name("or") && !is_name("and"));
  if (is_symbol("(")) {
    node->arguments = parse_arguments();
  } else if (takes_one && !is_name("if")) {
    node->arguments.push_back({Argument::Kind::positional, "", parse_postfix(parse_primary())});
  }
  measure(*node);
  return negated ? make(Kind::logical_not, nodes(std::move(node)), line) : std::move(node);
}

}  // namespace qkv::jinja
