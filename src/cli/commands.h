// The command table: each function adds one subcommand with its options; its callback runs it. One file per command in commands/.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_train_command(CLI::App& app);
void add_translate_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_classify_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_tokenizer_command(CLI::App& app);
void add_attention_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_lab_command(CLI::App& app);

}  // namespace qkv
