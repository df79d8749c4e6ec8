#include "cli/commands/decoding_options.h"

#include <algorithm>
#include <limits>

#include "base/interrupt.h"
#include "cli/numbers.h"
#include "models/generation_keys.h"

namespace qkv {

namespace {

const std::pair<const char*, InferenceType> kTypes[] = {
    {"f32", InferenceType::f32}, {"bf16", InferenceType::bf16}, {"file", InferenceType::file}};

}  // namespace

void add_dtype_option(CLI::App& command, InferenceType& dtype) {
  const auto choose = [&dtype](const std::string& name) {
    for (const auto& [known, type] : kTypes) {
      if (name == known) dtype = type;
    }
  };
  command.add_option_function<std::string>("--dtype", choose, "Compute in f32, bf16, or as the model's files say (default: f32)")
      ->check(CLI::IsMember({"f32", "bf16", "file"}))
      ->type_name("TYPE");
}

void add_decoding_options(CLI::App& command, TranslatorOptions& options) {
  command.add_option("--beam-size", options.num_beams, "Hypotheses kept at each step; 1: greedy search (default: the model's)")
      ->check(between(1, 1000))
      ->type_name("N");
  command.add_option("--length-penalty", options.length_penalty, "Beams are ranked by (sum of log p) / length^X (default: the model's)")
      ->check(at_least(options.length_penalty, std::numeric_limits<double>::lowest()))
      ->type_name("X");
  command.add_option("--max-length", options.max_length, "Most tokens of a translation, with the start token (default: the model's)")
      ->check(at_least(options.max_length, 1))
      ->type_name("N");
  command
      .add_option("--max-length-factor", options.max_length_factor,
                  "Cut a translation at so many tokens for each of its source; stops what loops without end (default: no such limit)")
      ->check(at_least(options.max_length_factor, 0))
      ->type_name("X");
  command.add_option("--min-length", options.min_length, "Fewest tokens of a translation, with the start token (default: the model's)")
      ->check(at_least(options.min_length, 0))
      ->type_name("N");
  add_dtype_option(command, options.dtype);
  command.add_flag("--truncate", options.truncate, "Cut lines that are too long for the model instead of stopping there");
  command.add_option("--batch-tokens", options.batch_tokens, "Source tokens times beams computed at once")
      ->check(at_least(options.batch_tokens, 1))
      ->type_name("N")
      ->capture_default_str();
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

TranslateOptions interruptible_options(const TranslatorOptions& chosen, const Model& model) {
  TranslateOptions options = resolve_options(chosen, model);
  options.search.on_step = [] { throw_if_interrupted(); };
  options.warn_of_unknown = true;
  warn_of_unused_keys(model.generation, "qkv translate", false);
  return options;
}

}  // namespace qkv
