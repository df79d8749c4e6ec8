// The purpose of the feed-forward network: without it, 1 to 8 times as wide as the network, and with other activations.
#include <cmath>

#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/synthetic.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64, kHidden = 64;

NetworkOptions options_of(const std::string& arm) {
  NetworkOptions options{.hidden_size = kHidden, .layers = 2, .heads = 4, .ffn_size = 4 * kHidden};
  if (arm == "none") options.ffn_size = 0;
  if (arm == "attention-only") {  // three times the 4 h^2 of attention equal one attention plus the 8 h^2 of a feed-forward
    options.ffn_size = 0;
    options.layers = 6;
  }
  if (arm.starts_with("width-")) options.ffn_size = std::stoi(arm.substr(6)) * kHidden;
  if (arm == "relu") options.activation = Activation::relu;
  if (arm == "swiglu") {  // three matrices: 2/3 of the width (Shazeer 2020, section 2)
    options.activation = Activation::silu;
    options.gated_ffn = true;
    options.ffn_size = 8 * kHidden / 3;
  }
  return options;
}

double text_bits(const Job& job, NetworkOptions options, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  options.vocab_size = text.vocab_size();
  options.max_positions = kContext;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  outcome.values["parameters"] = static_cast<double>(store.count());
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(1000), .learning_rate = 3e-3, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const Batch batch = text.training_batch(16, kContext, training_stream(job.seed, step));
              return network.loss(batch.input, batch.targets, context).loss;
            });
  outcome.series["text loss"] = trained.losses;
  return trained.diverged ? std::log2(text.vocab_size()) : text.bits_per_byte(network, job.judged(400), kContext);
}

// A table without any rule: the object of each subject and relation. Sequences are (subject, relation), the object is predicted.
class Facts {
 public:
  static constexpr int kSubjects = 128, kRelations = 48, kObjects = 64;
  static constexpr int kCount = kSubjects * kRelations, kVocabulary = kSubjects + kRelations;

  explicit Facts(uint64_t seed) {
    RandomStream random(seed, 0x40000000u);
    for (int i = 0; i < kCount; ++i) objects_.push_back(static_cast<int32_t>(random.below(kObjects)));
  }
  void add(int fact, Batch& batch) const {
    batch.input.ids.insert(batch.input.ids.end(), {fact / kRelations, kSubjects + fact % kRelations});
    batch.targets.insert(batch.targets.end(), {-1, objects_[fact]});
  }
  static Batch closed(Batch batch) {
    batch.input.segments = Segments::of_lengths(std::vector<int32_t>(batch.targets.size() / 2, 2));
    return batch;
  }
  Batch drawn(int count, RandomStream random) const {
    Batch batch;
    for (int i = 0; i < count; ++i) add(static_cast<int>(random.below(kCount)), batch);
    return closed(std::move(batch));
  }
  Batch part(int64_t index, int parts) const {
    Batch batch;
    for (auto i = static_cast<int>(index); i < kCount; i += parts) add(i, batch);
    return closed(std::move(batch));
  }

 private:
  std::vector<int32_t> objects_;
};

double remembered_facts(const Job& job, NetworkOptions options, Outcome& outcome) {
  const Facts facts(job.seed);
  options.vocab_size = Facts::kVocabulary;
  options.outputs = Facts::kObjects;
  options.max_positions = 2;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  const TrainingOutcome trained = train(
      store, {.steps = job.scaled(1200), .learning_rate = 3e-3, .weight_decay = 0, .seed = job.seed, .cancellation = job.cancellation},
      [&](int64_t step, ForwardContext& context) {
        const Batch batch = facts.drawn(256, training_stream(job.seed, step));
        return network.loss(batch.input, batch.targets, context).loss;
      });
  outcome.series["fact loss"] = trained.losses;
  return judge(job.cancellation, network, 12, [&](int64_t i) { return facts.part(i, 12); }).accuracy;
}

Outcome run(const Job& job) {
  Outcome outcome;
  outcome.values["bits per byte"] = text_bits(job, options_of(job.arm), outcome);
  outcome.values["facts"] = remembered_facts(job, options_of(job.arm), outcome);
  return outcome;
}

const std::vector<std::string> kArms{"none", "attention-only", "width-1", "width-2", "width-4", "width-8", "relu", "swiglu"};

}  // namespace

Experiment feed_forward() {
  return {
      .name = "feed_forward",
      .question = "What is the feed-forward network for?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {more_by("without a feed-forward network at least 0.05 bits per byte are lost", "bits per byte", "none", "width-4", 0.05),
                 more_by("at equal parameters attention alone is worse", "bits per byte", "attention-only", "width-4", 0.0),
                 more_by("a feed-forward network remembers at least 20 points more facts than attention of as many parameters", "facts",
                         "width-4", "attention-only", 0.2),
                 less_by("8 times the width is better than 1 by at least 0.02 bits per byte", "bits per byte", "width-8", "width-1", 0.02),
                 less_by("GELU is better than ReLU", "bits per byte", "width-4", "relu", 0.0),
                 less_by("SwiGLU is better than GELU", "bits per byte", "swiglu", "width-4", 0.0)},
      .columns = {{"parameters", "parameters", 0}, {"bits per byte", "bits per byte"}, {"facts", "facts remembered"}},
  };
}

}  // namespace qkv::lab
