#include "models/generation_keys.h"

#include <algorithm>

#include "base/log.h"
#include "formats/json.h"

namespace qkv {
namespace {

constexpr KeyUse kUsed = KeyUse::used, kHarmless = KeyUse::harmless, kUnused = KeyUse::unused;

// Only qkv generate samples, so for translation do_sample represents all keys of sampling. Only qkv translate uses beams, so for generation
// num_beams represents all keys of beams.
constexpr GenerationKey kKeys[] = {
    // Length.
    {"max_length", kUsed, kUsed, ""},
    {"max_new_tokens", kUsed, kUsed, ""},
    {"min_length", kUsed, kUsed, "0"},
    {"min_new_tokens", kUsed, kUsed, ""},
    {"early_stopping", kUsed, kHarmless, "false"},
    {"max_time", kUnused, kUnused, ""},
    {"stop_strings", kUnused, kUnused, "[]"},
    // Strategy.
    {"do_sample", kUnused, kUsed, "false"},
    {"num_beams", kUsed, kUnused, "1"},
    {"num_beam_groups", kUnused, kUnused, "1"},
    {"diversity_penalty", kUnused, kHarmless, "0"},
    {"penalty_alpha", kUnused, kUnused, "0"},
    {"dola_layers", kUnused, kUnused, ""},
    {"constraints", kUnused, kUnused, "[]"},
    {"force_words_ids", kUnused, kUnused, "[]"},
    {"num_return_sequences", kUnused, kUnused, "1"},
    // Scores of tokens.
    {"temperature", kHarmless, kUsed, "1"},
    {"top_k", kHarmless, kUsed, ""},
    {"top_p", kHarmless, kUsed, "1"},
    {"min_p", kHarmless, kUsed, "0"},
    {"top_h", kUnused, kUnused, "", true},
    {"typical_p", kHarmless, kUsed, "1"},
    {"epsilon_cutoff", kHarmless, kUsed, "0"},
    {"eta_cutoff", kHarmless, kUsed, "0"},
    {"repetition_penalty", kUsed, kUsed, "1"},
    {"encoder_repetition_penalty", kUnused, kUnused, "1"},
    {"length_penalty", kUsed, kHarmless, "1"},
    {"no_repeat_ngram_size", kUsed, kUsed, "0"},
    {"encoder_no_repeat_ngram_size", kUnused, kUnused, "0"},
    {"bad_words_ids", kUsed, kUsed, "[]"},
    {"renormalize_logits", kUsed, kHarmless, "false"},
    {"forced_bos_token_id", kUsed, kUnused, ""},
    {"forced_eos_token_id", kUsed, kUsed, ""},
    {"remove_invalid_values", kHarmless, kHarmless, "false"},  // NaN and infinite scores are an error here
    {"exponential_decay_length_penalty", kUsed, kUsed, ""},
    {"suppress_tokens", kUsed, kUsed, "[]"},
    {"begin_suppress_tokens", kUsed, kUsed, "[]"},
    {"sequence_bias", kUnused, kUnused, "[]"},
    {"token_healing", kUnused, kUnused, "false"},
    {"guidance_scale", kUnused, kUnused, "1"},
    {"watermarking_config", kUnused, kUnused, ""},
    // Tokens.
    {"pad_token_id", kUsed, kUsed, ""},
    {"bos_token_id", kUsed, kUsed, ""},
    {"eos_token_id", kUsed, kUsed, ""},
    {"decoder_start_token_id", kUsed, kHarmless, ""},
    // The cache; a quantized cache rounds keys and values.
    {"use_cache", kHarmless, kHarmless, ""},
    {"cache_implementation", kUnused, kUnused, "", false, "\"quantized\""},
    {"cache_config", kHarmless, kHarmless, ""},
    {"max_cache_len", kHarmless, kHarmless, ""},
    {"prefill_chunk_size", kHarmless, kHarmless, ""},
    {"low_memory", kHarmless, kHarmless, ""},
    // Additional outputs.
    {"output_attentions", kHarmless, kHarmless, ""},
    {"output_hidden_states", kHarmless, kHarmless, ""},
    {"output_scores", kHarmless, kHarmless, ""},
    {"output_logits", kHarmless, kHarmless, ""},
    {"return_dict_in_generate", kHarmless, kHarmless, ""},
    {"return_legacy_cache", kHarmless, kHarmless, ""},
    // Speculative decoding: verified tokens are those of the model, and an assistant model is given by the call, not by the file.
    {"use_mtp", kHarmless, kHarmless, ""},
    {"is_assistant", kHarmless, kHarmless, ""},
    {"num_assistant_tokens", kHarmless, kHarmless, ""},
    {"num_assistant_tokens_schedule", kHarmless, kHarmless, ""},
    {"assistant_confidence_threshold", kHarmless, kHarmless, ""},
    {"prompt_lookup_num_tokens", kHarmless, kHarmless, ""},
    {"max_matching_ngram_size", kHarmless, kHarmless, ""},
    {"assistant_early_exit", kHarmless, kHarmless, ""},
    {"assistant_lookbehind", kHarmless, kHarmless, ""},
    {"target_lookbehind", kHarmless, kHarmless, ""},
    {"assistant_ensemble_weight", kHarmless, kHarmless, ""},
    {"speculation_type", kHarmless, kHarmless, ""},
    // Execution, and the origin of the file.
    {"compile_config", kHarmless, kHarmless, ""},
    {"disable_compile", kHarmless, kHarmless, ""},
    {"continuous_batching_config", kHarmless, kHarmless, ""},
    {"_from_model_config", kHarmless, kHarmless, ""},
    {"_commit_hash", kHarmless, kHarmless, ""},
    {"_name_or_path", kHarmless, kHarmless, ""},
    {"_original_object_hash", kHarmless, kHarmless, ""},
    {"transformers_version", kHarmless, kHarmless, ""},
};

bool changes_something(const GenerationKey& key, const nlohmann::json& value) {
  if (value.is_null()) return false;
  if (!key.active.empty()) return value == nlohmann::json::parse(key.active);
  return key.neutral.empty() || value != nlohmann::json::parse(key.neutral);
}

std::string as_text(const nlohmann::json& value) { return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

}  // namespace

std::span<const GenerationKey> generation_keys() { return kKeys; }

std::vector<UnusedKey> find_unused_keys(const ConfigReader& in, Kind kind, bool all) {
  std::vector<UnusedKey> unused;
  for (const auto& [name, value] : in.json().items()) {
    const auto* key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const GenerationKey& each) { return each.name == name; });
    if (key == std::end(kKeys)) {
      if (all && !value.is_null()) unused.push_back({name, as_text(value)});
      continue;
    }
    const KeyUse use = kind == Kind::encoder_decoder ? key->translate : key->generate;
    if (use == KeyUse::unused && changes_something(*key, value)) unused.push_back({name, as_text(value), key->sampling_only});
  }
  return unused;
}

void warn_of_unused_keys(const GenerationDefaults& generation, std::string_view command, bool samples) {
  std::string names;
  for (const UnusedKey& key : generation.unused) {
    if (key.sampling_only && !samples) continue;
    names +=
        fmt::format("{}\"{}\"{}", names.empty() ? "" : ", ", key.key.substr(0, 60), key.key == "bad_words_ids" ? " of several tokens" : "");
  }
  if (!names.empty()) log_warning("{}: {} does not use {}; transformers may write other texts", generation.file, command, names);
}

}  // namespace qkv
