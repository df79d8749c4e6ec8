#include "bench/attention_bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <limits>
#include <vector>

#include "autograd/backward.h"
#include "base/philox.h"
#include "ops/ops.h"

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
  QKV_CHECK(right, "--shapes: {} is not BATCHxHEADSxTOKENS or ragged", text);
  shape.lengths.assign(static_cast<size_t>(batch), tokens);
  return shape;
}

Tensor random_tensor(int64_t rows, int64_t cols, DType dtype, uint32_t stream) {
  RandomStream random(1, stream);
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (float& value : values) value = random.normal();
  return Tensor::from(values, {rows, cols}, dtype);
}

double shortest_seconds(const std::function<void()>& run) {
  run();
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

AttentionBenchResult bench_attention(const AttentionBenchOptions& options) {
  const AttentionShape shape = shape_of(options.shape);
  const Segments segments = Segments::of_lengths(shape.lengths);
  const int64_t cols = shape.heads * options.head_size;
  std::vector<Tensor> in;
  for (uint32_t i = 0; i < 4; ++i) in.push_back(random_tensor(segments.tokens(), cols, options.dtype, i));
  const Tensor &q = in[0], &k = in[1], &v = in[2], &dout = in[3];
  const AttentionOptions attention_options{.num_heads = shape.heads, .num_key_value_heads = shape.heads, .causal = shape.causal};
  double pairs = 0;
  for (const int32_t n : shape.lengths) pairs += static_cast<double>(n) * n / (shape.causal ? 2 : 1);
  const double flops = 4.0 * static_cast<double>(cols) * pairs;

  AttentionBenchResult result;
  result.fwd_gflops = flops / 1e9 / shortest_seconds([&] { attention(q, k, v, segments, segments, attention_options); });
  for (int i = 0; i < 3; ++i) in[i].set_requires_grad(true);
  const auto forward_and_backward = [&] {
    for (int i = 0; i < 3; ++i) in[i].clear_grad();
    Tape tape;
    const Tensor loss = Tensor::zeros({1}, DType::f32);
    {
      const RecordScope recording(&tape);
      const Tensor out = attention(q, k, v, segments, segments, attention_options).out;
      record(loss, {out}, [=](const Tensor&) { add_gradient(out, dout); });
    }
    backward(tape, loss);
  };
  result.fwdbwd_gflops = 3.5 * flops / 1e9 / shortest_seconds(forward_and_backward);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.max_rss_mb = usage.ru_maxrss / 1024;
  return result;
}

}  // namespace qkv
