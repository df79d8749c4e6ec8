// FlashAttention: exactness, memory, bytes moved, speed, and its tile size relative to the caches.
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "base/parallel.h"
#include "lab/attention_forms/attention_cost.h"
#include "lab/attention_forms/attention_forms.h"
#include "lab/attention_forms/attention_traffic.h"
#include "lab/questions/questions.h"

namespace qkv::lab {
namespace {

constexpr int kHeads = 4;
constexpr int64_t kHeadSize = 64, kTokens = 4096;  // for the table
constexpr int64_t kErrorTokens = 512;
constexpr int64_t kTile = 256;  // for flash, and for tiled in the table
// Queries that stay in fast memory while keys stream by, in the product's f32 kernels.
constexpr double kComposedQueries = 48, kFlashQueries = 384;

bool is_bf16(const std::string& arm) { return arm.ends_with("bf16"); }

AttentionProgram program_of(const std::string& arm, const AttentionCase& of) {
  if (arm.starts_with("composed")) return product_attention(of, AttentionImplementation::composed);
  if (arm.starts_with("flash")) return product_attention(of, AttentionImplementation::flash);
  if (arm == "tiled") return [=](const AttentionInput& in) { return tiled_attention(in.q, in.k, in.v, of.heads, kTile); };
  return [=](const AttentionInput& in) { return whole_attention(in.q, in.k, in.v, of.heads); };
}

// Largest difference from the formula in float64 on the same input, relative to its largest value.
double largest_error(const Job& job) {
  const AttentionCase of{kErrorTokens, kHeads, kHeadSize, is_bf16(job.arm) ? DType::bf16 : DType::f32};
  const AttentionInput in = random_input(of, job.seed);
  const auto f64 = [](const Tensor& x) { return x.to(DType::f64, Device::reference); };
  const AttentionOptions options{.num_heads = of.heads, .num_key_value_heads = of.heads};
  const Tensor exact = attention(f64(in.q), f64(in.k), f64(in.v), in.segments, in.segments, options).out;
  const std::vector<float> values = program_of(job.arm, of)(in).to_vector();
  double error = 0, largest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double expected = exact.host<const double>()[i];
    error = std::max(error, std::abs(values[i] - expected));
    largest = std::max(largest, std::abs(expected));
  }
  return error / largest;
}

// MiB for all heads by the formula; there is none for the bf16 kernels.
std::optional<double> formula_mib(const std::string& arm) {
  const double n = kTokens, d = kHeadSize;
  const auto mib = [](double elements) { return kHeads * elements * 4 / 0x1p20; };
  if (arm == "whole") return mib(whole_traffic(n, d));
  if (arm == "composed") return mib(passing_keys_traffic(n, d, kComposedQueries));
  if (arm == "flash") return mib(passing_keys_traffic(n, d, kFlashQueries));
  if (arm == "tiled") return mib(tiled_traffic(n, d, kTile));
  return std::nullopt;
}

// Bytes of a tile's keys and values in panels, and its scores of 48 queries.
double tile_bytes(double keys, double head_size) { return 4 * keys * (2 * head_size + kComposedQueries); }

// Measures the speed with tiles of 16 keys up to all.
void measure_tiles(const Job& job, int64_t head_size, int64_t repeats, Outcome& outcome) {
  constexpr int64_t kLongTokens = 8192;
  constexpr int kFewHeads = 2;
  const AttentionCase of{kLongTokens, kFewHeads, head_size};
  const AttentionInput in = random_input(of, job.seed);
  const std::string name = "d = " + std::to_string(head_size) + " tile";
  const double operations = 4.0 * kLongTokens * kLongTokens * kFewHeads * static_cast<double>(head_size);
  std::map<int64_t, double> seconds;
  for (int64_t tile = 16; tile <= kLongTokens; tile *= 2) {
    seconds[tile] = forward_seconds([&](const AttentionInput& x) { return tiled_attention(x.q, x.k, x.v, kFewHeads, tile); }, in, repeats);
    outcome.series[name + " gflop_per_second"].emplace_back(tile_bytes(static_cast<double>(tile), static_cast<double>(head_size)) / 1024,
                                                            operations / seconds[tile] * 1e-9);
  }
  if (head_size == kHeadSize) outcome.values["one tile over 256 in forward_seconds"] = seconds[kLongTokens] / seconds[kTile];
}

Outcome run(const Job& job) {
  Outcome outcome;
  outcome.values["error"] = largest_error(job);
  const int64_t repeats = 2 * job.scaled(4) + 1;
  for (int64_t tokens = 256; tokens <= kTokens; tokens *= 2) {
    const AttentionCase of{tokens, kHeads, kHeadSize, is_bf16(job.arm) ? DType::bf16 : DType::f32};
    const AttentionInput in = random_input(of, job.seed);
    const AttentionProgram program = program_of(job.arm, of);
    const double seconds = forward_seconds(program, in, repeats), x = static_cast<double>(tokens);
    const double operations = 4 * x * x * kHeads * kHeadSize;
    outcome.series["gflop_per_second"].emplace_back(x, operations / seconds * 1e-9);
    outcome.series["memory MiB"].emplace_back(x, static_cast<double>(memory_bytes([&] { return program(in); })) / 0x1p20);
    if (tokens != kTokens) continue;
    outcome.values["forward_seconds"] = seconds;
    outcome.values["memory MiB"] = outcome.series["memory MiB"].back().second;
    const int threads = num_threads();
    set_num_threads(1);  // counters are per thread
    if (const auto counted = counted_bytes([&] { program(in); })) outcome.values["counted MiB in forward_seconds"] = *counted / 0x1p20;
    set_num_threads(threads);
  }
  if (const auto mib = formula_mib(job.arm)) outcome.values["formula MiB"] = *mib;
  if (job.arm != "tiled") return outcome;
  for (const int64_t head_size : {kHeadSize, 2 * kHeadSize}) measure_tiles(job, head_size, 2 * job.scaled(2) + 1, outcome);
  outcome.values["second cache KiB"] = static_cast<double>(cache_sizes().second) / 1024;
  outcome.values["first cache KiB"] = static_cast<double>(cache_sizes().first) / 1024;
  return outcome;
}

const std::vector<std::string> kArms{"whole", "tiled", "composed", "flash", "composed-bf16", "flash-bf16"};

}  // namespace

Experiment flash_attention() {
  return {
      .name = "flash_attention",
      .question = "What does FlashAttention change?",
      .timed = true,
      .arms = kArms,
      .run = run,
      .claims = {times_at_most("flash is as exact as the formula as written (error at most twice as large)", "error", "flash", "whole", 2),
                 times_at_most("flash in bf16 is as exact as composed in bf16", "error", "flash-bf16", "composed-bf16", 2),
                 times_at_most("flash needs at most a tenth of the memory at 4096 tokens", "memory MiB", "flash", "whole", 0.1),
                 times_at_least("the formula as written takes at least twice the time of flash at 4096 tokens", "forward_seconds", "whole",
                                "flash", 2),
                 between("one tile of all keys takes at least 1.1 times the time of tiles of 256", "one tile over 256 in forward_seconds",
                         "tiled", 1.1, std::numeric_limits<double>::infinity())},
      .columns = {{"error", "error", 8},
                  {"forward_seconds", "s", 4},
                  {"memory MiB", "memory in MiB", 1},
                  {"formula MiB", "MiB moved by formula", 0},
                  {"counted MiB in forward_seconds", "MiB moved, counted", 0},
                  {"one tile over 256 in forward_seconds", "all keys / 256 keys, time", 2}},
  };
}

}  // namespace qkv::lab
