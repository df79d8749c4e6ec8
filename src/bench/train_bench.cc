#include "bench/train_bench.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>

#include "autograd/backward.h"
#include "base/temporary_directory.h"
#include "models/model.h"
#include "text/bpe_trainer.h"
#include "train/batch_feed.h"
#include "train/optimizer.h"

namespace qkv {
namespace {

// The models of the peer's script: `encdec` is its default, `tiny` is with --d 128 --ffn 256 --layers 4 --vocab 10000.
TransformerConfig config_of(const std::string& shape, int32_t vocab_size) {
  QKV_CHECK(shape == "encdec" || shape == "tiny", "--shape {}: possible are encdec and tiny", shape);
  const bool tiny = shape == "tiny";
  TransformerConfig config;
  config.vocab_size = vocab_size;
  config.hidden_size = tiny ? 128 : 256;
  config.encoder_layers = config.decoder_layers = tiny ? 4 : 3;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.encoder_ffn_dim = config.decoder_ffn_dim = tiny ? 256 : 1024;
  config.max_position_embeddings = 512;
  config.dropout = 0.1f;
  return config;
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Timer {
  double& total;
  double start = seconds();
  ~Timer() { total += seconds() - start; }
};

}  // namespace

TrainBenchResult bench_train(const TrainBenchOptions& options) {
  const bool tiny = options.shape == "tiny";
  const std::filesystem::path files[] = {options.data / "train.en", options.data / "train.de"};
  BpeTrainerOptions bpe;
  bpe.vocab_size = tiny ? 10000 : 8000;
  const Tokenizer tokenizer = train_bpe(bpe, files);
  const TransformerConfig config = config_of(options.shape, tokenizer.vocab_size());

  const TemporaryDirectory temporary;
  ParallelCorpusOptions corpus_options;
  corpus_options.source = files[0];
  corpus_options.target = files[1];
  corpus_options.cache = temporary / "pairs";
  const PairSource source(ParallelCorpus::build(corpus_options, tokenizer), {.batch_tokens = options.batch_tokens, .seed = options.seed},
                          config.decoder_start_token_id);
  BatchFeed feed(source, 1, {});

  const std::unique_ptr<Model> model = create_model(config, options.seed);
  AdamWOptions adamw;
  adamw.clip_norm = 1;
  AdamW optimizer(model->parameters, adamw, nullptr);
  TrainBenchResult result;
  result.parameters = model->parameters.count();
  double forward = 0, backward_time = 0, optimizer_time = 0, start = 0;
  int64_t target_tokens = 0, source_tokens = 0, pairs = 0;
  for (int64_t step = -4; step < options.steps; ++step) {
    if (step == 0) {
      start = seconds();
      forward = backward_time = optimizer_time = 0;
      target_tokens = source_tokens = pairs = 0;
    }
    const Update update = feed.next();
    const TrainingBatch& batch = update.batches.front();
    ForwardContext context;
    context.dtype = options.dtype;
    context.training = true;
    context.seed = options.seed;
    context.step = static_cast<uint32_t>(step + 4);
    Tape tape;
    CrossEntropyResult loss;
    {
      const Timer timer{forward};
      const RecordScope recording(&tape);
      loss = model->network.loss(batch.source, batch.target_in, batch.target_out, 0.1f, 1.0f / static_cast<float>(update.target_tokens),
                                 context);
    }
    {
      const Timer timer{backward_time};
      backward(tape, loss.loss);
    }
    {
      const Timer timer{optimizer_time};
      optimizer.step(3e-4, optimizer.gradient_norm());
    }
    target_tokens += update.target_tokens;
    source_tokens += batch.source.segments.tokens();
    pairs += batch.source.segments.count();
    result.loss = loss.loss_sum / static_cast<double>(update.target_tokens);
  }
  const double elapsed = seconds() - start, steps = static_cast<double>(options.steps);
  result.tgt_tok_s = static_cast<double>(target_tokens) / elapsed;
  result.all_tok_s = static_cast<double>(target_tokens + source_tokens) / elapsed;
  result.pairs_per_step = static_cast<double>(pairs) / steps;
  result.forward_ms = 1e3 * forward / steps;
  result.backward_ms = 1e3 * backward_time / steps;
  result.optimizer_ms = 1e3 * optimizer_time / steps;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.max_rss_mb = usage.ru_maxrss / 1024;
  return result;
}

}  // namespace qkv
