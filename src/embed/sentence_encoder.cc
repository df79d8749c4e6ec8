#include "embed/sentence_encoder.h"

#include <algorithm>

#include "base/cancellation.h"
#include "base/log.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "embed/pooling.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

// The lower case of each character by itself, as the Lowercase normalizer of tokenizers; special tokens stay as they are.
std::string lower_characters(const std::string& text, const std::vector<std::string>& special_tokens) {
  const std::string valid = replace_invalid_utf8(text);
  std::string lower;
  for (size_t at = 0; at < valid.size();) {
    const auto starts_here = [&](const std::string& token) { return valid.compare(at, token.size(), token) == 0; };
    if (const auto token = std::ranges::find_if(special_tokens, starts_here); token != special_tokens.end()) {
      lower += *token;
      at += token->size();
      continue;
    }
    const Character c = character_at(valid, at);
    append_lower_case(lower, c.code_point);
    at += c.length;
  }
  return lower;
}

}  // namespace

SentenceEncoder::SentenceEncoder(const std::filesystem::path& directory, const OpenEmbedderOptions& options)
    : description_(read_sentence_files(directory)),
      model_(load_model(description_.model, options.dtype, ModelPart::encoder)),
      tokenizer_(Tokenizer::load(description_.model)) {
  const TransformerConfig& config = model_->config;
  if (config.kind == Kind::encoder_decoder)
    fail(ErrorCode::unsupported, "{}: only an encoder or a decoder alone makes vectors of texts; this model {}", directory.string(),
         use_of(config));
  if (tokenizer_.vocab_size() > config.vocab_size) {
    fail(ErrorCode::bad_input, "{}: tokenizer.json has {} tokens, the model {}; they do not belong together", description_.model.string(),
         tokenizer_.vocab_size(), config.vocab_size);
  }
  if (!description_.pooling && options.pooling == PoolingMode::automatic) {
    log_info("{}: no modules.json; pooling by {}", directory.string(), config.has_decoder() ? "the last token" : "mean");
  }
  choose_pooling(options.pooling);
  choose_length();
  read_stages();
  for (int32_t id = 0; description_.lower_case && id < tokenizer_.vocab_size(); ++id) {
    if (tokenizer_.is_special(id) && !tokenizer_.id_to_token(id).empty()) special_tokens_.push_back(tokenizer_.id_to_token(id));
  }
}

void SentenceEncoder::choose_pooling(PoolingMode chosen) {
  const TransformerConfig& config = model_->config;
  if (!description_.pooling)
    description_.pooling.emplace(PoolingModule{.modes = {config.has_decoder() ? PoolingMode::lasttoken : PoolingMode::mean}});
  if (chosen != PoolingMode::automatic) description_.pooling->modes = {chosen};
  const int64_t said = description_.pooling->size;
  if (said != 0 && said != config.output_columns()) {
    fail(ErrorCode::bad_input, "{}: the pooling is for {} columns, the model has {}; they do not belong together",
         description_.model.string(), said, config.output_columns());
  }
}

void SentenceEncoder::choose_length() {
  const int64_t positions = model_->config.max_position_embeddings;
  max_tokens_ = description_.max_tokens == 0 ? positions : std::min(description_.max_tokens, positions);
  const int64_t special = std::ssize(tokenizer_.encode(""));
  if (max_tokens_ > special) return;
  fail(ErrorCode::bad_input, "{}: texts may have {} tokens, {} of them special ones, which leaves none for the text",
       description_.model.string(), max_tokens_, special);
}

void SentenceEncoder::read_stages() {
  size_ = model_->config.output_columns() * std::ssize(description_.pooling->modes);
  const auto check_size = [&](const std::filesystem::path& directory, int64_t in) {
    if (in != size_) fail(ErrorCode::bad_input, "{}: it takes {} values, the module before it gives {}", directory.string(), in, size_);
  };
  for (const SentenceModule& module : description_.modules) {
    Stage& stage = stages_.emplace_back(Stage{module, {}});
    if (const auto* dense = std::get_if<DenseModule>(&module)) {
      check_size(dense->directory, dense->in);
      stage.weights = read_dense_weights(*dense);
      size_ = dense->out;
    } else if (const auto* norm = std::get_if<LayerNormModule>(&module)) {
      check_size(norm->directory, norm->size);
      stage.weights = read_layer_norm_weights(*norm);
    }
  }
}

const std::string& SentenceEncoder::prompt_text(const EmbedOptions& options) const {
  static const std::string none;
  const std::string& name = options.prompt_name ? *options.prompt_name : description_.default_prompt;
  if (!options.prompt_name && name.empty()) return none;
  std::string names;
  for (const auto& [known, text] : description_.prompts) {
    if (known == name) return text;
    names += (names.empty() ? "" : ", ") + shortened(known, 60);
  }
  fail_option(ErrorCode::invalid_argument, "`prompt_name`: the model has no prompt \"{}\"; {}", shortened(name, 60),
              names.empty() ? "it has none at all" : "there are " + names);
}

std::string SentenceEncoder::prepared(const std::string& prompt, const std::string& text) const {
  return description_.lower_case ? lower_characters(prompt + text, special_tokens_) : prompt + text;
}

std::vector<int32_t> SentenceEncoder::encode_cut(const std::string& text) const {
  Truncation truncation{.max_length = static_cast<size_t>(max_tokens_)};
  if (description_.keep_end) truncation.direction = Truncation::Direction::left;
  return tokenizer_.encode(text, {.truncation = truncation});
}

SentenceEncoder::Inputs SentenceEncoder::encode(std::span<const std::string> texts, const std::string& prompt) const {
  std::vector<std::string> changed;
  if (!prompt.empty() || description_.lower_case) {
    for (const std::string& text : texts) changed.push_back(prepared(prompt, text));
    texts = changed;
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  Inputs inputs{.ids = tokenizer_.encode_batch(views), .cut = std::vector<bool>(texts.size())};
  if (!description_.pooling->include_prompt && !prompt.empty()) {
    const std::vector<int32_t> ids = encode_cut(prepared(prompt, ""));
    inputs.prompt_tokens = std::ssize(ids) - (!ids.empty() && tokenizer_.is_special(ids.back()) ? 1 : 0);
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    if (std::ssize(inputs.ids[i]) > max_tokens_) {
      inputs.ids[i] = encode_cut(texts[i]);
      inputs.cut[i] = true;
    }
    if (std::ssize(inputs.ids[i]) > inputs.prompt_tokens) continue;
    fail(ErrorCode::bad_input, "text {} has no token{}; it has no vector", i + 1, prompt.empty() ? "" : " besides those of the prompt");
  }
  return inputs;
}

Tensor SentenceEncoder::hidden_states(const Inputs& inputs, std::span<const int32_t> numbers) const {
  const TokenBatch batch = pack(inputs.ids, numbers);
  ForwardContext context;
  context.dtype = activation_type(*model_);
  const Transformer& network = model_->network;
  return model_->config.has_encoder() ? network.encode(batch, context) : network.decode(batch, {}, {}, context);
}

Tensor SentenceEncoder::apply(const Stage& stage, const Tensor& rows) const {
  if (const auto* dense = std::get_if<DenseModule>(&stage.module)) {
    const Tensor y = linear(rows, stage.weights.weight, stage.weights.bias);
    return dense->activation == Activation::none ? y : activate(y, dense->activation);
  }
  if (std::holds_alternative<LayerNormModule>(stage.module)) return layer_norm(rows, stage.weights.weight, stage.weights.bias);
  std::vector<float> values = rows.to_vector();
  const auto size = static_cast<size_t>(rows.cols());
  for (size_t at = 0; at < values.size(); at += size) normalize_row(std::span(values).subspan(at, size));
  return Tensor::from(values, rows.shape());
}

std::vector<float> SentenceEncoder::embed_batch(const Inputs& inputs, std::span<const int32_t> numbers) const {
  const std::vector<float> hidden = hidden_states(inputs, numbers).to_vector();
  const std::vector<PoolingMode>& modes = description_.pooling->modes;
  const auto size = static_cast<size_t>(model_->config.output_columns());
  std::vector<size_t> begin{0};
  for (const int32_t i : numbers) begin.push_back(begin.back() + inputs.ids[static_cast<size_t>(i)].size());
  std::vector<float> pooled(numbers.size() * modes.size() * size);
  parallel_for(std::ssize(numbers), [&](int64_t at) {
    const auto text = static_cast<size_t>(at);
    const auto tokens = std::span(hidden).subspan(begin[text] * size, (begin[text + 1] - begin[text]) * size);
    for (size_t mode = 0; mode < modes.size(); ++mode) {
      const auto out = std::span(pooled).subspan((text * modes.size() + mode) * size, size);
      pool_tokens(modes[mode], tokens, static_cast<int64_t>(size), inputs.prompt_tokens, out);
    }
  });
  Tensor rows = Tensor::from(pooled, {std::ssize(numbers), static_cast<int64_t>(modes.size() * size)});
  for (const Stage& stage : stages_) rows = apply(stage, rows);
  return rows.to_vector();
}

Embeddings SentenceEncoder::embed(std::span<const std::string> texts, const EmbedOptions& options) const {
  const RecordScope no_gradient(nullptr);
  QKV_CHECK_OPTION(options.truncate_dim <= size_, "`truncate_dim` {} is more than the {} values of a vector", options.truncate_dim, size_);
  const int64_t wanted = options.truncate_dim > 0 ? options.truncate_dim : description_.truncate_dim;
  Embeddings result{.size = wanted > 0 ? std::min(wanted, size_) : size_};
  Inputs inputs = encode(texts, prompt_text(options));
  result.values.resize(texts.size() * static_cast<size_t>(result.size));
  int64_t done = 0;
  for (const std::vector<int32_t>& numbers : batches_by_length(inputs.ids, {.tokens = options.batch_tokens})) {
    throw_if_cancelled(options.cancellation);
    const std::vector<float> rows = embed_batch(inputs, numbers);
    for (size_t i = 0; i < numbers.size(); ++i) {
      const auto out = std::span(result.values).subspan(static_cast<size_t>(numbers[i] * result.size), static_cast<size_t>(result.size));
      std::copy_n(rows.begin() + static_cast<int64_t>(i) * size_, result.size, out.begin());
      if (options.normalize) normalize_row(out);
    }
    done += std::ssize(numbers);
    if (options.on_progress) options.on_progress(done);
  }
  result.cut = std::move(inputs.cut);
  return result;
}

}  // namespace qkv
