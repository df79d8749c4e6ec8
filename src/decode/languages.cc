#include "decode/languages.h"

#include <algorithm>

#include "base/option_error.h"
#include "models/config_reader.h"

namespace qkv {
namespace {

// Where a tokenizer class puts the language of a source, and how the decoder gets its target.
struct Convention {
  std::string_view tokenizer_class, model_type;  // model_type: of models whose tokenizer names no class; empty: none
  std::string_view default_source;
  bool after_source;    // </s> LANG after the source, otherwise LANG before it and </s> after it
  bool starts_decoder;  // the target is the decoder's first input, otherwise the first token of the translation
};
constexpr Convention kConventions[] = {
    {"NllbTokenizer", "", "eng_Latn", false, false},
    {"MBartTokenizer", "mbart", "en_XX", true, true},
    {"MBart50Tokenizer", "", "en_XX", false, false},
    {"M2M100Tokenizer", "m2m_100", "en", false, false},
};

std::string text_of_key(const std::optional<ConfigReader>& file, std::string_view key) {
  return file && file->has(key) ? file->text(key) : "";
}

std::optional<ConfigReader> json_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? std::optional<ConfigReader>(std::in_place, path) : std::nullopt;
}

const Convention* convention_of(const std::filesystem::path& directory, const std::optional<ConfigReader>& tokenizer_config) {
  constexpr std::string_view kFast = "Fast";
  std::string name = text_of_key(tokenizer_config, "tokenizer_class");
  if (name.ends_with(kFast)) name.resize(name.size() - kFast.size());
  const std::string model_type = text_of_key(json_file(directory / "config.json"), "model_type");
  const auto* found = std::find_if(std::begin(kConventions), std::end(kConventions), [&](const Convention& each) {
    return name.empty() ? !each.model_type.empty() && each.model_type == model_type : each.tokenizer_class == name;
  });
  return found == std::end(kConventions) ? nullptr : found;
}

// The id of the first spelling that is a token: "fr_XX", M2M100's "__fr__". -1: none.
int32_t language_id(const Tokenizer& tokenizer, const std::string& language) {
  for (const std::string& spelling : {language, "__" + language + "__"}) {
    if (const int32_t id = tokenizer.token_to_id(spelling); id >= 0) return id;
  }
  return -1;
}

int32_t required_id(const Tokenizer& tokenizer, const TransformerConfig& config, const std::string& language, std::string_view field) {
  const int32_t id = language_id(tokenizer, language);
  QKV_CHECK_OPTION(id >= 0 && id < config.vocab_size, "{} \"{}\" is no language of this model: its tokenizer has no such token", field,
                   language);
  return id;
}

std::optional<Languages> around_source(const Convention& convention, const std::optional<ConfigReader>& tokenizer_config,
                                       const Tokenizer& tokenizer, const TransformerConfig& config, const std::string& from,
                                       const std::string& to) {
  const std::string known = text_of_key(tokenizer_config, "src_lang");
  const std::string source = !from.empty() ? from : !known.empty() ? known : std::string(convention.default_source);
  if (from.empty() && to.empty() && language_id(tokenizer, source) < 0) return std::nullopt;
  const int32_t id = required_id(tokenizer, config, source, mark_fields("`source_language`"));
  const bool legacy =
      tokenizer_config && convention.tokenizer_class == "NllbTokenizer" && tokenizer_config->boolean("legacy_behaviour", false);
  const int32_t end = tokenizer.token_to_id("</s>");
  if (end < 0) fail(ErrorCode::bad_input, "the model's tokenizer has no </s>, which ends a source");
  Languages languages;
  if (convention.after_source || legacy) {
    languages.source.after = {end, id};
  } else {
    languages.source = {{id}, {end}};
  }
  if (!to.empty())
    (convention.starts_decoder ? languages.decoder_start : languages.forced_first) =
        required_id(tokenizer, config, to, mark_fields("`target_language`"));
  return languages;
}

Languages tag_before_source(const Tokenizer& tokenizer, const TransformerConfig& config, const std::string& from, const std::string& to) {
  QKV_CHECK_OPTION(!to.empty(), "`source_language` \"{}\": this model has no tokens for the language of a source", from);
  for (const std::string& tag : {"<2" + to + ">", ">>" + to + "<<"}) {
    if (const int32_t id = tokenizer.token_to_id(tag); id >= 0 && id < config.vocab_size) {
      QKV_CHECK_OPTION(from.empty(), "`source_language` \"{}\": this model is told the target alone, by {}", from, tag);
      return {.source = {.before = {id}, .others = true}};
    }
  }
  fail_option(ErrorCode::invalid_argument,
              "`target_language` \"{}\" is no language of this model: its tokenizer has neither <2{}> nor >>{}<<", to, to, to);
}

}  // namespace

std::optional<Languages> find_languages(const std::filesystem::path& directory, const Tokenizer& tokenizer, const TransformerConfig& config,
                                        const std::string& from, const std::string& to) {
  const std::optional<ConfigReader> tokenizer_config = json_file(directory / "tokenizer_config.json");
  if (const Convention* convention = convention_of(directory, tokenizer_config)) {
    return around_source(*convention, tokenizer_config, tokenizer, config, from, to);
  }
  if (from.empty() && to.empty()) return std::nullopt;
  return tag_before_source(tokenizer, config, from, to);
}

void set_target(const Languages& languages, SearchOptions& search) {
  if (languages.forced_first) search.rules.forced_first = languages.forced_first;
  if (languages.decoder_start) search.decoder_start = languages.decoder_start;
}

}  // namespace qkv
