// qkv bench embed.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_embed_bench(CLI::App& bench);

}  // namespace qkv
