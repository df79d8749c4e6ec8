// O(N²)? Time and memory of attention as functions of the sequence length, and where it overtakes the rest of a layer.
#include <cmath>

#include "lab/attention_forms/attention_cost.h"
#include "lab/attention_forms/attention_forms.h"
#include "lab/questions/questions.h"

namespace qkv::lab {
namespace {

constexpr int64_t kHeadSize = 64;
constexpr int kWidths[] = {64, 128, 256};  // of a layer: 1, 2 and 4 heads
constexpr int kWidth = 256;                // the width shown in the table
constexpr double kFitFrom = 4 * kWidth;    // below this length the part that grows like N d matters
constexpr int64_t kShortest = 64, kLongest = 8192;

AttentionProgram program_of(const std::string& arm, const AttentionCase& of) {
  if (arm == "composed") return product_attention(of, AttentionImplementation::composed);
  if (arm == "flash") return product_attention(of, AttentionImplementation::flash);
  return [heads = of.heads](const AttentionInput& in) { return whole_attention(in.q, in.k, in.v, heads); };
}

// The part of a layer that treats tokens separately: the projections to q, k, v and of the output, and a feed-forward of 4 d: 24 d^2
// operations.
class TokenPart {
 public:
  explicit TokenPart(int width) {
    for (const auto& [to, from] : {std::pair{3 * width, width}, {width, width}, {4 * width, width}, {width, 4 * width}})
      weights_.push_back(Tensor::zeros({to, from}, DType::f32));
  }
  Tensor forward(const Tensor& x) const {
    linear(x, weights_[0], {});
    return linear(activate(linear(linear(x, weights_[1], {}), weights_[2], {}), Activation::gelu), weights_[3], {});
  }

 private:
  std::vector<Tensor> weights_;
};

void measure_length(const Job& job, int width, int64_t tokens, Outcome& outcome) {
  const AttentionCase of{tokens, static_cast<int>(width / kHeadSize), kHeadSize};
  const AttentionInput in = random_input(of, job.seed);
  const AttentionProgram program = program_of(job.arm, of);
  const TokenPart token_part(width);
  const int64_t repeats = 2 * job.scaled(3) + 1;
  const std::string name = "width " + std::to_string(width);
  const double x = static_cast<double>(tokens);
  outcome.series[name + " forward_seconds"].emplace_back(x, forward_seconds(program, in, repeats));
  outcome.series[name + " token part_seconds"].emplace_back(x, median_seconds(repeats, [&] { token_part.forward(in.q); }));
  if (width != kWidth) return;
  if (job.arm != "whole") outcome.series["training_seconds"].emplace_back(x, training_seconds(program, in, repeats));
  outcome.series["memory MiB"].emplace_back(x, static_cast<double>(memory_bytes([&] { return program(in); })) / 0x1p20);
}

Outcome run(const Job& job) {
  Outcome outcome;
  for (const int width : kWidths) {
    for (int64_t tokens = kShortest; tokens <= kLongest; tokens *= 2) measure_length(job, width, tokens, outcome);
    const std::string name = "width " + std::to_string(width);
    const double at = crossing(outcome.series[name + " forward_seconds"], outcome.series[name + " token part_seconds"]);
    outcome.series["crossing by forward_seconds"].emplace_back(width, at);
    if (width == kWidth) outcome.values["crossing over d by forward_seconds"] = at / width;
  }
  const std::string name = "width " + std::to_string(kWidth);
  const auto fit = [&](const std::string& series, const std::string& value) {
    const Line line = growth(outcome.series[series], kFitFrom);
    outcome.values[value] = line.slope;
    outcome.values["half interval of " + value] = line.slope_half_width;
  };
  fit(name + " forward_seconds", "exponent of forward_seconds");
  fit(name + " token part_seconds", "exponent of token part_seconds");
  fit("memory MiB", "exponent of memory");
  if (job.arm != "whole") fit("training_seconds", "exponent of training_seconds");
  outcome.values["memory MiB"] = outcome.series["memory MiB"].back().second;
  outcome.values["forward_seconds"] = outcome.series[name + " forward_seconds"].back().second;
  return outcome;
}

const std::vector<std::string> kArms{"whole", "composed", "flash"};

}  // namespace

Experiment quadratic() {
  return {
      .name = "quadratic",
      .question = "Is attention O(N²)?",
      .timed = true,
      .arms = kArms,
      .run = run,
      .claims = {between("the time of the formula as written grows like N²", "exponent of forward_seconds", "whole", 1.8, 2.2),
                 between("flash's time grows like N²", "exponent of forward_seconds", "flash", 1.8, 2.2),
                 between("the memory of the formula as written grows like N²", "exponent of memory", "whole", 1.8, 2.2),
                 between("flash's memory grows no faster than N", "exponent of memory", "flash", 0, 1.1),
                 between("flash overtakes the rest of its layer between N = 3 d and 12 d", "crossing over d by forward_seconds", "flash", 3,
                         12)},
      .columns = {{"exponent of forward_seconds", "time ~ N^…", 2},
                  {"half interval of exponent of forward_seconds", "interval ±", 2},
                  {"exponent of training_seconds", "with backward ~ N^…", 2},
                  {"exponent of memory", "memory ~ N^…", 2},
                  {"half interval of exponent of memory", "interval ±", 2},
                  {"exponent of token part_seconds", "rest of layer ~ N^…", 2},
                  {"forward_seconds", "s at 8192", 3},
                  {"memory MiB", "MiB at 8192", 1},
                  {"crossing over d by forward_seconds", "crossing / d", 1}},
  };
}

}  // namespace qkv::lab
