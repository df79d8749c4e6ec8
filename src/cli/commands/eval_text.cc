// qkv eval --text: how well a language model predicts a text.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/temporary_directory.h"
#include "base/timing.h"
#include "cli/commands/eval_text.h"
#include "cli/output.h"
#include "models/model.h"
#include "train/option_table.h"
#include "train/text_loss.h"

namespace qkv {
namespace {

constexpr int64_t kLongestByDefault = 2048;  // tokens; more takes long, and no model of ours has seen more at once

int64_t resolve_context(int64_t chosen, const TransformerConfig& config) {
  const int64_t most = config.max_position_embeddings;
  if (chosen == 0) return std::min(most, kLongestByDefault);
  const bool bounded = config.position == Position::learned || config.position == Position::sinusoidal;
  QKV_CHECK(!bounded || chosen <= most, "--context {} is more than the model's {} positions", chosen, most);
  return chosen;
}

}  // namespace

void eval_text(const EvalTextArguments& arguments) {
  catch_interrupts();
  const DType dtype = arguments.bf16 ? DType::bf16 : DType::f32;
  const std::unique_ptr<Model> model = load_model(arguments.model, dtype);
  if (model->config.has_encoder()) {
    fail(ErrorCode::unsupported, "{}: the model has an encoder; its translations are scored with --source and --reference",
         arguments.model);
  }
  const Tokenizer tokenizer = Tokenizer::load(arguments.model);
  if (tokenizer.vocab_size() > model->config.vocab_size) {
    fail(ErrorCode::bad_input, "{}: tokenizer.json has {} tokens, the model {}; they do not belong together", arguments.model,
         tokenizer.vocab_size(), model->config.vocab_size);
  }
  const TemporaryDirectory temporary;
  const TextCorpus corpus = TextCorpus::build({.text = {arguments.text},
                                               .separator = unescape(arguments.document_separator, "--document-separator"),
                                               .cache = temporary / "tokens"},
                                              tokenizer);
  if (corpus.tokens().size() < 2) fail(ErrorCode::bad_input, "{} is a single token; there is nothing to predict", arguments.text);
  const int64_t context = resolve_context(arguments.context, model->config);
  const Stopwatch watch;
  const TextLoss loss =
      text_loss(model->network, corpus, {.context = context, .batch_tokens = std::max<int64_t>(context, 8192), .dtype = dtype});
  const double seconds = watch.seconds();
  const int32_t unknown_id = tokenizer.token_to_id("<unk>");
  const auto unknown = unknown_id < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), unknown_id);
  if (unknown > 0) log_warning("{}: {} tokens are unknown to the tokenizer; they count as one token <unk>", arguments.text, unknown);
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
