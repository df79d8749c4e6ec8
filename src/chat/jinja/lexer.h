// Cuts a template into tokens, with the whitespace rules that transformers sets: trim_blocks and lstrip_blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qkv/error.h"

namespace qkv::jinja {

enum class TokenKind { text, block_begin, block_end, print_begin, print_end, name, string, integer, real, symbol, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;  // of a string: its value
  int line = 1;
};

// An error in the text of a template.
struct SyntaxFault {
  std::string what;
  int line;
  ErrorCode code = ErrorCode::bad_input;
};

// The last token is `end`. Throws SyntaxFault.
std::vector<Token> tokenize(std::string_view source);

}  // namespace qkv::jinja
