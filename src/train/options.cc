#include "train/options.h"

#include <toml++/toml.h>
#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/suggestion.h"
#include "train/option_table.h"

namespace qkv {
namespace {

struct Preset {
  const char* name;
  int64_t layers, hidden_size, num_attention_heads, ffn_dim;
  NormPlacement norm_position;
  int64_t vocab_size_limit;
  double learning_rate;
  int64_t warmup_steps, batch_tokens;
  double dropout;
};

// Shapes and recipes. tiny: Wu et al. 2021 for a small corpus. base: Vaswani et al. 2017, table 3, with its rate 512^-0.5 * 4000^-0.5.
// small: measured on Multi30k. After 1,000 updates of 1,024 tokens (2 epochs), validation BLEU (greedy) was 25.1 with pre-norm and 14.1
// with post-norm; 8 heads instead of 4 gained 1.5 after as many of 512 tokens.
constexpr std::array kPresets = {
    Preset{"tiny", 4, 128, 4, 256, NormPlacement::post, 10000, 5e-3, 2000, 4096, 0.3},
    Preset{"small", 3, 256, 8, 1024, NormPlacement::pre, 8000, 2e-3, 400, 1024, 0.3},
    Preset{"base", 6, 512, 8, 2048, NormPlacement::post, 32000, 7e-4, 4000, 16384, 0.1},
};

std::string text_of(const toml::node& node, const std::string& label) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
  if (const auto* list = node.as_array()) {
    std::string joined;
    for (const toml::node& each : *list) {
      QKV_CHECK(each.is_number(), "{}: a list must hold numbers only", label);
      if (!joined.empty()) joined += ',';
      joined += text_of(each, label);
    }
    return joined;
  }
  fail(ErrorCode::invalid_argument, "{}: the value must be a string, a number, true or false", label);
}

OptionSetting setting_of(const std::filesystem::path& path, const std::string& key, const toml::node& node) {
  const std::string place = fmt::format("{}:{}", path.string(), node.source().begin.line);
  const TrainOption* option = find_train_option(key);
  if (!option) {
    std::vector<std::string> names;
    for (const TrainOption& each : train_option_table()) names.push_back(each.name);
    std::string dashed = key;
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    const std::string nearest = nearest_word(dashed, names);
    fail(ErrorCode::invalid_argument, "{}: unknown key \"{}\"{}; qkv train --help lists them", place, key,
         nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
  }
  const std::string label = fmt::format("{}: {}", place, key);
  return {option->name, text_of(node, label), label};
}

const OptionSetting* last_of(std::span<const OptionSetting> settings, std::string_view name) {
  const OptionSetting* found = nullptr;
  for (const OptionSetting& setting : settings) {
    if (setting.name == name) found = &setting;
  }
  return found;
}

void apply_settings(TrainOptions& options, std::span<const OptionSetting> settings) {
  // What sets two options comes first, so that --layers 3 --decoder-layers 2 means the same in any order.
  for (const bool short_forms : {true, false}) {
    for (const OptionSetting& setting : settings) {
      if (setting.name == "config" || setting.name == "preset" || (setting.name == "layers" || setting.name == "betas") != short_forms)
        continue;
      const TrainOption* option = find_train_option(setting.name);
      QKV_CHECK(option, "{}: there is no such option", setting.label);
      option->set(options, setting.text, setting.label);
    }
  }
}

}  // namespace

void apply_preset(TrainOptions& options, std::string_view name) {
  const auto found = std::find_if(kPresets.begin(), kPresets.end(), [&](const Preset& preset) { return preset.name == name; });
  QKV_CHECK(found != kPresets.end(), "--preset: there is no \"{}\"; there are tiny, small and base", name);
  options.preset = found->name;
  options.encoder_layers = options.decoder_layers = found->layers;
  options.hidden_size = found->hidden_size;
  options.num_attention_heads = found->num_attention_heads;
  options.ffn_dim = found->ffn_dim;
  options.norm_position = found->norm_position;
  options.vocab_size_limit = found->vocab_size_limit;
  options.learning_rate = found->learning_rate;
  options.warmup_steps = found->warmup_steps;
  options.batch_tokens = found->batch_tokens;
  options.dropout = found->dropout;
}

std::vector<OptionSetting> read_config_file(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<OptionSetting> settings;
  try {
    const toml::table table = toml::parse(text, path.string());
    for (const auto& [key, node] : table) settings.push_back(setting_of(path, std::string(key.str()), node));
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::invalid_argument, "{}:{}: not TOML: {}", path.string(), error.source().begin.line, error.description());
  }
  return settings;
}

TrainOptions resolve_train_options(std::span<const OptionSetting> command_line) {
  std::vector<OptionSetting> file;
  if (const OptionSetting* config = last_of(command_line, "config")) file = read_config_file(config->text);
  const OptionSetting* preset = last_of(command_line, "preset");
  if (!preset) preset = last_of(file, "preset");
  TrainOptions options;
  apply_preset(options, preset ? preset->text : options.preset);
  apply_settings(options, file);
  apply_settings(options, command_line);
  return options;
}

void check_train_options(const TrainOptions& options) {
  for (const char* name : {"source", "target", "valid-source", "valid-target", "output"}) {
    QKV_CHECK(!find_train_option(name)->get(options).empty(), "--{} is missing; training needs it", name);
  }
  QKV_CHECK(!(options.resume && options.overwrite), "--resume and --overwrite exclude each other; give one of them");
  QKV_CHECK(options.tokenizer.empty() || options.vocab_size == 0,
            "--vocab-size is that of a tokenizer to train; leave it out with --tokenizer");
  QKV_CHECK(options.hidden_size % options.num_attention_heads == 0, "--num-attention-heads {} does not divide --hidden-size {}",
            options.num_attention_heads, options.hidden_size);
  const int64_t head_dim = options.hidden_size / options.num_attention_heads;
  QKV_CHECK(options.num_key_value_heads == 0 || options.num_attention_heads % options.num_key_value_heads == 0,
            "--num-key-value-heads {} does not divide --num-attention-heads {}", options.num_key_value_heads, options.num_attention_heads);
  QKV_CHECK(options.position != PositionKind::sinusoidal || options.hidden_size % 2 == 0,
            "--hidden-size {} is odd; sinusoidal positions need pairs", options.hidden_size);
  QKV_CHECK(options.position != PositionKind::rope || head_dim % 2 == 0,
            "--position rope turns pairs of columns; heads of --hidden-size {} / --num-attention-heads {} = {} are odd",
            options.hidden_size, options.num_attention_heads, head_dim);
  QKV_CHECK(options.max_length <= options.batch_tokens,
            "--batch-tokens {} is less than --max-length {}; a pair of that length would fit into no batch", options.batch_tokens,
            options.max_length);
  QKV_CHECK(options.min_lr <= options.learning_rate, "--min-lr {} is more than --lr {}", options.min_lr, options.learning_rate);
  QKV_CHECK(options.max_steps || options.max_epochs || options.max_minutes > 0 || options.patience,
            "nothing would end the training; give --max-steps, --max-epochs, --max-minutes or --patience");
  if (options.schedule == LearningRateSchedule::cosine) {
    const int64_t total = options.schedule_steps ? options.schedule_steps : options.max_steps;
    QKV_CHECK(total, "--schedule cosine needs its end: --schedule-steps or --max-steps");
    QKV_CHECK(total > options.warmup_steps, "--warmup-steps {} leaves nothing of the cosine's {} steps", options.warmup_steps, total);
  }
}

}  // namespace qkv
