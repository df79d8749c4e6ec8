#include "bench/scale_bench.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>

#include "base/error.h"
#include "base/parallel.h"
#include "base/timing.h"
#include "bench/median.h"
#include "nn/uniform_config.h"
#include "train/gradient_step.h"

namespace qkv {
namespace {

constexpr double kChunk = 4 << 20;  // bytes that GradientExchange sends at a time

// Pairs of random sentences of 8 to 40 tokens.
TrainingBatch random_batch(const ScaleBenchOptions& options, uint32_t stream) {
  RandomStream random(1, stream);
  const auto vocabulary = static_cast<uint64_t>(options.vocab_size);
  TrainingBatch batch;
  std::vector<int32_t> lengths;
  while (std::ssize(batch.target_out) * 2 < options.batch_tokens) {
    lengths.push_back(8 + static_cast<int32_t>(random.below(33)));
    for (int32_t i = 0; i < lengths.back(); ++i) {
      batch.source.ids.push_back(static_cast<int32_t>(random.below(vocabulary)));
      batch.target_in.ids.push_back(static_cast<int32_t>(random.below(vocabulary)));
      batch.target_out.push_back(static_cast<int32_t>(random.below(vocabulary)));
    }
  }
  batch.source.segments = batch.target_in.segments = Segments::of_lengths(lengths);
  return batch;
}

UniformConfig network_of(const ScaleBenchOptions& options) {
  UniformConfig config;
  config.vocab_size = static_cast<int32_t>(options.vocab_size);
  config.hidden_size = static_cast<int>(options.hidden_size);
  config.encoder_layers = config.decoder_layers = static_cast<int>(options.layers);
  config.num_attention_heads = config.num_key_value_heads = static_cast<int>(std::max<int64_t>(options.hidden_size / 32, 1));
  config.encoder_ffn_dim = config.decoder_ffn_dim = 4 * static_cast<int>(options.hidden_size);
  config.dropout = 0.1f;
  return config;
}

// The largest of the processes' values.
double largest(ProcessGroup& group, double value) {
  std::vector<double> all(static_cast<size_t>(group.size()));
  all[static_cast<size_t>(group.rank())] = value;
  group.tree_sum(all);
  return *std::max_element(all.begin(), all.end());
}

// Half the time of a small message there and back, and the rate of large ones that all processes exchange in pairs, as in a step.
Link measure_link(ProcessGroup& group) {
  if (group.size() == 1) return {};
  const int partner = group.rank() ^ 1;
  const auto time = [&](size_t bytes, int rounds) {
    std::vector<std::byte> out(bytes), in(bytes);
    std::vector<double> seconds;
    for (int round = 0; round < rounds; ++round) {
      const Stopwatch watch;
      group.exchange(partner, out, partner, in);
      seconds.push_back(watch.seconds());
    }
    return largest(group, median(std::move(seconds)));
  };
  const double latency = time(8, 200), large = time(static_cast<size_t>(kChunk), 12);
  return {latency, kChunk / std::max(large - latency, 1e-9)};
}

// Numbers of every measured step and process, each process's own in its place.
class Traces {
 public:
  explicit Traces(ProcessGroup& group) : group_(group) {}

  void add(const StepTrace& trace) {
    if (trace.transfers.empty()) return;
    width_ = trace.transfers.size() + 1;
    for (const TransferSpan& each : trace.transfers) own_.push_back(each.end - each.begin);
    own_.push_back(std::max(0.0, trace.transfers.back().end - trace.gradients));
  }
  // The process that comes last to a transfer does not wait there, so the least of the processes' times is the transfer itself. Returns
  // the means over steps: seconds of all transfers, and of those after the last gradient.
  std::pair<double, double> transfer_and_exposed() const {
    if (own_.empty()) return {};
    const auto processes = static_cast<size_t>(group_.size());
    std::vector<double> all(processes * own_.size());
    std::copy(own_.begin(), own_.end(), all.begin() + group_.rank() * std::ssize(own_));
    group_.tree_sum(all);
    double transfer = 0, exposed = 0;
    for (size_t i = 0; i < own_.size(); ++i) {
      double least = own_[i];
      for (size_t process = 0; process < processes; ++process) least = std::min(least, all[process * own_.size() + i]);
      ((i + 1) % width_ == 0 ? exposed : transfer) += least;
    }
    const auto steps = static_cast<double>(own_.size() / width_);
    return {transfer / steps, exposed / steps};
  }

 private:
  ProcessGroup& group_;
  size_t width_ = 1;  // numbers of a step
  std::vector<double> own_;
};

double threads_per_processor(ProcessGroup& group) {
  const std::string& mine = group.host(group.rank());
  int processes = 0;
  for (int rank = 0; rank < group.size(); ++rank) processes += group.host(rank) == mine;
  const long processors = std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L);
  return largest(group, static_cast<double>(processes * num_threads()) / static_cast<double>(processors));
}

double seconds_per_byte(bool accumulate) {
  const Tensor x = Tensor::zeros({int64_t{4} << 20, 1}, DType::f32), y = Tensor::zeros(x.shape(), DType::f32);
  return shortest_seconds(5, [&] { kernels_for(x).copy({.x = x.view(), .out = y.view(), .accumulate = accumulate}); }) /
         static_cast<double>(4 * x.numel());
}

}  // namespace

StepEstimate estimate_step(const StepCosts& costs, const Link& link, int processes) {
  const double n = processes, bytes = static_cast<double>(costs.bytes), sent = bytes * (1 - 1 / n);
  StepEstimate estimate{.compute = costs.compute};
  estimate.memory = costs.update / n;
  if (processes > 1) {
    const double rounds = std::bit_width(static_cast<unsigned>(processes)) - 1, buckets = std::ceil(bytes / kChunk);
    double messages = 0;  // of one direction
    for (double part = bytes / 2; part >= bytes / n; part /= 2) messages += std::max(std::ceil(part / kChunk), buckets);
    const double link_time = messages * link.latency + sent / link.bandwidth, add_time = sent * costs.add;
    const double exposed =
        std::max((link_time + add_time - costs.backward) / (link_time + add_time), static_cast<double>(costs.last_bucket) / bytes);
    const double small = 4 * rounds * link.latency;  // loss and presence of gradients, norm, and the decision to go on
    estimate.link = link_time * (1 + exposed) + small;
    estimate.memory += add_time * exposed + (bytes + bytes / n + sent) * costs.copy;
  }
  estimate.seconds = estimate.compute + estimate.link + estimate.memory;
  return estimate;
}

ScaleBenchResult bench_scale(const ScaleBenchOptions& options) {
  ProcessGroup& group = process_group();
  const GradientExchange exchange(group, static_cast<int>(options.slices) * group.size());
  const std::unique_ptr<Model> model = create_model(network_of(options), 1);
  TrainOptions training;
  training.dtype = options.dtype;
  training.clip_norm = 1;
  training.ema_decay = 0;
  GradientStep step(*model, nullptr, training, exchange);
  Update update;
  for (int slice = 0; slice < exchange.slices(); ++slice) {
    update.batches.push_back(random_batch(options, static_cast<uint32_t>(slice)));
    update.target_tokens += std::ssize(update.batches.back().target_out);
  }
  constexpr int64_t kWarmUp = 2;
  StepTimes before;
  Traces traces(group);
  double seconds = 0;
  for (int64_t i = 1; i <= kWarmUp + options.steps; ++i) {
    group.wait_for_all();
    const Stopwatch watch;
    step.apply(step.compute(update, i, i));
    if (i == kWarmUp) before = step.times();
    if (i <= kWarmUp) continue;
    seconds += watch.seconds();
    traces.add(step.trace());
  }
  const auto each = [&](double now, double then) { return largest(group, (now - then) / static_cast<double>(options.steps)); };
  const StepTimes& now = step.times();
  ScaleBenchResult result{.processes = group.size(), .parameters = model->parameters.count()};
  result.step = largest(group, seconds / static_cast<double>(options.steps));
  result.compute = each(now.compute, before.compute);
  result.exchange = each(now.exchange, before.exchange);
  std::tie(result.transfer, result.exposed) = traces.transfer_and_exposed();
  result.update = each(now.update, before.update);
  result.share = each(now.share, before.share);
  result.tokens_per_second = static_cast<double>(update.target_tokens) / result.step;
  result.threads_per_processor = threads_per_processor(group);
  result.max_rss_mb = std::llround(largest(group, static_cast<double>(peak_memory_mib())));
  result.link = measure_link(group);
  group.wait_for_all();
  const ParameterRow& row = step.optimizer().row();
  result.costs = {.compute = result.compute,
                  .backward = result.compute / static_cast<double>(options.slices) * 2 / 3,
                  .update = result.update * group.size(),
                  .add = largest(group, seconds_per_byte(true)),
                  .copy = largest(group, seconds_per_byte(false)),
                  .bytes = 4 * row.size(),
                  .last_bucket = 4 * row.begin_of(0, row.parts())};
  return result;
}

}  // namespace qkv
