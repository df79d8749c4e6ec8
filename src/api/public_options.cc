// The option tables of the public API.
#include "decode/option_table.h"
#include "embed/option_table.h"
#include "evaluate/option_table.h"
#include "predict/option_table.h"
#include "qkv/options.h"
#include "train/options/option_table.h"
#include "train/options/options.h"

namespace qkv {
namespace {

template <typename Options>
std::vector<OptionInfo> public_part(std::span<const TableOption<Options>> table) {
  return {table.begin(), table.end()};
}

template <typename Options>
const TableOption<Options>& find_or_fail(std::span<const TableOption<Options>> table, std::string_view name) {
  const TableOption<Options>* option = find_option(table, name);
  if (!option) fail(ErrorCode::invalid_argument, "there is no option \"{}\"", name);
  return *option;
}

template <typename Options>
void set_in(std::span<const TableOption<Options>> table, Options& options, std::string_view name, const std::string& text) {
  const TableOption<Options>& option = find_or_fail(table, name);
  option.set(options, text, mark_fields("`" + option.field + "`"));
}

}  // namespace

TrainOptions read_config(const std::filesystem::path& path) {
  const OptionSetting file{"config", path.string(), "config"};
  return resolve_train_options(std::span(&file, 1));
}

std::span<const OptionInfo> train_options() {
  static const std::vector<OptionInfo> table = public_part(train_option_table());
  return table;
}
std::span<const OptionInfo> translator_options() {
  static const std::vector<OptionInfo> table = public_part(translator_option_table());
  return table;
}
std::span<const OptionInfo> generator_options() {
  static const std::vector<OptionInfo> table = public_part(generator_option_table());
  return table;
}
std::span<const OptionInfo> scoring_options() {
  static const std::vector<OptionInfo> table = public_part(scoring_option_table());
  return table;
}
std::span<const OptionInfo> comparison_options() {
  static const std::vector<OptionInfo> table = public_part(comparison_option_table());
  return table;
}
std::span<const OptionInfo> embed_options() {
  static const std::vector<OptionInfo> table = public_part(embed_option_table());
  return table;
}
std::span<const OptionInfo> classify_options() {
  static const std::vector<OptionInfo> table = public_part(classify_option_table());
  return table;
}
std::span<const OptionInfo> choose_options() {
  static const std::vector<OptionInfo> table = public_part(choose_option_table());
  return table;
}
std::span<const OptionInfo> answer_options() {
  static const std::vector<OptionInfo> table = public_part(answer_option_table());
  return table;
}
std::span<const OptionInfo> fill_mask_options() {
  static const std::vector<OptionInfo> table = public_part(fill_mask_option_table());
  return table;
}
std::span<const OptionInfo> tag_options() {
  static const std::vector<OptionInfo> table = public_part(tag_option_table());
  return table;
}

void set_option(TrainOptions& options, std::string_view name, const std::string& text) {
  set_in(train_option_table(), options, name, text);
}
void set_option(TranslatorOptions& options, std::string_view name, const std::string& text) {
  set_in(translator_option_table(), options, name, text);
}
void set_option(GeneratorOptions& options, std::string_view name, const std::string& text) {
  set_in(generator_option_table(), options, name, text);
}
void set_option(ScoringOptions& options, std::string_view name, const std::string& text) {
  set_in(scoring_option_table(), options, name, text);
}
void set_option(ComparisonOptions& options, std::string_view name, const std::string& text) {
  set_in(comparison_option_table(), options, name, text);
}
void set_option(EmbedOptions& options, std::string_view name, const std::string& text) {
  set_in(embed_option_table(), options, name, text);
}
void set_option(ClassifyOptions& options, std::string_view name, const std::string& text) {
  set_in(classify_option_table(), options, name, text);
}
void set_option(ChooseOptions& options, std::string_view name, const std::string& text) {
  set_in(choose_option_table(), options, name, text);
}
void set_option(AnswerOptions& options, std::string_view name, const std::string& text) {
  set_in(answer_option_table(), options, name, text);
}
void set_option(FillMaskOptions& options, std::string_view name, const std::string& text) {
  set_in(fill_mask_option_table(), options, name, text);
}
void set_option(TagOptions& options, std::string_view name, const std::string& text) { set_in(tag_option_table(), options, name, text); }

std::string option_value(const TrainOptions& options, std::string_view name) {
  return find_or_fail(train_option_table(), name).get(options);
}
std::string option_value(const TranslatorOptions& options, std::string_view name) {
  return find_or_fail(translator_option_table(), name).get(options);
}
std::string option_value(const GeneratorOptions& options, std::string_view name) {
  return find_or_fail(generator_option_table(), name).get(options);
}
std::string option_value(const ScoringOptions& options, std::string_view name) {
  return find_or_fail(scoring_option_table(), name).get(options);
}
std::string option_value(const ComparisonOptions& options, std::string_view name) {
  return find_or_fail(comparison_option_table(), name).get(options);
}
std::string option_value(const EmbedOptions& options, std::string_view name) {
  return find_or_fail(embed_option_table(), name).get(options);
}
std::string option_value(const ClassifyOptions& options, std::string_view name) {
  return find_or_fail(classify_option_table(), name).get(options);
}
std::string option_value(const ChooseOptions& options, std::string_view name) {
  return find_or_fail(choose_option_table(), name).get(options);
}
std::string option_value(const AnswerOptions& options, std::string_view name) {
  return find_or_fail(answer_option_table(), name).get(options);
}
std::string option_value(const FillMaskOptions& options, std::string_view name) {
  return find_or_fail(fill_mask_option_table(), name).get(options);
}
std::string option_value(const TagOptions& options, std::string_view name) { return find_or_fail(tag_option_table(), name).get(options); }

}  // namespace qkv
