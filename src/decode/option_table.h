// The table of all options for translating and generating: name, range, help, reading and writing. Used by the commands, the public tables
// and the library's range checks.
#pragma once

#include <span>

#include "base/option_table.h"
#include "qkv/generator.h"
#include "qkv/translator.h"

namespace qkv {

std::span<const TableOption<TranslatorOptions>> translator_option_table();
// The first option set to another value than its default that only a search for translations reads; null if there is none.
const TableOption<TranslatorOptions>* given_search_option(const TranslatorOptions& options);
std::span<const TableOption<GeneratorOptions>> generator_option_table();

}  // namespace qkv
