// Dot-product or additive attention? Quality for small and large d_k, scaled and unscaled; additive_cost.cc measures their cost.
#include <cmath>

#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64, kHidden = 128;

// "dot-scaled-128": the kind of scores, whether they are divided by √d_k, and d_k.
struct Variant {
  bool additive, scaled;
  int size;
};
Variant variant_of(const std::string& arm) {
  return {arm.starts_with("additive"), arm.find("scaled") != std::string::npos, std::stoi(arm.substr(arm.rfind('-') + 1))};
}

Outcome run(const Job& job) {
  Outcome outcome;
  const PlainText& text = PlainText::of(job);
  const Variant variant = variant_of(job.arm);
  NetworkOptions options{.vocab_size = text.vocab_size(), .hidden_size = kHidden, .layers = 2, .ffn_size = 128};
  options.heads = kHidden / variant.size;
  options.mixer = variant.additive ? Mixer::additive : Mixer::attention;
  options.scale = variant.scaled ? 1 / std::sqrt(static_cast<float>(variant.size)) : 1;
  options.qk_gain =
      std::sqrt(1.0f / kHidden) / 0.02f;  // Xavier's start, relative to nn's deviation of 0.02: components of q and k have variance 1
  options.max_positions = kContext;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  outcome.values["parameters"] = static_cast<double>(store.count());
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(700), .learning_rate = 2e-3, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const Batch batch = text.training_batch(16, kContext, training_stream(job.seed, step));
              return network.loss(batch.input, batch.targets, context).loss;
            });
  outcome.series["loss"] = trained.losses;
  outcome.values["bits per byte"] = trained.diverged ? std::log2(text.vocab_size()) : text.bits_per_byte(network, 400, kContext);
  return outcome;
}

const std::vector<std::string> kSmall{"dot-8", "dot-scaled-8", "additive-8", "additive-scaled-8"};
const std::vector<std::string> kLarge{"dot-128", "dot-scaled-128", "additive-128", "additive-scaled-128"};

std::vector<std::string> all_arms() {
  std::vector<std::string> arms = kSmall;
  arms.insert(arms.end(), kLarge.begin(), kLarge.end());
  return arms;
}

}  // namespace

Experiment additive_attention() {
  return {
      .name = "additive_attention",
      .question = "Dot-product or additive attention?",
      .arms = all_arms(),
      .data = {"text"},
      .run = run,
      .claims = {same_within("at d_k = 8 the two differ by less than 0.03 bits per byte", "bits per byte", "additive-8", "dot-8", 0.03),
                 less_by("at d_k = 128 additive scores need at least 0.02 bits per byte less than unscaled products", "bits per byte",
                         "additive-128", "dot-128", 0.02),
                 less_by("at d_k = 128 divided products need at most 0.02 bits per byte more than additive scores", "bits per byte",
                         "dot-scaled-128", "additive-128", -0.02)},
      .columns = {{"parameters", "parameters", 0}, {"bits per byte", "bits per byte", 3}},
  };
}

}  // namespace qkv::lab
