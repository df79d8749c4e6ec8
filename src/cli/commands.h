// The command table: each function adds one subcommand with its options and a callback that runs it. commands/ has one file per command.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_train_command(CLI::App& app);
void add_translate_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_chat_command(CLI::App& app);
void add_classify_command(CLI::App& app);
void add_choose_command(CLI::App& app);
void add_tag_command(CLI::App& app);
void add_answer_command(CLI::App& app);
void add_fill_mask_command(CLI::App& app);
void add_embed_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_score_command(CLI::App& app);
void add_tokenizer_command(CLI::App& app);
void add_attention_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_convert_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_lab_command(CLI::App& app);
void add_help_commands(CLI::App& app);  // help, man, completion

}  // namespace qkv
