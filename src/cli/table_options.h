// Adds options from the library's tables to commands.
#pragma once

#include <CLI/CLI.hpp>

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/option_table.h"
#include "cli/letters.h"
#include "qkv/evaluator.h"
#include "qkv/generator.h"
#include "qkv/inference_type.h"
#include "qkv/translator.h"

namespace qkv {

// Adds an option for one entry, which sets `options`; these must exist until the command has run.
template <typename Options>
void add_table_option(CLI::App& command, const TableOption<Options>& entry, Options& options) {
  const std::string label = "--" + entry.name;
  if (entry.is_flag()) {
    command.add_flag_callback(
        with_letter(label), [&options, &entry, label] { entry.set(options, "true", label); }, entry.help);
    return;
  }
  CLI::Option* added = command.add_option_function<std::string>(
      with_letter(label), [&options, &entry, label](const std::string& text) { entry.set(options, text, label); }, entry.help);
  if (entry.type == OptionType::choice) {
    added->check(CLI::IsMember(entry.choices));
  } else {
    if (entry.fault) added->check(CLI::Validator([&entry](std::string& text) { return entry.fault(text); }, ""));
    if (!entry.default_value.empty() && entry.help.find("(default:") == std::string::npos) added->default_str(entry.default_value);
  }
  added->type_name(entry.value);
}

enum class Texts { one, many };

// The options of translating, of one text without those that only batches have; refuses some that leave each other without effect.
void add_decoding_options(CLI::App& command, TranslatorOptions& options, Texts texts = Texts::many);
void add_n_best_option(CLI::App& command, TranslatorOptions& options);
// The options of drawing tokens.
void add_sampling_options(CLI::App& command, GeneratorOptions& options);
// --lowercase, --tokenize, --word-error-rate and what else decides scores; --resamples, --seed.
void add_scoring_options(CLI::App& command, ComparisonOptions& options);
// The type that a model computes in.
void add_dtype_option(CLI::App& command, InferenceType& dtype);

}  // namespace qkv
