#include "bench/train_bench.h"

#include <memory>

#include "autograd/backward.h"
#include "base/option_error.h"
#include "base/temporary_directory.h"
#include "base/timing.h"
#include "models/model.h"
#include "nn/uniform_config.h"
#include "text/training/tokenizer_trainer.h"
#include "train/optimizer.h"
#include "train/tasks/batch_feed.h"

namespace qkv {
namespace {

// The model and data of a measurement, as in the peers' scripts.
struct Work {
  UniformConfig config;
  std::unique_ptr<BatchSource> batches;
  float label_smoothing = 0;
  double learning_rate = 0;
};

// `encdec` has the defaults of train_encdec_torch.py; `tiny` corresponds to --d 128 --ffn 256 --layers 4 --vocab 10000.
Work translation(const TrainBenchOptions& options, const std::filesystem::path& cache) {
  const bool tiny = options.shape == "tiny";
  const std::filesystem::path files[] = {options.data / "train.en", options.data / "train.de"};
  TokenizerTrainerOptions trainer;
  trainer.vocab_size = tiny ? 10000 : 8000;
  const Tokenizer tokenizer = train_tokenizer(trainer, files);
  Work work;
  work.label_smoothing = 0.1f;
  work.learning_rate = 3e-4;
  work.config.vocab_size = tokenizer.vocab_size();
  work.config.hidden_size = tiny ? 128 : 256;
  work.config.encoder_layers = work.config.decoder_layers = tiny ? 4 : 3;
  work.config.num_attention_heads = work.config.num_key_value_heads = 4;
  work.config.encoder_ffn_dim = work.config.decoder_ffn_dim = tiny ? 256 : 1024;
  work.config.max_position_embeddings = 512;
  work.config.dropout = 0.1f;
  work.batches = std::make_unique<PairSource>(
      ParallelCorpus::build({.source = files[0], .target = files[1], .cache = cache}, tokenizer),
      BatchOptions{.batch_tokens = options.batch_tokens > 0 ? options.batch_tokens : 4096, .seed = options.seed},
      work.config.decoder_start_token_id);
  return work;
}

// The defaults of train_gpt_torch.py: nanoGPT's shape for characters, without biases.
Work characters(const TrainBenchOptions& options, const std::filesystem::path& cache) {
  const std::filesystem::path text = options.data / "input.txt";
  const Tokenizer tokenizer = train_tokenizer({.pipeline = TokenizerPipeline::characters}, std::span(&text, 1));
  Work work;
  work.learning_rate = 1e-3;
  work.config.kind = Kind::decoder_only;
  work.config.vocab_size = tokenizer.vocab_size();
  work.config.hidden_size = 384;
  work.config.encoder_layers = 0;
  work.config.decoder_layers = 6;
  work.config.num_attention_heads = work.config.num_key_value_heads = 6;
  work.config.encoder_ffn_dim = work.config.decoder_ffn_dim = 4 * 384;
  work.config.activation = Activation::gelu;
  work.config.norm_position = NormPlace::pre;
  work.config.linear_bias = work.config.scale_embedding = work.config.final_logits_bias = false;
  work.config.position = Position::learned;
  work.config.max_position_embeddings = 256;
  work.config.initializer_range = 0.02f;
  work.config.dropout = 0.2f;
  work.batches = std::make_unique<WindowSource>(
      TextCorpus::build({.text = {text}, .cache = cache}, tokenizer),
      WindowOptions{.context = 256, .batch_tokens = options.batch_tokens > 0 ? options.batch_tokens : 64 * 256, .seed = options.seed});
  return work;
}

struct Timer {
  double& total;
  Stopwatch watch = {};
  ~Timer() { total += watch.seconds(); }
};

}  // namespace

TrainBenchResult bench_train(const TrainBenchOptions& options) {
  QKV_CHECK_OPTION(options.shape == "encdec" || options.shape == "tiny" || options.shape == "gpt",
                   "`shape` {}: possible are encdec, tiny and gpt", options.shape);
  const TemporaryDirectory temporary;
  const Work work = (options.shape == "gpt" ? characters : translation)(options, temporary / "tokens");
  const std::unique_ptr<Model> model = create_model(work.config, options.seed);
  BatchFeed feed(*work.batches, 1, {});
  AdamWOptions adamw;
  adamw.clip_norm = 1;
  AdamW optimizer(model->parameters, adamw, nullptr);
  TrainBenchResult result;
  result.parameters = model->parameters.count();
  double forward = 0, backward_time = 0, optimizer_time = 0;
  Stopwatch watch;
  int64_t target_tokens = 0, source_tokens = 0, sequences = 0;
  for (int64_t step = -4; step < options.steps; ++step) {
    if (step == 0) {
      watch = {};
      forward = backward_time = optimizer_time = 0;
      target_tokens = source_tokens = sequences = 0;
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
      loss = model->network.loss(batch.source, batch.target_in, batch.target_out, work.label_smoothing,
                                 1.0f / static_cast<float>(update.target_tokens), context);
    }
    {
      const Timer timer{backward_time};
      backward(tape, loss.loss);
    }
    {
      const Timer timer{optimizer_time};
      optimizer.step(work.learning_rate, optimizer.gradient_norm());
    }
    target_tokens += update.target_tokens;
    source_tokens += batch.source.segments.tokens();
    sequences += batch.target_in.segments.count();
    result.loss = loss.loss_sum / static_cast<double>(update.target_tokens);
  }
  const double elapsed = watch.seconds(), steps = static_cast<double>(options.steps);
  result.tgt_tok_s = static_cast<double>(target_tokens) / elapsed;
  result.all_tok_s = static_cast<double>(target_tokens + source_tokens) / elapsed;
  result.sequences_per_step = static_cast<double>(sequences) / steps;
  result.forward_ms = 1e3 * forward / steps;
  result.backward_ms = 1e3 * backward_time / steps;
  result.optimizer_ms = 1e3 * optimizer_time / steps;
  result.max_rss_mb = peak_memory_mib();
  return result;
}

}  // namespace qkv
