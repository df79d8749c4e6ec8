#include "models/generation_config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "models/generation_keys.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr int kLongest = 512;  // maximum length of a new model
constexpr int kMostTokens = 1 << 24;

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

std::optional<int> read_count(const ConfigReader& in, std::string_view key, int low) {
  if (!in.has(key)) return std::nullopt;
  const int value = in.integer(key);
  check_range(in, key, value, low, kMostTokens);
  return value;
}

std::optional<float> read_number(const ConfigReader& in, std::string_view key, float low, float high, std::string_view range) {
  if (!in.has(key)) return std::nullopt;
  const float value = in.number(key, 0);
  if (value >= low && value <= high) return value;
  fail(ErrorCode::bad_input, "{}: \"{}\" is {}; it must be {}", in.file(), key, value, range);
}

std::optional<ExponentialDecay> read_decay(const ConfigReader& in) {
  constexpr std::string_view kKey = "exponential_decay_length_penalty";
  if (!in.has(kKey)) return std::nullopt;
  const nlohmann::json& pair = in.json()[kKey];
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_integer() || !pair[1].is_number() || pair[0] < 0 ||
      pair[0] > kMostTokens || !(pair[1].get<float>() > 0) || !std::isfinite(pair[1].get<float>())) {
    in.fail_type(kKey, "a number of tokens and a positive factor, as [30, 1.2],");
  }
  return ExponentialDecay{pair[0].get<int>(), pair[1].get<float>()};
}

// Sorted and without duplicates.
std::vector<int32_t> read_ids(const ConfigReader& in, std::string_view key, const TransformerConfig& config) {
  std::vector<int32_t> ids = in.token_ids(key);
  for (const int32_t id : ids) check_range(in, key, id, 0, config.vocab_size - 1);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

// Entries of a single token are used; longer ones are recorded as unused.
void read_bad_words(const ConfigReader& in, const TransformerConfig& config, GenerationDefaults& generation) {
  nlohmann::json several = nlohmann::json::array();
  for (const std::vector<int32_t>& ids : in.id_lists("bad_words_ids")) {
    for (const int32_t id : ids) check_range(in, "bad_words_ids", id, 0, config.vocab_size - 1);
    if (ids.size() == 1) generation.bad_words.push_back(ids[0]);
    if (ids.size() > 1) several.push_back(ids);
  }
  std::sort(generation.bad_words.begin(), generation.bad_words.end());
  generation.bad_words.erase(std::unique(generation.bad_words.begin(), generation.bad_words.end()), generation.bad_words.end());
  if (!several.empty()) generation.unused.push_back({"bad_words_ids", several.dump()});
}

void write_lengths(const GenerationDefaults& generation, nlohmann::json& out) {
  if (generation.max_length) out["max_length"] = *generation.max_length;
  if (generation.max_new_tokens) out["max_new_tokens"] = *generation.max_new_tokens;
  if (generation.min_length > 0) out["min_length"] = generation.min_length;
  if (generation.min_new_tokens) out["min_new_tokens"] = *generation.min_new_tokens;
}

void write_beams(const GenerationDefaults& generation, nlohmann::json& out) {
  switch (generation.early_stopping) {
    case EarlyStopping::no: out["early_stopping"] = false; break;
    case EarlyStopping::yes: out["early_stopping"] = true; break;
    case EarlyStopping::never: out["early_stopping"] = "never"; break;
  }
  out["length_penalty"] = shortest(generation.length_penalty);
  out["num_beams"] = generation.num_beams;
  if (generation.renormalize_logits) out["renormalize_logits"] = true;
}

void write_token_rules(const GenerationDefaults& generation, nlohmann::json& out) {
  for (const int32_t id : generation.bad_words) out["bad_words_ids"].push_back({id});
  if (!generation.suppress_tokens.empty()) out["suppress_tokens"] = generation.suppress_tokens;
  if (!generation.begin_suppress_tokens.empty()) out["begin_suppress_tokens"] = generation.begin_suppress_tokens;
  if (generation.forced_bos_token_id) out["forced_bos_token_id"] = *generation.forced_bos_token_id;
  if (!generation.forced_eos_token_ids.empty()) out["forced_eos_token_id"] = token_ids_json(generation.forced_eos_token_ids);
  if (generation.repetition_penalty != 1) out["repetition_penalty"] = shortest(generation.repetition_penalty);
  if (generation.no_repeat_ngram_size > 0) out["no_repeat_ngram_size"] = generation.no_repeat_ngram_size;
  if (const auto& decay = generation.exponential_decay_length_penalty) {
    out["exponential_decay_length_penalty"] = {decay->start, shortest(decay->factor)};
  }
}

void write_sampling(const GenerationDefaults& generation, nlohmann::json& out) {
  if (generation.min_p != 0) out["min_p"] = shortest(generation.min_p);
  if (generation.typical_p != 1) out["typical_p"] = shortest(generation.typical_p);
  if (generation.epsilon_cutoff != 0) out["epsilon_cutoff"] = shortest(generation.epsilon_cutoff);
  if (generation.eta_cutoff != 0) out["eta_cutoff"] = shortest(generation.eta_cutoff);
  if (generation.do_sample) out["do_sample"] = *generation.do_sample;
  if (generation.temperature) out["temperature"] = shortest(*generation.temperature);
  if (generation.top_k) out["top_k"] = *generation.top_k;
  if (generation.top_p) out["top_p"] = shortest(*generation.top_p);
}

}  // namespace

GenerationDefaults default_generation(const TransformerConfig& config) {
  GenerationDefaults generation;
  generation.file = "generation_config.json";
  if (config.kind != Kind::encoder_decoder) return generation;
  generation.max_length = std::min(kLongest, config.max_position_embeddings);
  if (config.pad_token_id >= 0) generation.bad_words = {config.pad_token_id};
  return generation;
}

GenerationDefaults read_generation(const ConfigReader& in, const TransformerConfig& config, bool is_generation_config) {
  constexpr float kLeast = std::numeric_limits<float>::min(), kMost = std::numeric_limits<float>::max();
  GenerationDefaults generation;
  generation.file = in.file();
  generation.max_length = read_count(in, "max_length", 1);
  generation.max_new_tokens = read_count(in, "max_new_tokens", 1);
  generation.min_length = read_count(in, "min_length", 0).value_or(0);
  generation.min_new_tokens = read_count(in, "min_new_tokens", 0);
  generation.num_beams = in.integer("num_beams", 1);
  check_range(in, "num_beams", generation.num_beams, 1, 1024);
  generation.length_penalty = in.number("length_penalty", 1);
  generation.early_stopping = read_early_stopping(in);
  if (const std::optional<int> first = in.token_id("forced_bos_token_id"); config.has_encoder() && first.value_or(-1) >= 0) {
    check_range(in, "forced_bos_token_id", *first, 0, config.vocab_size - 1);
    generation.forced_bos_token_id = *first;
  }
  generation.forced_eos_token_ids = read_ids(in, "forced_eos_token_id", config);
  generation.suppress_tokens = read_ids(in, "suppress_tokens", config);
  generation.begin_suppress_tokens = read_ids(in, "begin_suppress_tokens", config);
  generation.exponential_decay_length_penalty = read_decay(in);
  generation.repetition_penalty = read_number(in, "repetition_penalty", kLeast, kMost, "more than 0").value_or(1);
  generation.no_repeat_ngram_size = read_count(in, "no_repeat_ngram_size", 0).value_or(0);
  generation.renormalize_logits = in.boolean("renormalize_logits", false);
  if (in.has("do_sample")) generation.do_sample = in.boolean("do_sample", false);
  generation.temperature = read_number(in, "temperature", 0, kMost, "0 or more");
  generation.top_p = read_number(in, "top_p", 0, 1, "0 to 1");
  generation.top_k = read_count(in, "top_k", 0);
  generation.min_p = read_number(in, "min_p", 0, 1, "0 to 1").value_or(0);
  generation.typical_p = read_number(in, "typical_p", kLeast, 1, "more than 0 and at most 1").value_or(1);
  generation.epsilon_cutoff = read_number(in, "epsilon_cutoff", 0, 1, "0 to 1").value_or(0);
  generation.eta_cutoff = read_number(in, "eta_cutoff", 0, 1, "0 to 1").value_or(0);
  generation.unused = find_unused_keys(in, config.kind, is_generation_config);
  read_bad_words(in, config, generation);
  return generation;
}

void read_token_ids(const ConfigReader& in, const ConfigReader* generation, TransformerConfig& config) {
  const auto source = [&](std::string_view key) -> const ConfigReader& { return generation && generation->given(key) ? *generation : in; };
  // A default of the class belongs to its original model: a smaller vocabulary may not contain the id.
  const auto known = [&](int32_t id) { return id >= 0 && id < config.vocab_size; };
  const auto read = [&](std::string_view key, int32_t own) {
    if (source(key).given(key)) return source(key).token_id(key).value_or(-1);
    return known(own) ? own : -1;
  };
  if (!config.has_decoder()) {
    config.pad_token_id = std::max(read("pad_token_id", config.pad_token_id), 0);
    return;
  }
  const bool says_ends = source("eos_token_id").given("eos_token_id");
  if (says_ends) {
    config.eos_token_ids = source("eos_token_id").token_ids("eos_token_id");
  } else {
    std::erase_if(config.eos_token_ids, [&](int32_t id) { return !known(id); });
  }
  if (!config.has_encoder()) {  // a decoder alone needs no padding
    config.pad_token_id = read("pad_token_id", -1);
    config.decoder_start_token_id = read("bos_token_id", config.decoder_start_token_id);
    if (config.decoder_start_token_id < 0 && !config.eos_token_ids.empty()) config.decoder_start_token_id = config.eos_token_ids.front();
    return;
  }
  config.pad_token_id = read("pad_token_id", config.pad_token_id);
  config.decoder_start_token_id = read("decoder_start_token_id", config.decoder_start_token_id);
  if (config.decoder_start_token_id < 0) config.decoder_start_token_id = read("bos_token_id", -1);
  if (config.decoder_start_token_id < 0) config.decoder_start_token_id = config.pad_token_id;
  if (config.decoder_start_token_id < 0) fail(ErrorCode::bad_input, "{}: the key \"decoder_start_token_id\" is missing", in.file());
  if (config.eos_token_ids.empty() && !says_ends) fail(ErrorCode::bad_input, "{}: the key \"eos_token_id\" is missing", in.file());
}

nlohmann::json token_ids_json(std::span<const int32_t> ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? nlohmann::json(ids.front()) : nlohmann::json(std::vector<int32_t>(ids.begin(), ids.end()));
}

nlohmann::json token_id_json(int32_t id) { return id < 0 ? nlohmann::json() : nlohmann::json(id); }

nlohmann::json generation_json(const GenerationDefaults& generation, const TransformerConfig& config) {
  nlohmann::json out;
  out["eos_token_id"] = token_ids_json(config.eos_token_ids);
  out["pad_token_id"] = token_id_json(config.pad_token_id);
  out[config.has_encoder() ? "decoder_start_token_id" : "bos_token_id"] = token_id_json(config.decoder_start_token_id);
  if (config.has_encoder()) write_beams(generation, out);
  write_lengths(generation, out);
  write_token_rules(generation, out);
  write_sampling(generation, out);
  for (const UnusedKey& key : generation.unused) {
    nlohmann::json value = nlohmann::json::parse(key.json);
    if (key.key == "bad_words_ids") {
      out[key.key].insert(out[key.key].end(), value.begin(), value.end());
    } else {
      out[key.key] = std::move(value);
    }
  }
  return out;
}

void write_generation_config(const std::filesystem::path& path, const GenerationDefaults& generation, const TransformerConfig& config) {
  const nlohmann::json json = generation_json(generation, config);
  write_file_atomically(path, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace qkv
