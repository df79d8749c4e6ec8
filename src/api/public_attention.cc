// qkv::AttentionInspector of the public API.
#include <mutex>

#include "base/cancellation.h"
#include "base/option_error.h"
#include "decode/option_table.h"
#include "models/generation_keys.h"
#include "view/attention_view.h"
#include "view/network_trace.h"
#include "view/token_labels.h"

namespace qkv {
namespace {

// Refuses what only a search for a translation would read.
void check_no_search(const TranslatorOptions& chosen, const TransformerConfig& config) {
  check_ranges(translator_option_table(), chosen);
  if (const TableOption<TranslatorOptions>* given = given_search_option(chosen)) {
    fail_option(ErrorCode::invalid_argument, "{} is for models that translate; this one {}", mark_fields("`" + given->field + "`"),
                use_of(config));
  }
}

// Labels, or all tokens one by one.
std::vector<std::string> output_names(const Model& model, const Tokenizer& tokenizer) {
  if (!model.labels.empty()) return model.labels;
  const TransformerConfig& config = model.config;
  if (config.has_head() && predicts_labels(config.head)) return numbered_labels(config.num_labels);
  std::vector<std::string> names;
  for (int32_t id = 0; id < config.vocab_size; ++id) {
    names.push_back(id < tokenizer.vocab_size() ? token_labels(tokenizer, std::span(&id, 1)).front() : "");
  }
  return names;
}

}  // namespace

struct QKV_INTERNAL AttentionInspector::Impl {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
  TranslateOptions options;
  std::mutex busy;  // one call at a time: each uses all threads
};

AttentionInspector::AttentionInspector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AttentionInspector::AttentionInspector(AttentionInspector&&) noexcept = default;
AttentionInspector& AttentionInspector::operator=(AttentionInspector&&) noexcept = default;
AttentionInspector::~AttentionInspector() = default;

AttentionInspector AttentionInspector::open(const std::filesystem::path& directory, const TranslatorOptions& chosen) {
  std::unique_ptr<Model> model = load_model(directory, chosen.dtype);
  if (model->config.has_decoder() && model->config.has_head()) {
    fail(ErrorCode::unsupported, "{}: the model {}; attention is shown of encoder-decoders that translate", directory.string(),
         use_of(model->config));
  }
  Tokenizer tokenizer = Tokenizer::load(directory);
  TranslateOptions options;
  if (model->config.kind == Kind::encoder_decoder) {
    options = resolve_options(chosen, *model);
    resolve_languages(chosen, *model, tokenizer, directory, options);
    warn_of_unused_keys(model->generation, "qkv translate", false);
  } else {
    check_no_search(chosen, model->config);
    options.dtype = activation_type(*model);
    options.truncate = chosen.truncate;
  }
  return AttentionInspector(std::unique_ptr<Impl>(new Impl{std::move(model), std::move(tokenizer), std::move(options), {}}));
}

std::vector<AttentionKind> AttentionInspector::kinds() const { return kinds_of(impl_->model->config); }
int AttentionInspector::layers(AttentionKind kind) const { return layers_of(impl_->model->config, kind); }
int AttentionInspector::heads(AttentionKind kind, int layer) const { return heads_of(impl_->model->config, kind, layer); }

AttentionView AttentionInspector::view(std::string_view source, const AttentionRequest& request) const {
  const std::lock_guard lock(impl_->busy);
  TranslateOptions options = impl_->options;
  options.search.on_step = [token = request.cancellation] { throw_if_cancelled(token); };
  const AttentionKind kind = request.kind.value_or(kinds().back());
  return view_attention(impl_->model->network, impl_->tokenizer, source, request.target, kind, request.layer.value_or(layers(kind) - 1),
                        request.head, options);
}

NetworkTrace AttentionInspector::trace(std::string_view source, const AttentionRequest& request) const {
  const std::lock_guard lock(impl_->busy);
  const Model& model = *impl_->model;
  TranslateOptions options = impl_->options;
  options.search.on_step = [token = request.cancellation] { throw_if_cancelled(token); };
  const AttentionKind kind = request.kind.value_or(kinds().back());
  const int layer = request.layer.value_or(layers(kind) - 1);
  check_head(model.config, kind, layer, request.head);
  const TextsRead texts = read_texts(model.network, impl_->tokenizer, source, request.target, options);
  NetworkTrace trace = trace_network(model, texts.source_ids, texts.target_in, {kind, layer}, options.dtype);
  trace.source = texts.source;
  trace.target = texts.target;
  trace.has_target = texts.has_target;
  if (model.config.has_encoder()) trace.source_tokens = token_labels(impl_->tokenizer, texts.source_ids);
  if (model.config.has_decoder()) trace.target_tokens = labels_read(impl_->tokenizer, texts);
  trace.output_names = output_names(model, impl_->tokenizer);
  return trace;
}

}  // namespace qkv
