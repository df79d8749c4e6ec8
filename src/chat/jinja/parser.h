// Reads a template into its syntax tree.
#pragma once

#include <string_view>

#include "chat/jinja/syntax.h"

namespace qkv::jinja {

// Throws SyntaxFault (lexer.h) for what is no Jinja or is beyond the subset, named by its construct.
Body parse_template(std::string_view source);

}  // namespace qkv::jinja
