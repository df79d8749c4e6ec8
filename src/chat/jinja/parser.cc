#include "chat/jinja/parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "chat/jinja/expression_parser.h"

namespace qkv::jinja {
namespace {

using Kind = Statement::Kind;

// Jinja's tags that reach for other templates or change how texts are escaped.
constexpr std::array<std::string_view, 9> kUnsupported = {"block",      "extends", "include", "import", "from",
                                                          "autoescape", "do",      "trans",   "debug"};

class Parser : public ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(tokenize(source)) {}

  Body parse() try { return parse_body({}); } catch (const Fault& fault) {
    throw SyntaxFault{fault.what(), current().line, fault.code};
  }

 private:
  // Statements up to a tag with one of these names; moves to behind that name. No names: up to the end of the template.
  Body parse_body(std::vector<std::string_view> ends) {
    const Level level(*this);
    const int line = last_line();
    Body body;
    for (;;) {
      const Token token = next();
      switch (token.kind) {
        case TokenKind::end:
          if (!ends.empty()) throw SyntaxFault{fmt::format("the tag {{% {} %}} is missing for what begins here", ends.back()), line};
          return body;
        case TokenKind::text:
          body.push_back(make(Kind::text, token.line));
          body.back()->text = token.text;
          break;
        case TokenKind::print_begin:
          body.push_back(make(Kind::print, token.line));
          body.back()->expression = parse_tuple();
          if (current().kind != TokenKind::print_end) fail_unexpected("'}}'");
          next();
          break;
        default:
          if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return is_name(end); })) return body;
          body.push_back(parse_statement());
          end_tag();
      }
    }
  }

  static StatementPtr make(Kind kind, int line) { return std::make_unique<Statement>(Statement{.kind = kind, .line = line}); }

  void end_tag() {
    if (current().kind != TokenKind::block_end) fail_unexpected("'%}'");
    next();
  }

  StatementPtr parse_statement() {
    const Token tag = current();
    const std::string name = expect_name("a tag's name");
    const auto simple = [&](Kind kind) { return make(kind, tag.line); };
    if (name == "for") return parse_for(tag.line);
    if (name == "if") return parse_if(tag.line);
    if (name == "set") return parse_set(tag.line);
    if (name == "macro") return parse_macro(tag.line);
    if (name == "call") return parse_call_block(tag.line);
    if (name == "filter") return parse_filter_block(tag.line);
    if (name == "with") return parse_with(tag.line);
    if (name == "break" || name == "continue") {
      if (loops_ == 0) throw SyntaxFault{fmt::format("{{% {} %}} outside of a loop", name), tag.line};
      return simple(name == "break" ? Kind::break_ : Kind::continue_);
    }
    if (name == "print") {
      StatementPtr statement = simple(Kind::print);
      statement->expression = parse_tuple();
      return statement;
    }
    if (name == "generation") {
      end_tag();
      StatementPtr statement = simple(Kind::generation);
      statement->body = parse_function_body({"endgeneration"});
      next();
      return statement;
    }
    const bool known = std::find(kUnsupported.begin(), kUnsupported.end(), name) != kUnsupported.end();
    if (known) throw SyntaxFault{fmt::format("the tag {{% {} %}} is not supported", name), tag.line, ErrorCode::unsupported};
    throw SyntaxFault{fmt::format("there is no tag {{% {} %}} at this place", shortened(name, 40)), tag.line};
  }

  // A body that breaks no loop outside of it.
  Body parse_function_body(std::vector<std::string_view> ends) {
    const int loops = std::exchange(loops_, 0);
    Body body = parse_body(std::move(ends));
    loops_ = loops;
    return body;
  }

  Target parse_target(std::string_view end, bool with_attribute = false) {
    const Level level(*this);
    const int line = current().line;
    if (with_attribute && current().kind == TokenKind::name && ahead().kind == TokenKind::symbol && ahead().text == ".") {
      Target target{.name = next().text, .line = line};
      next();
      target.attribute = expect_name("an attribute's name");
      names_read_.push_back(target.name);
      return target;
    }
    std::vector<Target> parts;
    bool tuple = false;
    do {
      if (tuple && (is_name(end) || is_symbol("=") || is_symbol(")"))) break;
      if (skip_symbol("(")) {
        parts.push_back(parse_target(""));
        expect_symbol(")");
      } else {
        parts.push_back({.name = expect_name("a name to assign to"), .line = line});
      }
      tuple = tuple || is_symbol(",");
    } while (skip_symbol(","));
    if (!tuple) return std::move(parts.front());
    return {.parts = std::move(parts), .line = line};
  }

  StatementPtr parse_for(int line) {
    StatementPtr loop = make(Kind::for_, line);
    loop->target = parse_target("in");
    if (!skip_name("in")) fail_unexpected("'in'");
    loop->expression = parse_tuple(false, "recursive");
    if (skip_name("if")) loop->condition = parse_expression();
    loop->recursive = skip_name("recursive");
    end_tag();
    ++loops_;
    loop->body = parse_body({"else", "endfor"});
    --loops_;
    if (next().text == "else") {
      end_tag();
      loop->otherwise = parse_body({"endfor"});
      next();
    }
    return loop;
  }

  StatementPtr parse_if(int line) {
    StatementPtr statement = make(Kind::if_, line);
    for (std::string end = "elif"; end == "elif";) {
      Statement::Branch branch;
      branch.condition = parse_tuple(false);
      end_tag();
      branch.body = parse_body({"elif", "else", "endif"});
      statement->branches.push_back(std::move(branch));
      end = next().text;
      if (end != "else") continue;
      end_tag();
      statement->branches.push_back({nullptr, parse_body({"endif"})});
      next();
    }
    return statement;
  }

  StatementPtr parse_set(int line) {
    StatementPtr statement = make(Kind::set, line);
    statement->target = parse_target("", true);
    if (skip_symbol("=")) {
      statement->expression = parse_tuple();
      return statement;
    }
    statement->kind = Kind::set_block;
    statement->expression = parse_filters(nullptr);
    end_tag();
    statement->body = parse_body({"endset"});
    next();
    return statement;
  }

  StatementPtr parse_with(int line) {
    StatementPtr statement = make(Kind::with, line);
    while (current().kind != TokenKind::block_end) {
      if (!statement->assignments.empty()) expect_symbol(",");
      Target target = parse_target("");
      expect_symbol("=");
      statement->assignments.emplace_back(std::move(target), parse_expression());
    }
    end_tag();
    statement->body = parse_body({"endwith"});
    next();
    return statement;
  }

  void parse_parameters(MacroSyntax& macro) {
    expect_symbol("(");
    while (!is_symbol(")")) {
      if (!macro.parameters.empty()) expect_symbol(",");
      if (is_symbol(")")) break;
      MacroSyntax::Parameter parameter{.name = expect_name("a parameter's name")};
      if (skip_symbol("=")) {
        parameter.otherwise = parse_expression();
      } else if (!macro.parameters.empty() && macro.parameters.back().otherwise) {
        fail("a parameter without a default follows one with a default");
      }
      macro.parameters.push_back(std::move(parameter));
    }
    next();
  }

  void parse_macro_body(MacroSyntax& macro, std::string_view end) {
    end_tag();
    std::vector<std::string> outer = std::exchange(names_read_, {});
    macro.body = parse_function_body({end});
    next();
    const auto reads = [&](std::string_view name) { return std::find(names_read_.begin(), names_read_.end(), name) != names_read_.end(); };
    macro.uses_varargs = reads("varargs");
    macro.uses_kwargs = reads("kwargs");
    macro.uses_caller = reads("caller");
    names_read_ = std::move(outer);
  }

  StatementPtr parse_macro(int line) {
    StatementPtr statement = make(Kind::macro, line);
    statement->macro.name = expect_name("a macro's name");
    parse_parameters(statement->macro);
    parse_macro_body(statement->macro, "endmacro");
    return statement;
  }

  StatementPtr parse_call_block(int line) {
    StatementPtr statement = make(Kind::call, line);
    statement->macro.name = "caller";
    if (is_symbol("(")) parse_parameters(statement->macro);
    statement->expression = parse_expression();
    if (statement->expression->kind != Expression::Kind::call) fail("{% call %} needs the call of a macro");
    parse_macro_body(statement->macro, "endcall");
    return statement;
  }

  StatementPtr parse_filter_block(int line) {
    StatementPtr statement = make(Kind::filter, line);
    statement->expression = parse_filter_chain();
    end_tag();
    statement->body = parse_body({"endfilter"});
    next();
    return statement;
  }

  int loops_ = 0;  // around the current place
};

}  // namespace

Body parse_template(std::string_view source) { return Parser(source).parse(); }

}  // namespace qkv::jinja
