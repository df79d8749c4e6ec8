// Dot-product or additive attention: time, memory and operations against d_k and length.
#include <cmath>

#include "base/philox.h"
#include "lab/attention_forms/attention_cost.h"
#include "lab/questions/questions.h"

namespace qkv::lab {
namespace {

constexpr int kHeads = 4;
constexpr int64_t kSizes[] = {8, 16, 32, 64, 128, 256}, kLengths[] = {64, 128, 256, 512, 1024, 2048};
constexpr int64_t kSize = 64, kLength = 512;  // fixed value of the one while the other varies

AttentionProgram program_of(const std::string& arm, const AttentionCase& of, uint64_t seed) {
  if (arm == "dot") return product_attention(of, AttentionImplementation::composed);
  if (arm == "dot-flash") return product_attention(of, AttentionImplementation::flash);
  RandomStream random(seed, 99);
  std::vector<float> values(static_cast<size_t>(of.heads * of.head_size));
  for (float& value : values) value = random.normal() / std::sqrt(static_cast<float>(of.head_size));
  const Tensor weight = Tensor::from(values, {of.heads, of.head_size});
  const AttentionOptions options{.num_heads = of.heads, .num_key_value_heads = of.heads};
  return [=](const AttentionInput& in) { return additive_attention(in.q, in.k, in.v, weight, in.segments, in.segments, options); };
}

// Operations of the forward pass: 2 d_k for a product of q and k, 4 d_k for an additive score if a tangent counts as one, plus 2 d_v per
// weight.
double operations(const std::string& arm, const AttentionCase& of) {
  const double size = static_cast<double>(of.head_size), pairs = static_cast<double>(of.tokens * of.tokens * of.heads);
  return pairs * ((arm == "additive" ? 4 : 2) * size + 2 * size);
}

// Bytes that an array program holds for one head. It forms q + k for all pairs before it sums over d_k; with products only the scores.
double array_bytes(const std::string& arm, const AttentionCase& of) {
  return 4.0 * static_cast<double>(of.tokens * of.tokens) * (arm == "additive" ? static_cast<double>(of.head_size) : 1);
}

void measure(const Job& job, const AttentionCase& of, const std::string& by, double x, Outcome& outcome) {
  const AttentionInput in = random_input(of, job.seed);
  const AttentionProgram program = program_of(job.arm, of, job.seed);
  const int64_t repeats = 2 * job.scaled(4) + 1;
  const double forward = forward_seconds(program, in, repeats), training = training_seconds(program, in, repeats);
  const double memory = static_cast<double>(memory_bytes([&] { return program(in); }));
  outcome.series[by + " forward_seconds"].emplace_back(x, forward);
  outcome.series[by + " training_seconds"].emplace_back(x, training);
  outcome.series[by + " memory bytes"].emplace_back(x, memory);
  if (of.tokens != kLength || of.head_size != kSize) return;
  outcome.values["forward_seconds"] = forward;
  outcome.values["training_seconds"] = training;
  outcome.values["memory MiB"] = memory / 0x1p20;
  outcome.values["array MiB"] = array_bytes(job.arm, of) / 0x1p20;
  outcome.values["operations"] = operations(job.arm, of);
}

Outcome run(const Job& job) {
  Outcome outcome;
  for (const int64_t size : kSizes) measure(job, {kLength, kHeads, size}, "by d_k", static_cast<double>(size), outcome);
  for (const int64_t length : kLengths) measure(job, {length, kHeads, kSize}, "by length", static_cast<double>(length), outcome);
  outcome.values["d_k exponent of forward_seconds"] = growth(outcome.series["by d_k forward_seconds"], 32).slope;
  outcome.values["length exponent of forward_seconds"] = growth(outcome.series["by length forward_seconds"], 256).slope;
  return outcome;
}

const std::vector<std::string> kArms{"additive", "dot", "dot-flash"};

}  // namespace

Experiment additive_cost() {
  return {
      .name = "additive_cost",
      .question = "What does additive attention cost?",
      .timed = true,
      .arms = kArms,
      .run = run,
      .claims = {{.text = "the counted operations differ by less than a factor of 3",
                  .value = "operations",
                  .arm = "additive",
                  .baseline = "dot",
                  .kind = Claim::Kind::ratio,
                  .low = 1.0 / 3,
                  .high = 3},
                 same_within("both take time that grows alike with the length", "length exponent of forward_seconds", "additive", "dot",
                             0.25),
                 times_at_least("additive attention takes at least twice the time of dot products", "training_seconds", "additive", "dot",
                                2),
                 times_at_least("additive attention takes at least 1.5 times the memory", "memory MiB", "additive", "dot", 1.5)},
      .columns = {{"operations", "operations", 0},
                  {"forward_seconds", "forward in s", 4},
                  {"training_seconds", "forward and backward in s", 4},
                  {"d_k exponent of forward_seconds", "time ~ d_k^…", 2},
                  {"length exponent of forward_seconds", "time ~ N^…", 2},
                  {"memory MiB", "MiB measured", 2},
                  {"array MiB", "MiB of a head as whole arrays", 1}},
  };
}

}  // namespace qkv::lab
