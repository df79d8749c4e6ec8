// Every option of translating and generating once: name, range, help, how it is read and written. Commands, the public tables and the range
// checks of the library read these.
#pragma once

#include <span>

#include "base/option_table.h"
#include "qkv/generator.h"
#include "qkv/translator.h"

namespace qkv {

std::span<const TableOption<TranslatorOptions>> translator_option_table();
std::span<const TableOption<GeneratorOptions>> generator_option_table();

}  // namespace qkv
