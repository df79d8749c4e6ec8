#include "models/generation_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr int kLongest = 512;

// Keys that change what transformers generates, and the value at which they do nothing.
void warn_about_others(const ConfigReader& in) {
  const auto warn = [&](std::string_view key) {
    log_warning("{}: \"{}\" is ignored; translations may differ from those of transformers", in.file(), key);
  };
  if (in.boolean("do_sample", false)) warn("do_sample");
  for (std::string_view key : {"no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "diversity_penalty"}) {
    if (in.number(key, 0) != 0) warn(key);
  }
  if (in.number("repetition_penalty", 1) != 1) warn("repetition_penalty");
  if (in.has("forced_bos_token_id")) warn("forced_bos_token_id");
  if (in.has("force_words_ids")) warn("force_words_ids");
}

EarlyStopping read_early_stopping(const ConfigReader& in) {
  if (!in.has("early_stopping")) return EarlyStopping::no;
  if (in.is_text("early_stopping")) {
    if (in.text("early_stopping") == "never") return EarlyStopping::never;
    fail(ErrorCode::bad_input, "{}: \"early_stopping\" is \"{}\"; true, false or \"never\" was expected", in.file(),
         in.text("early_stopping").substr(0, 60));
  }
  return in.boolean("early_stopping", false) ? EarlyStopping::yes : EarlyStopping::no;
}

void check_range(const ConfigReader& in, std::string_view key, int value, int low, int high) {
  if (value >= low && value <= high) return;
  fail(ErrorCode::bad_input, "{}: \"{}\" is {}; it must be {} to {}", in.file(), key, value, low, high);
}

}  // namespace

GenerationDefaults default_generation(const TransformerConfig& config) {
  GenerationDefaults generation;
  generation.max_length = std::min(kLongest, config.max_position_embeddings);
  if (config.kind == Kind::encoder_decoder) generation.suppressed = {config.pad_token_id};
  return generation;
}

GenerationDefaults read_generation(const ConfigReader& in, const TransformerConfig& config) {
  GenerationDefaults generation = default_generation(config);
  generation.max_length = in.integer("max_length", generation.max_length);
  generation.min_length = in.integer("min_length", 0);
  generation.num_beams = in.integer("num_beams", 1);
  generation.length_penalty = in.number("length_penalty", 1);
  generation.early_stopping = read_early_stopping(in);
  generation.forced_eos_token_id = in.token_id("forced_eos_token_id").value_or(-1);
  generation.suppressed.clear();
  bool several = false;
  for (const std::vector<int32_t>& ids : in.id_lists("bad_words_ids")) {
    if (ids.size() == 1) generation.suppressed.push_back(ids[0]);
    several |= ids.size() > 1;
  }
  for (const std::vector<int32_t>& ids : in.id_lists("suppress_tokens"))
    generation.suppressed.insert(generation.suppressed.end(), ids.begin(), ids.end());
  if (several) log_warning("{}: entries of \"bad_words_ids\" with several tokens are ignored", in.file());

  const int last = config.vocab_size - 1;
  check_range(in, "max_length", generation.max_length, 1, 1 << 24);
  check_range(in, "min_length", generation.min_length, 0, 1 << 24);
  check_range(in, "num_beams", generation.num_beams, 1, 1024);
  check_range(in, "forced_eos_token_id", generation.forced_eos_token_id, -1, last);
  for (int32_t id : generation.suppressed) check_range(in, "bad_words_ids", id, 0, last);
  std::sort(generation.suppressed.begin(), generation.suppressed.end());
  generation.suppressed.erase(std::unique(generation.suppressed.begin(), generation.suppressed.end()), generation.suppressed.end());
  generation.max_length = std::min(generation.max_length, config.max_position_embeddings + 1);  // the last token is not fed
  warn_about_others(in);
  return generation;
}

void read_token_ids(const ConfigReader& in, const ConfigReader* generation, TransformerConfig& config) {
  const auto read = [&](std::string_view key) {
    const std::optional<int> first = generation ? generation->token_id(key) : std::nullopt;
    return first ? first : in.token_id(key);
  };
  const auto need = [&](std::string_view key) {
    const std::optional<int> id = read(key);
    if (!id) fail(ErrorCode::bad_input, "{}: the key \"{}\" is missing", in.file(), key);
    return *id;
  };
  if (!config.has_decoder()) {
    config.pad_token_id = read("pad_token_id").value_or(0);
  } else if (config.has_encoder()) {
    config.pad_token_id = need("pad_token_id");
    config.eos_token_id = need("eos_token_id");
    config.decoder_start_token_id = read("decoder_start_token_id").value_or(config.pad_token_id);
  } else {  // a decoder alone pads nothing, and may know no end
    config.eos_token_id = read("eos_token_id").value_or(0);
    config.pad_token_id = read("pad_token_id").value_or(config.eos_token_id);
    config.decoder_start_token_id = read("bos_token_id").value_or(config.eos_token_id);
  }
}

void write_generation_config(const std::filesystem::path& path, const GenerationDefaults& generation, const TransformerConfig& config) {
  nlohmann::ordered_json out;
  nlohmann::ordered_json bad_words = nlohmann::ordered_json::array();
  for (int32_t id : generation.suppressed) bad_words.push_back({id});
  if (!bad_words.empty()) out["bad_words_ids"] = bad_words;
  if (!config.has_encoder()) {
    write_file_atomically(path, nlohmann::ordered_json{{"bos_token_id", config.decoder_start_token_id},
                                                       {"eos_token_id", config.eos_token_id},
                                                       {"pad_token_id", config.pad_token_id}}
                                        .dump(2) +
                                    "\n");
    return;
  }
  out["decoder_start_token_id"] = config.decoder_start_token_id;
  switch (generation.early_stopping) {
    case EarlyStopping::no: out["early_stopping"] = false; break;
    case EarlyStopping::yes: out["early_stopping"] = true; break;
    case EarlyStopping::never: out["early_stopping"] = "never"; break;
  }
  out["eos_token_id"] = config.eos_token_id;
  if (generation.forced_eos_token_id >= 0) out["forced_eos_token_id"] = generation.forced_eos_token_id;
  out["length_penalty"] = shortest(generation.length_penalty);
  out["max_length"] = generation.max_length;
  if (generation.min_length > 0) out["min_length"] = generation.min_length;
  out["num_beams"] = generation.num_beams;
  out["pad_token_id"] = config.pad_token_id;
  write_file_atomically(path, out.dump(2) + "\n");
}

}  // namespace qkv
