#include "chat/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.h"

namespace qkv::jinja {
namespace {

using Kind = Expression::Kind;

constexpr int kMaxLevel = 200;  // of brackets and statements inside each other
constexpr int kMaxDepth = 300;  // of a tree: chains of + or | are deep, too

std::string shown(const Token& token) {
  switch (token.kind) {
    case TokenKind::end: return "the end of the template";
    case TokenKind::block_end: return "'%}'";
    case TokenKind::print_end: return "'}}'";
    case TokenKind::string: return "a string";
    default: return "'" + shortened(token.text, 40) + "'";
  }
}

}  // namespace

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(parser) {
  if (parser_.level_ >= kMaxLevel) parser_.fail(fmt::format("brackets or blocks are nested more than {} deep", kMaxLevel));
  ++parser_.level_;
}

bool ExpressionParser::skip_symbol(std::string_view text) {
  if (!is_symbol(text)) return false;
  next();
  return true;
}

bool ExpressionParser::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  next();
  return true;
}

void ExpressionParser::fail_unexpected(std::string_view wanted) const {
  fail(fmt::format("expected {} instead of {}", wanted, shown(current())));
}

void ExpressionParser::expect_symbol(std::string_view text) {
  if (!skip_symbol(text)) fail_unexpected(fmt::format("'{}'", text));
}

std::string ExpressionParser::expect_name(std::string_view what) {
  if (current().kind != TokenKind::name) fail_unexpected(what);
  return next().text;
}

ExpressionPtr ExpressionParser::make(Kind kind, std::vector<ExpressionPtr> children, int line) {
  auto node = std::make_unique<Expression>(Expression{.kind = kind, .line = line > 0 ? line : current().line});
  node->children = std::move(children);
  measure(*node);
  return node;
}

void ExpressionParser::measure(Expression& node) const {
  for (const ExpressionPtr& child : node.children) {
    if (child) node.depth = std::max(node.depth, child->depth + 1);
  }
  for (const Argument& argument : node.arguments) node.depth = std::max(node.depth, argument.value->depth + 1);
  if (node.depth > kMaxDepth) fail(fmt::format("an expression has more than {} operations in each other", kMaxDepth));
}

ExpressionPtr ExpressionParser::parse_expression(bool with_conditional) {
  const Level level(*this);
  return with_conditional ? parse_conditional() : parse_or();
}

ExpressionPtr ExpressionParser::parse_conditional() {
  ExpressionPtr node = parse_or();
  while (skip_name("if")) {
    const int line = current().line;
    ExpressionPtr condition = parse_or(), otherwise;
    if (skip_name("else")) otherwise = parse_expression();
    node = make(Kind::conditional, nodes(std::move(node), std::move(condition), std::move(otherwise)), line);
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_or() {
  ExpressionPtr node = parse_and();
  while (skip_name("or")) node = make(Kind::logical_or, nodes(std::move(node), parse_and()));
  return node;
}

ExpressionPtr ExpressionParser::parse_and() {
  ExpressionPtr node = parse_not();
  while (skip_name("and")) node = make(Kind::logical_and, nodes(std::move(node), parse_not()));
  return node;
}

ExpressionPtr ExpressionParser::parse_not() {
  int count = 0;
  while (skip_name("not")) ++count;
  ExpressionPtr node = parse_compare();
  for (int i = 0; i < count; ++i) node = make(Kind::logical_not, nodes(std::move(node)));
  return node;
}

ExpressionPtr ExpressionParser::parse_compare() {
  constexpr std::pair<std::string_view, Operator> kSymbols[] = {{"==", Operator::equal},  {"!=", Operator::not_equal},
                                                                {"<", Operator::less},    {"<=", Operator::less_equal},
                                                                {">", Operator::greater}, {">=", Operator::greater_equal}};
  ExpressionPtr first = parse_sum();
  std::vector<ExpressionPtr> operands;
  std::vector<Operator> operators;
  for (;;) {
    const auto* found = std::find_if(std::begin(kSymbols), std::end(kSymbols), [&](const auto& each) { return is_symbol(each.first); });
    if (found != std::end(kSymbols)) {
      operators.push_back(found->second);
      next();
    } else if (is_name("not") && ahead().kind == TokenKind::name && ahead().text == "in") {
      operators.push_back(Operator::not_in);
      next();
      next();
    } else if (skip_name("in")) {
      operators.push_back(Operator::in);
    } else {
      break;
    }
    operands.push_back(parse_sum());
  }
  if (operators.empty()) return first;
  operands.insert(operands.begin(), std::move(first));
  ExpressionPtr node = make(Kind::compare, std::move(operands));
  node->operators = std::move(operators);
  return node;
}

ExpressionPtr ExpressionParser::parse_sum() {
  ExpressionPtr node = parse_concat();
  while (is_symbol("+") || is_symbol("-")) {
    const Operator operation = next().text == "+" ? Operator::add : Operator::subtract;
    node = make(Kind::binary, nodes(std::move(node), parse_concat()));
    node->operators = {operation};
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_concat() {
  ExpressionPtr first = parse_product();
  if (!is_symbol("~")) return first;
  std::vector<ExpressionPtr> parts = nodes(std::move(first));
  while (skip_symbol("~")) parts.push_back(parse_product());
  return make(Kind::concat, std::move(parts));
}

ExpressionPtr ExpressionParser::parse_product() {
  constexpr std::pair<std::string_view, Operator> kSymbols[] = {
      {"*", Operator::multiply}, {"/", Operator::divide}, {"//", Operator::floor_divide}, {"%", Operator::modulo}};
  ExpressionPtr node = parse_power();
  for (;;) {
    const auto* found = std::find_if(std::begin(kSymbols), std::end(kSymbols), [&](const auto& each) { return is_symbol(each.first); });
    if (found == std::end(kSymbols)) return node;
    next();
    node = make(Kind::binary, nodes(std::move(node), parse_power()));
    node->operators = {found->second};
  }
}

ExpressionPtr ExpressionParser::parse_power() {
  ExpressionPtr node = parse_unary();
  while (skip_symbol("**")) {
    node = make(Kind::binary, nodes(std::move(node), parse_unary()));
    node->operators = {Operator::power};
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  const Level level(*this);
  ExpressionPtr node;
  if (is_symbol("-") || is_symbol("+")) {
    const Kind kind = next().text == "-" ? Kind::negative : Kind::positive;
    node = make(kind, nodes(parse_unary(false)));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  if (!with_filters) return node;
  for (;;) {
    if (skip_symbol("|")) {
      node = parse_filter(std::move(node));
    } else if (is_name("is")) {
      node = parse_test(std::move(node));
    } else if (is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = current();
  if (token.kind == TokenKind::name) return parse_name();
  if (token.kind == TokenKind::integer || token.kind == TokenKind::real) return parse_number();
  if (token.kind == TokenKind::string) {
    std::string text;
    const int line = token.line;
    while (current().kind == TokenKind::string) text += next().text;
    ExpressionPtr node = make(Kind::constant, {}, line);
    node->value = Value::text(std::move(text), nullptr);
    return node;
  }
  if (skip_symbol("(")) {
    ExpressionPtr node = parse_tuple(true, "", true);
    expect_symbol(")");
    return node;
  }
  if (is_symbol("[")) return parse_list();
  if (is_symbol("{")) return parse_dict();
  fail_unexpected("an expression");
}

ExpressionPtr ExpressionParser::parse_name() {
  const int line = current().line;
  const std::string name = next().text;
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    ExpressionPtr node = make(Kind::constant, {}, line);
    node->value = name == "true" || name == "True";
    return node;
  }
  if (name == "none" || name == "None") {
    ExpressionPtr node = make(Kind::constant, {}, line);
    node->value = None{};
    return node;
  }
  names_read_.push_back(name);
  ExpressionPtr node = make(Kind::name, {}, line);
  node->name = name;
  return node;
}

ExpressionPtr ExpressionParser::parse_number() {
  ExpressionPtr node = make(Kind::constant);
  const Token token = next();
  const std::string& digits = token.text;
  if (token.kind == TokenKind::real) {
    double value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    node->value = value;
    return node;
  }
  const char letter = digits.size() > 1 ? static_cast<char>(digits[1] | 0x20) : ' ';
  const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
  const char* begin = digits.data() + (base == 10 ? 0 : 2);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(begin, digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw SyntaxFault{fmt::format("the number {} is not supported", shortened(digits, 40)), token.line, ErrorCode::unsupported};
  node->value = value;
  return node;
}

ExpressionPtr ExpressionParser::parse_list() {
  const int line = next().line;
  std::vector<ExpressionPtr> items;
  while (!is_symbol("]")) {
    if (!items.empty()) expect_symbol(",");
    if (is_symbol("]")) break;
    items.push_back(parse_expression());
  }
  next();
  return make(Kind::list, std::move(items), line);
}

ExpressionPtr ExpressionParser::parse_dict() {
  const int line = next().line;
  std::vector<ExpressionPtr> items;
  while (!is_symbol("}")) {
    if (!items.empty()) expect_symbol(",");
    if (is_symbol("}")) break;
    items.push_back(parse_expression());
    expect_symbol(":");
    items.push_back(parse_expression());
  }
  next();
  return make(Kind::dict, std::move(items), line);
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_conditional, std::string_view end, bool parentheses) {
  const int line = current().line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  const auto at_end = [&] {
    return current().kind == TokenKind::block_end || current().kind == TokenKind::print_end || is_symbol(")") ||
           (!end.empty() && is_name(end));
  };
  for (;;) {
    if (!items.empty()) expect_symbol(",");
    if (at_end()) break;
    items.push_back(parse_expression(with_conditional));
    if (!is_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items.front());
  if (!is_tuple && !parentheses) fail_unexpected("an expression");
  return make(Kind::tuple, std::move(items), line);
}

}  // namespace qkv::jinja
