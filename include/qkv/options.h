// The members of the option structs that the functions below name as data, with the ranges that the library checks. Command lines, language
// bindings, servers and shell completions can offer all options with these tables.
//
// Thread safety: all functions may be called from any number of threads; the tables never change.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "qkv/chooser.h"
#include "qkv/classifier.h"
#include "qkv/embedder.h"
#include "qkv/evaluator.h"
#include "qkv/export.h"
#include "qkv/generator.h"
#include "qkv/mask_filler.h"
#include "qkv/option_info.h"
#include "qkv/question_answerer.h"
#include "qkv/tagger.h"
#include "qkv/trainer.h"
#include "qkv/translator.h"

namespace qkv {

// All options of a struct, in the order of the program's help; valid until the process ends.
QKV_API std::span<const OptionInfo> train_options();
QKV_API std::span<const OptionInfo> translator_options();
QKV_API std::span<const OptionInfo> generator_options();
QKV_API std::span<const OptionInfo> scoring_options();     // without tokenizer and cancellation
QKV_API std::span<const OptionInfo> comparison_options();  // without the ScoringOptions inside
QKV_API std::span<const OptionInfo> embed_options();       // without cancellation
QKV_API std::span<const OptionInfo> classify_options();    // without cancellation
QKV_API std::span<const OptionInfo> choose_options();      // without cancellation
QKV_API std::span<const OptionInfo> answer_options();      // without cancellation
QKV_API std::span<const OptionInfo> fill_mask_options();   // without cancellation
QKV_API std::span<const OptionInfo> tag_options();         // without cancellation

// Sets a member from text. `name`: an option's name or field. Throws Error (invalid_argument) if there is no such option, OptionError
// (invalid_argument) if the text is not a value of its type and range.
QKV_API void set_option(TrainOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(TranslatorOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(GeneratorOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(ScoringOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(ComparisonOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(EmbedOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(ClassifyOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(ChooseOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(AnswerOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(FillMaskOptions& options, std::string_view name, const std::string& text);
QKV_API void set_option(TagOptions& options, std::string_view name, const std::string& text);

// The member's value as text that set_option reads; empty for a std::optional without value. Throws Error (invalid_argument) if there is no
// such option.
QKV_API std::string option_value(const TrainOptions& options, std::string_view name);
QKV_API std::string option_value(const TranslatorOptions& options, std::string_view name);
QKV_API std::string option_value(const GeneratorOptions& options, std::string_view name);
QKV_API std::string option_value(const ScoringOptions& options, std::string_view name);
QKV_API std::string option_value(const ComparisonOptions& options, std::string_view name);
QKV_API std::string option_value(const EmbedOptions& options, std::string_view name);
QKV_API std::string option_value(const ClassifyOptions& options, std::string_view name);
QKV_API std::string option_value(const ChooseOptions& options, std::string_view name);
QKV_API std::string option_value(const AnswerOptions& options, std::string_view name);
QKV_API std::string option_value(const FillMaskOptions& options, std::string_view name);
QKV_API std::string option_value(const TagOptions& options, std::string_view name);

// All options that count for a training, as a TOML file: what `qkv train --print-config` prints, --config takes, and each training keeps as
// training.toml in its output. Throws OptionError (invalid_argument) for a path that is no UTF-8.
QKV_API std::string config_text(const TrainOptions& options);
// The options of such a file, over those of the preset that it names. Throws Error: invalid_argument for what is no option or no value of
// it, io where the file cannot be read.
QKV_API TrainOptions read_config(const std::filesystem::path& path);

}  // namespace qkv
