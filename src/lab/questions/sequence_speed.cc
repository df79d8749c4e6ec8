// Transformer against RNN, GRU, LSTM and CNN: training and step-by-step decoding, their growth with length, the second core, and the state
// kept per sequence.
#include "autograd/backward.h"
#include "base/parallel.h"
#include "base/timing.h"
#include "decode/step.h"
#include "lab/networks/network.h"
#include "lab/questions/questions.h"
#include "lab/tasks/synthetic.h"
#include "nn/recurrent.h"
#include "nn/transformer.h"
#include "nn/uniform_config.h"
#include "train/optimizer.h"

namespace qkv::lab {
namespace {

constexpr int kVocabulary = 256, kHidden = 256, kLayers = 4, kHeads = 4, kLongest = 2048;

NetworkOptions options_of(const std::string& kind) {
  NetworkOptions transformer{
      .vocab_size = kVocabulary, .hidden_size = kHidden, .layers = kLayers, .heads = kHeads, .ffn_size = 4 * kHidden};
  transformer.position = Position::rope;
  transformer.max_positions = kLongest;
  if (kind == "transformer") return transformer;
  NetworkOptions options{.vocab_size = kVocabulary, .layers = kLayers, .heads = 1, .ffn_size = 0, .position = Position::none};
  options.max_positions = kLongest;
  if (kind == "convolution") {
    options.mixer = Mixer::convolution;
  } else {
    options.mixer = kind == "tanh" ? Mixer::tanh_rnn : kind == "gru" ? Mixer::gru : Mixer::lstm;
    options.norm_place = NormPlace::none;
    options.residual = false;
  }
  return with_parameters(options, count_parameters(transformer));
}

// Tokens per second of complete training steps with 8,192 tokens in sequences of `length`.
double training_speed(const Job& job, const NetworkOptions& options, int length) {
  constexpr int kTokens = 8192;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  AdamW optimizer(store, {}, nullptr);
  RandomStream random(job.seed);
  Batch batch;
  for (int i = 0; i < kTokens; ++i) {
    batch.input.ids.push_back(static_cast<int32_t>(random.below(kVocabulary)));
    batch.targets.push_back(static_cast<int32_t>(random.below(kVocabulary)));
  }
  batch.input.segments = Segments::of_lengths(std::vector<int32_t>(kTokens / length, length));
  const double seconds = shortest_seconds(static_cast<int>(1 + job.scaled(4)), [&] {
    ForwardContext context{.training = true};
    Tape tape;
    CrossEntropyResult loss;
    {
      const RecordScope recording(&tape);
      loss = network.loss(batch.input, batch.targets, context);
    }
    backward(tape, loss.loss);
    optimizer.step(1e-4, optimizer.gradient_norm());
  });
  return kTokens / seconds;
}

// Token-by-token decoding: `step` feeds a token to each of its sequences.
struct Decoding {
  std::function<void()> step;
  std::function<double()> state_bytes;  // current size per sequence
};
constexpr int kSequences = 16;

void measure_decoding(const Decoding& decoding, Outcome& outcome) {
  constexpr int kSteps = 512;
  Stopwatch watch, stretch;
  for (int i = 1; i <= kSteps; ++i) {
    decoding.step();
    if (i % 32 != 0) continue;
    outcome.series["step_seconds"].emplace_back(i, stretch.seconds() / 32);
    stretch = {};
    if (i == 64 || i == 512) outcome.values[i == 64 ? "state KiB after 64" : "state KiB after 512"] = decoding.state_bytes() / 1024;
  }
  outcome.values["decode_per_second"] = kSequences * kSteps / watch.seconds();
}

void decode_transformer(const Job& job, Outcome& outcome) {
  UniformConfig config;
  config.kind = Kind::decoder_only;
  config.vocab_size = kVocabulary;
  config.hidden_size = kHidden;
  config.encoder_layers = 0;
  config.decoder_layers = kLayers;
  config.num_attention_heads = config.num_key_value_heads = kHeads;
  config.decoder_ffn_dim = 4 * kHidden;
  config.norm_position = NormPlace::pre;
  config.position = Position::rope;
  config.max_position_embeddings = kLongest;
  ParameterStore store(job.seed, true);
  const Transformer network(config, store);
  ForwardContext context;
  Step step(network, context);
  std::vector<Sequence> sequences;
  for (int i = 0; i < kSequences; ++i) sequences.push_back(step.join({1}));
  const std::vector<Sequence*> batch = pointers_to(sequences);
  const auto feed = [&] {
    step.run(batch);
    for (Sequence& each : sequences) each.append(1);
  };
  const Decoding decoding{feed,
                          [&] { return 2.0 * kLayers * kHidden * sizeof(float) * static_cast<double>(sequences.front().read_tokens()); }};
  measure_decoding(decoding, outcome);
}

void decode_recurrent(const Job& job, const NetworkOptions& options, RecurrentCell cell, Outcome& outcome) {
  const int hidden = options.hidden_size;
  ParameterStore store(job.seed, true);
  const Tensor table = store.create("embed_tokens.weight", {kVocabulary, hidden}, Initializer::normal(0.02f), true);
  const Recurrent network({.cell = cell, .input_size = hidden, .hidden_size = hidden, .num_layers = kLayers}, store);
  RecurrentState state = network.start(kSequences);
  const std::vector<int32_t> tokens(kSequences, 1);
  const Decoding decoding{[&] { linear_f32(network.step(embedding(tokens, table, {}, {}, 1, DType::f32), state), table, {}); },
                          [&] { return static_cast<double>(state.bytes()) / kSequences; }};
  measure_decoding(decoding, outcome);
}

Outcome run(const Job& job) {
  const bool one_thread = job.arm.ends_with("-1-thread");
  const std::string kind = one_thread ? job.arm.substr(0, job.arm.size() - 9) : job.arm;
  const int threads = num_threads();
  if (one_thread) set_num_threads(1);
  Outcome outcome;
  const NetworkOptions options = options_of(kind);
  outcome.values["parameters"] = static_cast<double>(count_parameters(options));
  for (const int length : one_thread ? std::vector{256} : std::vector{64, 256, 1024, 2048}) {
    const double speed = training_speed(job, options, length);
    outcome.series["training_per_second"].emplace_back(length, speed);
    if (length == 256) outcome.values["train_256_per_second"] = speed;
    if (length == 2048) outcome.values["train_2048_per_second"] = speed;
  }
  if (!one_thread && kind == "transformer") decode_transformer(job, outcome);
  if (!one_thread && kind != "transformer" && kind != "convolution") {
    decode_recurrent(job, options,
                     kind == "tanh"  ? RecurrentCell::tanh
                     : kind == "gru" ? RecurrentCell::gru
                                     : RecurrentCell::lstm,
                     outcome);
  }
  set_num_threads(threads);
  return outcome;
}

const std::vector<std::string> kKinds{"transformer", "lstm", "gru", "tanh", "convolution"};

}  // namespace

Experiment sequence_speed() {
  return {
      .name = "sequence_speed",
      .question = "Transformer against RNN, LSTM and CNN: which is faster?",
      .timed = true,
      .memory_mib = 1500,
      .arms = {"transformer", "lstm", "gru", "tanh", "convolution", "transformer-1-thread", "lstm-1-thread"},
      .run = run,
      .claims = {times_at_least("a Transformer trains faster than an LSTM on sequences of 256", "train_256_per_second", "transformer",
                                "lstm", 1),
                 times_at_least("a Transformer trains faster than an LSTM on sequences of 2,048", "train_2048_per_second", "transformer",
                                "lstm", 1),
                 times_at_least("the second core speeds a Transformer up by more than half", "train_256_per_second", "transformer",
                                "transformer-1-thread", 1.5),
                 times_at_most("an LSTM keeps at most a tenth of its state after 512 tokens", "state KiB after 512", "lstm", "transformer",
                               0.1)},
      .columns = {{"parameters", "parameters", 0},
                  {"train_256_per_second", "tokens/s at 256", 0},
                  {"train_2048_per_second", "at 2,048", 0},
                  {"decode_per_second", "decoded tokens/s", 0},
                  {"state KiB after 64", "state KiB after 64", 0},
                  {"state KiB after 512", "after 512", 0}},
  };
}

}  // namespace qkv::lab
