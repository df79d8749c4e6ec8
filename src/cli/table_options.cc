#include "cli/table_options.h"

#include "cli/exclusions.h"
#include "decode/option_table.h"
#include "evaluate/option_table.h"

namespace qkv {

void add_decoding_options(CLI::App& command, TranslatorOptions& options, Texts texts) {
  for (const TableOption<TranslatorOptions>& entry : translator_option_table()) {
    const bool of_many = entry.name == "batch-tokens" || entry.name == "truncate";
    if (entry.name == "n-best" || (of_many && texts == Texts::one)) continue;
    add_table_option(command, entry, options);
  }
  command.parse_complete_callback([&command, &options] {
    if (options.num_beams == 1) refuse_given(command, {"--length-penalty"}, "--beam-size 1 is greedy search, which ranks nothing");
  });
}

void add_n_best_option(CLI::App& command, TranslatorOptions& options) {
  add_table_option(command, *find_option(translator_option_table(), "n-best"), options);
}

void add_sampling_options(CLI::App& command, GeneratorOptions& options) {
  for (const TableOption<GeneratorOptions>& entry : generator_option_table()) {
    if (entry.name != "sample") add_table_option(command, entry, options);
  }
}

void add_scoring_options(CLI::App& command, ComparisonOptions& options) {
  for (const TableOption<ScoringOptions>& entry : scoring_option_table()) add_table_option(command, entry, options.scoring);
  for (const TableOption<ComparisonOptions>& entry : comparison_option_table()) add_table_option(command, entry, options);
}

void add_dtype_option(CLI::App& command, InferenceType& dtype) {
  const TableOption<TranslatorOptions>& entry = *find_option(translator_option_table(), "dtype");
  command
      .add_option_function<std::string>(
          "--dtype",
          [&dtype, &entry](const std::string& text) {
            TranslatorOptions options;
            entry.set(options, text, "--dtype");
            dtype = options.dtype;
          },
          entry.help)
      ->check(CLI::IsMember(entry.choices))
      ->type_name(entry.value);
}

}  // namespace qkv
