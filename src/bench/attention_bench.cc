#include "bench/attention_bench.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "autograd/backward.h"
#include "base/option_error.h"
#include "base/philox.h"
#include "base/timing.h"

namespace qkv {
namespace {

struct AttentionShape {
  std::vector<int32_t> lengths;
  int heads = 8;
  bool causal = true;
};

AttentionShape shape_of(const std::string& text) {
  AttentionShape shape;
  if (text == "ragged") {
    for (int i = 0; i < 256; ++i) shape.lengths.push_back(i * 32 / 255 + 8);
    shape.causal = false;
    return shape;
  }
  int batch = 0, tokens = 0, used = 0;
  const bool right = std::sscanf(text.c_str(), "%4dx%4dx%9d%n", &batch, &shape.heads, &tokens, &used) == 3 &&
                     used == static_cast<int>(text.size()) && batch > 0 && shape.heads > 0 && tokens > 0;
  QKV_CHECK_OPTION(right, "`shapes`: {} is not BATCHxHEADSxTOKENS or ragged", text);
  shape.lengths.assign(static_cast<size_t>(batch), tokens);
  return shape;
}

Tensor random_tensor(int64_t rows, int64_t cols, DType dtype, uint32_t stream) {
  RandomStream random(1, stream);
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (float& value : values) value = random.normal();
  return Tensor::from(values, {rows, cols}, dtype);
}

// Shortest time of each of `count` programs, which take turns; the first round is not measured.
std::vector<double> shortest_in_turns(size_t count, int rounds, const std::function<void(size_t)>& run) {
  std::vector<double> best(count, std::numeric_limits<double>::infinity());
  for (int round = 0; round <= rounds; ++round) {
    for (size_t i = 0; i < count; ++i) {
      const double seconds = shortest_seconds(1, [&] { run(i); });
      if (round > 0) best[i] = std::min(best[i], seconds);
    }
  }
  return best;
}

}  // namespace

std::vector<AttentionBenchResult> bench_attention(const AttentionBenchOptions& options) {
  const AttentionShape shape = shape_of(options.shape);
  const Segments segments = Segments::of_lengths(shape.lengths);
  const int64_t cols = shape.heads * options.head_size;
  std::vector<Tensor> in;
  for (uint32_t i = 0; i < 4; ++i) in.push_back(random_tensor(segments.tokens(), cols, options.dtype, i));
  const Tensor &q = in[0], &k = in[1], &v = in[2], &dout = in[3];
  const auto forward = [&](size_t i) {
    AttentionOptions attention_options{.num_heads = shape.heads, .num_key_value_heads = shape.heads, .causal = shape.causal};
    attention_options.implementation = options.implementations[i];
    return attention(q, k, v, segments, segments, attention_options).out;
  };
  const auto forward_and_backward = [&](size_t i) {
    for (const Tensor& x : {q, k, v}) x.set_requires_grad(true).clear_grad();
    Tape tape;
    const Tensor loss = Tensor::zeros({1}, DType::f32);
    {
      const RecordScope recording(&tape);
      const Tensor out = forward(i);
      record(loss, {out}, [=](const Tensor&) { add_gradient(out, dout); });
    }
    backward(tape, loss);
  };
  const size_t count = options.implementations.size();
  const std::vector<double> forward_seconds = shortest_in_turns(count, options.rounds, forward);
  const std::vector<double> both_seconds = shortest_in_turns(count, options.rounds, forward_and_backward);

  double pairs = 0;
  for (const int32_t n : shape.lengths) pairs += static_cast<double>(n) * n / (shape.causal ? 2 : 1);
  const double gflop = 4e-9 * static_cast<double>(cols) * pairs;
  std::vector<AttentionBenchResult> results;
  for (size_t i = 0; i < count; ++i) {
    results.push_back({options.implementations[i], gflop / forward_seconds[i], 3.5 * gflop / both_seconds[i], peak_memory_mib()});
  }
  return results;
}

std::string slower_choice(const std::vector<AttentionBenchResult>& results, double noise) {
  const auto chosen =
      std::find_if(results.begin(), results.end(), [](const auto& r) { return r.implementation == AttentionImplementation::automatic; });
  QKV_CHECK(chosen != results.end(), "[slower_choice] the chosen implementation was not measured");
  for (const AttentionBenchResult& other : results) {
    for (const auto& [what, mine, its] : {std::tuple{"forward", chosen->fwd_gflops, other.fwd_gflops},
                                          {"forward and backward", chosen->fwdbwd_gflops, other.fwdbwd_gflops}}) {
      if (its > mine * (1 + noise)) {
        return fmt::format("{} reaches {:.0f} GFLOP/s, {} {:.0f} ({:.0f} % more)", what, mine, name_of(other.implementation), its,
                           100 * (its / mine - 1));
      }
    }
  }
  return {};
}

}  // namespace qkv
