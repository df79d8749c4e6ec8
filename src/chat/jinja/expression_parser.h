// Expressions, by Jinja's precedence. The base of the parser of statements.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/lexer.h"
#include "chat/jinja/syntax.h"

namespace qkv::jinja {

class ExpressionParser {
 protected:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  int last_line() const { return tokens_[at_ > 0 ? at_ - 1 : 0].line; }  // of what was read last
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next() { return std::move(tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]); }
  bool is_symbol(std::string_view text) const { return current().kind == TokenKind::symbol && current().text == text; }
  bool is_name(std::string_view text) const { return current().kind == TokenKind::name && current().text == text; }
  bool skip_symbol(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_symbol(std::string_view text);
  std::string expect_name(std::string_view what);
  [[noreturn]] void fail(std::string what, ErrorCode code = ErrorCode::bad_input) const {
    throw SyntaxFault{std::move(what), current().line, code};
  }
  [[noreturn]] void fail_unexpected(std::string_view wanted) const;

  // Held while a rule calls itself.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

  ExpressionPtr parse_expression(bool with_conditional = true);
  // One expression, or several with commas as a tuple. `end`: a name that ends it.
  ExpressionPtr parse_tuple(bool with_conditional = true, std::string_view end = "", bool parentheses = false);
  std::vector<Argument> parse_arguments();
  // Filters, each with its "|", after an expression; null: the text of a block.
  ExpressionPtr parse_filters(ExpressionPtr input);
  // The filters of {% filter %}, whose first has no "|".
  ExpressionPtr parse_filter_chain() { return parse_filters(parse_filter(nullptr)); }
  ExpressionPtr parse_postfix(ExpressionPtr node);
  ExpressionPtr parse_primary();

  std::vector<std::string> names_read_;  // within macros; what tells whether they use varargs, kwargs and caller

 private:
  // The children of a node with several.
  template <typename... Nodes>
  static std::vector<ExpressionPtr> nodes(Nodes... each) {
    std::vector<ExpressionPtr> all;
    (all.push_back(std::move(each)), ...);
    return all;
  }
  ExpressionPtr make(Expression::Kind kind, std::vector<ExpressionPtr> children = {}, int line = 0);
  void measure(Expression& node) const;
  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters = true);
  ExpressionPtr parse_filter(ExpressionPtr input);  // behind its "|"
  ExpressionPtr parse_test(ExpressionPtr input);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_subscript(ExpressionPtr node);
  ExpressionPtr parse_name();
  ExpressionPtr parse_number();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int level_ = 0;
};

}  // namespace qkv::jinja
