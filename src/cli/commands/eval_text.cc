// qkv eval --text: how well a language model predicts a text, or a masked one finds its hidden tokens.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/temporary_directory.h"
#include "base/timing.h"
#include "cli/commands/eval_text.h"
#include "cli/output.h"
#include "evaluate/masked_loss.h"
#include "evaluate/text_loss.h"
#include "models/model.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

constexpr int64_t kLongestByDefault = 2048;  // tokens; more takes long, and no model of ours has seen more at once

int64_t resolve_context(int64_t chosen, const TransformerConfig& config) {
  const int64_t most = config.max_position_embeddings;
  if (chosen == 0) return std::min(most, kLongestByDefault);
  const bool bounded = config.position_table != PositionTable::none;
  QKV_CHECK(!bounded || chosen <= most, "--context {} is more than the model's {} positions", chosen, most);
  return chosen;
}

void warn_of_unknown(const TextCorpus& corpus, const Tokenizer& tokenizer, const std::string& text) {
  const int32_t id = tokenizer.unknown_id();
  const auto unknown = id < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), id);
  if (unknown > 0) log_warning("{}: {} tokens are unknown to the tokenizer; they are never hidden", text, unknown);
}

void eval_masked(const EvalTextArguments& arguments, const Model& model, const TextCorpus& corpus, const Tokenizer& tokenizer) {
  MaskedLossOptions options{.context = resolve_context(arguments.context, model.config), .dtype = activation_type(model)};
  options.batch_tokens = std::max<int64_t>(options.context, 8192);
  QKV_CHECK(options.context > 2, "--context {} has no room besides [CLS] and [SEP]", options.context);
  warn_of_unknown(corpus, tokenizer, arguments.text);
  const Stopwatch watch;
  const MaskedLoss loss = masked_loss(model.network, corpus, tokenizer, options);
  options.masking = hidden_words();
  const MaskedLoss words = masked_loss(model.network, corpus, tokenizer, options);
  if (arguments.json) {
    print("{}\n", nlohmann::ordered_json{{"loss", loss.per_token()},
                                         {"perplexity", std::exp(loss.per_token())},
                                         {"masked_bits_per_byte", words.bits_per_byte()},
                                         {"tokens", loss.tokens},
                                         {"bytes", words.bytes},
                                         {"context", options.context},
                                         {"seconds", watch.seconds()}}
                      .dump());
  } else {
    print("loss {:.4f}  perplexity {:.4f}  masked bits per byte {:.4f}  ({} hidden tokens, {} bytes of hidden words, windows of {})\n",
          loss.per_token(), std::exp(loss.per_token()), words.bits_per_byte(), loss.tokens, words.bytes, options.context);
  }
}

}  // namespace

void eval_text(const EvalTextArguments& arguments) {
  catch_interrupts();
  const std::unique_ptr<Model> model = load_model(arguments.model, arguments.dtype);
  const bool masked = !model->config.has_decoder() && model->config.head == Head::masked_lm;
  if (model->config.has_encoder() && !masked) {
    fail(ErrorCode::unsupported, "{}: the model has an encoder; it {}", arguments.model, use_of(model->config));
  }
  const Tokenizer tokenizer = Tokenizer::load(arguments.model);
  if (tokenizer.vocab_size() > model->config.vocab_size) {
    fail(ErrorCode::bad_input, "{}: tokenizer.json has {} tokens, the model {}; they do not belong together", arguments.model,
         tokenizer.vocab_size(), model->config.vocab_size);
  }
  const std::string separator = unescape(arguments.document_separator, "--document-separator");
  check_separator(arguments.text, separator);
  const TemporaryDirectory temporary;
  const TextCorpus corpus = TextCorpus::build({.text = {arguments.text}, .separator = separator, .cache = temporary / "tokens"}, tokenizer);
  if (corpus.tokens().size() < 2) fail(ErrorCode::bad_input, "{} is a single token; there is nothing to predict", arguments.text);
  if (masked) return eval_masked(arguments, *model, corpus, tokenizer);
  const int64_t context = resolve_context(arguments.context, model->config);
  const Stopwatch watch;
  const TextLoss loss = text_loss(model->network, corpus,
                                  {.context = context, .batch_tokens = std::max<int64_t>(context, 8192), .dtype = activation_type(*model)});
  const double seconds = watch.seconds();
  const int32_t unknown_id = tokenizer.unknown_id();
  const auto unknown = unknown_id < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), unknown_id);
  if (unknown > 0)
    log_warning("{}: {} tokens are unknown to the tokenizer; they count as one token {}", arguments.text, unknown,
                tokenizer.id_to_token(unknown_id));
  if (arguments.json) {
    print("{}\n", nlohmann::ordered_json{{"loss", loss.per_token()},
                                         {"perplexity", loss.perplexity()},
                                         {"bits_per_byte", loss.bits_per_byte()},
                                         {"tokens", loss.tokens},
                                         {"bytes", loss.bytes},
                                         {"unknown_tokens", unknown},
                                         {"context", context},
                                         {"seconds", seconds}}
                      .dump());
  } else {
    print("loss {:.4f}  perplexity {:.4f}  bits per byte {:.4f}  ({} tokens of {} bytes, windows of {})\n", loss.per_token(),
          loss.perplexity(), loss.bits_per_byte(), loss.tokens, loss.bytes, context);
  }
}

}  // namespace qkv
