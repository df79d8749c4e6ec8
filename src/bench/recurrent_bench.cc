#include "bench/recurrent_bench.h"

#include "autograd/backward.h"
#include "base/timing.h"
#include "bench/median.h"

namespace qkv {
namespace {

Tensor random_rows(int64_t rows, int64_t columns, uint32_t stream) {
  RandomStream random(1, stream);
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (float& value : values) value = random.normal();
  return Tensor::from(values, {rows, columns});
}

}  // namespace

RecurrentBenchResult bench_recurrent(const RecurrentBenchOptions& options) {
  const int64_t tokens = int64_t{options.sequences} * options.steps, size = options.hidden_size;
  ParameterStore parameters(1, true);
  const Recurrent recurrent(
      {.cell = options.cell, .input_size = options.hidden_size, .hidden_size = options.hidden_size, .num_layers = options.num_layers},
      parameters);
  const Segments segments = Segments::of_lengths(std::vector<int32_t>(static_cast<size_t>(options.sequences), options.steps));
  const Tensor x = random_rows(tokens, size, 1), dy = random_rows(tokens, size, 2);
  x.set_requires_grad(true);
  std::vector<double> forward, both;
  for (int round = 0; round <= options.rounds; ++round) {
    x.clear_grad();
    for (const Parameter& p : parameters.all()) {
      p.value.clear_grad();
      p.value.touch();  // invalidates packed weights, as an update does
    }
    const Stopwatch watch;
    Tape tape;
    const Tensor loss = Tensor::zeros({1}, DType::f32);
    ForwardContext context;
    context.training = true;
    {
      const RecordScope recording(&tape);
      const Tensor y = recurrent.forward(x, segments, context);
      record(loss, {y}, [=](const Tensor&) { add_gradient(y, dy); });
    }
    const double forward_seconds = watch.seconds();
    backward(tape, loss);
    if (round == 0) continue;
    forward.push_back(forward_seconds);
    both.push_back(watch.seconds());
  }
  const double seconds = median(both), forward_seconds = median(forward);
  const double products =
      2.0 * static_cast<double>(options.num_layers * tokens) * 2 * gates_of(options.cell) * static_cast<double>(size * size);
  return {.parameters = parameters.count(),
          .forward_ms = 1e3 * forward_seconds,
          .backward_ms = 1e3 * (seconds - forward_seconds),
          .tok_s = static_cast<double>(tokens) / seconds,
          .gflops = 3e-9 * products / seconds,
          .max_rss_mb = peak_memory_mib()};
}

}  // namespace qkv
