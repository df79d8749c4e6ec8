#include "predict/relevance_model.h"

#include <cmath>

#include "base/cancellation.h"
#include "base/error.h"
#include "evaluate/classification.h"
#include "ops/ops.h"
#include "predict/cross_encoder_files.h"

namespace qkv {
namespace {

// What Qwen3-Reranker reads around a pair (its model card; Zhang et al. 2025).
constexpr std::string_view kBefore =
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the "
    "answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n";
constexpr std::string_view kAfter = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
constexpr std::string_view kInstruction = "Given a web search query, retrieve relevant passages that answer the query";

void append(std::vector<int32_t>& ids, const std::vector<int32_t>& more) { ids.insert(ids.end(), more.begin(), more.end()); }

}  // namespace

RelevanceModel::RelevanceModel(const std::filesystem::path& directory, InferenceType dtype)
    : model_(load_model(directory, dtype)), tokenizer_(Tokenizer::load(directory)) {
  const TransformerConfig& config = model_->config;
  const bool one_label = config.has_head() && config.head == Head::classification && config.num_labels == 1;
  if (config.kind != Kind::decoder_only && !one_label) {
    fail(ErrorCode::unsupported, "{}: the model {}; a reranker is a language model, or a classifier with one label", directory.string(),
         use_of(config));
  }
  if (tokenizer_.vocab_size() > config.vocab_size) {
    fail(ErrorCode::bad_input, "{}: the tokenizer has {} tokens, the model {}; they do not belong together", directory.string(),
         tokenizer_.vocab_size(), config.vocab_size);
  }
  max_tokens_ = config.max_position_embeddings;
  format_ = read_pair_format(directory);
  if (!one_label) find_answers(directory);
  sigmoid_ = scores_by_sigmoid(directory).value_or(true);
}

void RelevanceModel::find_answers(const std::filesystem::path& directory) {
  if (const std::optional<LogitScoreModule> module = read_logit_score(directory)) {
    yes_ = module->true_token;
    no_ = module->false_token;
  } else {
    yes_ = tokenizer_.token_to_id("yes");
    no_ = tokenizer_.token_to_id("no");
    if (no_ < 0) yes_ = -1;
  }
  const int32_t most = model_->config.vocab_size;
  const bool answers = yes_ >= 0 && yes_ < most && no_ < most;
  if (answers) template_ = PairTemplate::find(directory, format_, tokenizer_);
  const bool known = template_ || format_.form == PairFormat::Form::texts ||
                     (tokenizer_.token_to_id("<|im_start|>") >= 0 && tokenizer_.token_to_id("<|im_end|>") >= 0);
  if (answers && known) return;
  fail(ErrorCode::unsupported,
       "{}: no reranker that qkv knows: it needs a chat template with messages of \"query\" and \"document\", or a tokenizer with "
       "<|im_start|>, <|im_end|>, yes and no, as Qwen3-Reranker has them",
       directory.string());
}

void RelevanceModel::require_room(size_t tokens, size_t number) const {
  if (static_cast<int64_t>(tokens) < max_tokens_) return;
  fail(ErrorCode::bad_input, "pair {}: the query leaves no room for a document in the {} tokens that the model takes", number + 1,
       max_tokens_);
}

// A pair that is too long loses the document's end, not the template's.
void RelevanceModel::add_rendered(const RerankPair& pair, size_t number, const std::string& prompt, EncoderInputs& inputs) const {
  std::vector<int32_t> ids = template_->encode(tokenizer_, pair, prompt);
  const bool cut = std::ssize(ids) > max_tokens_;
  if (cut) {
    require_room(template_->encode(tokenizer_, {pair.query, ""}, prompt).size(), number);
    const std::vector<int32_t> ending = template_->ending(tokenizer_, prompt);
    ids.resize(static_cast<size_t>(max_tokens_) - std::min(ending.size(), static_cast<size_t>(max_tokens_)));
    append(ids, ending);
  }
  inputs.ids.push_back(std::move(ids));
  inputs.token_types.emplace_back();
  inputs.cut.push_back(cut);
}

void RelevanceModel::add_instructed(const RerankPair& pair, size_t number, const std::string& instruction, EncoderInputs& inputs) const {
  const EncodeOptions as_text{.add_special_tokens = false, .special_tokens_as_text = true};
  const std::string_view told = instruction.empty() ? kInstruction : std::string_view(instruction);
  const std::vector<int32_t> after = tokenizer_.encode(kAfter, false);
  std::vector<int32_t> ids = tokenizer_.encode(kBefore, false);
  const std::vector<int32_t> text =
      tokenizer_.encode(fmt::format("<Instruct>: {}\n<Query>: {}\n<Document>: {}", told, pair.query, pair.document), as_text);
  const std::vector<int32_t> without =
      tokenizer_.encode(fmt::format("<Instruct>: {}\n<Query>: {}\n<Document>: ", told, pair.query), as_text);
  require_room(ids.size() + after.size() + without.size(), number);
  const int64_t room = max_tokens_ - std::ssize(ids) - std::ssize(after);
  const bool cut = std::ssize(text) > room;
  ids.insert(ids.end(), text.begin(), cut ? text.begin() + room : text.end());
  append(ids, after);
  inputs.ids.push_back(std::move(ids));
  inputs.token_types.emplace_back();
  inputs.cut.push_back(cut);
}

void RelevanceModel::add_pair(const RerankPair& pair, size_t number, EncoderInputs& inputs) const {
  EncodeOptions options{.special_tokens_as_text = true};
  Encoding encoding = tokenizer_.encode_pair(pair.query, pair.document, options);
  const bool cut = std::ssize(encoding.ids) > max_tokens_;
  if (cut) {
    require_room(tokenizer_.encode_pair(pair.query, "", options).ids.size(), number);
    options.truncation = {.max_length = static_cast<size_t>(max_tokens_), .strategy = Truncation::Strategy::only_second};
    encoding = tokenizer_.encode_pair(pair.query, pair.document, options);
  }
  inputs.ids.push_back(std::move(encoding.ids));
  inputs.token_types.push_back(std::move(encoding.type_ids));
  inputs.cut.push_back(cut);
}

std::vector<double> RelevanceModel::answer_logits(const EncoderInputs& inputs, const RerankOptions& options) const {
  const RecordScope no_gradient(nullptr);
  std::vector<double> result(inputs.ids.size());
  for (const std::vector<int32_t>& numbers : batches_by_length(inputs.ids, {.tokens = options.batch_tokens})) {
    throw_if_cancelled(options.cancellation);
    const TokenBatch batch = pack(inputs.ids, numbers);
    ForwardContext context;
    context.dtype = activation_type(*model_);
    const Tensor hidden = model_->network.decode(batch, {}, {}, context);
    std::vector<int32_t> rows;
    for (int64_t i = 0; i < batch.segments.count(); ++i) rows.push_back(batch.segments.begin(i) + batch.segments.length(i) - 1);
    const Tensor values = model_->network.logits(select_rows(hidden, rows));
    const std::vector<float> all = values.to_vector();
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto of = std::span(all).subspan(i * static_cast<size_t>(values.cols()), static_cast<size_t>(values.cols()));
      result[static_cast<size_t>(numbers[i])] = of[static_cast<size_t>(yes_)] - (no_ < 0 ? 0.0f : of[static_cast<size_t>(no_)]);
    }
  }
  return result;
}

std::vector<double> RelevanceModel::label_logits(const EncoderInputs& inputs, const RerankOptions& options) const {
  const EncoderRunOptions run{
      .batch_tokens = options.batch_tokens, .dtype = activation_type(*model_), .cancellation = options.cancellation};
  std::vector<double> result;
  for (const std::vector<float>& outputs : qkv::label_logits(model_->network, inputs, run)) result.push_back(outputs.front());
  return result;
}

RerankScores RelevanceModel::score(std::span<const RerankPair> pairs, const RerankOptions& options) const {
  EncoderInputs inputs;
  const std::string& prompt = options.instruction.empty() ? format_.prompt : options.instruction;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (template_)
      add_rendered(pairs[i], i, prompt, inputs);
    else if (yes_ >= 0 && format_.form != PairFormat::Form::texts)
      add_instructed(pairs[i], i, prompt, inputs);
    else
      add_pair({prompt + pairs[i].query, pairs[i].document}, i, inputs);
  }
  RerankScores result{yes_ >= 0 ? answer_logits(inputs, options) : label_logits(inputs, options), inputs.cut};
  if (options.logits || !sigmoid_) return result;
  for (double& score : result.scores) score = 1 / (1 + std::exp(-score));
  return result;
}

}  // namespace qkv
