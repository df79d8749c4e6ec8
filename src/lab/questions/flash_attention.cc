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

// The I/O formulas as functions of the size of the fast memory.
Figure traffic_figure() {
  Figure figure{.name = "traffic",
                .title = "Bytes moved for 4096 tokens and one head of 64, by formula",
                .x_label = "fast memory in KiB",
                .y_label = "MiB between fast and slow memory",
                .log_x = true,
                .log_y = true,
                .curves = {{.label = "whole"}, {.label = "flash (algorithm 1)"}}};
  for (double kib = 16; kib <= 16384; kib *= 2) {
    figure.curves[0].points.push_back({kib, whole_traffic(kTokens, kHeadSize) * 4 / 0x1p20});
    figure.curves[1].points.push_back({kib, tiled_traffic(kTokens, kHeadSize, kib * 1024 / 4 / (4 * kHeadSize)) * 4 / 0x1p20});
  }
  return figure;
}

// A curve for each head size, and the caches as vertical lines.
Figure tile_figure(const Records& records) {
  Figure figure{.name = "tiles",
                .title = "Tiles of 16 to 8192 keys, 8192 tokens, 2 heads",
                .x_label = "KiB of a tile: its keys, values and scores",
                .y_label = "GFLOP/s",
                .log_x = true};
  double highest = 0;
  for (const std::string size : {"64", "128"}) {
    const Figure one = series_figure(records, "", "", {"tiled"}, "d = " + size + " tile gflop_per_second", "", "");
    for (const Curve& curve : one.curves) {
      figure.curves.push_back({.label = "d = " + size, .points = curve.points});
      for (const Curve::Point& point : curve.points) highest = std::max(highest, point.y);
    }
  }
  const std::vector<int64_t> seeds = records.seeds({"tiled"});
  for (const std::string cache : {"first", "second"}) {
    const std::vector<double> sizes = records.values("tiled", cache + " cache KiB", seeds);
    if (!sizes.empty() && sizes[0] > 0)
      figure.curves.push_back({.label = cache + " cache", .points = {{sizes[0], 0}, {sizes[0], highest}}});
  }
  return figure;
}

const std::vector<std::string> kArms{"whole", "tiled", "composed", "flash", "composed-bf16", "flash-bf16"};

std::vector<Figure> figures(const Records& records) {
  Figure speed = series_figure(records, "speed", "Forward pass, 4 heads of 64", kArms, "gflop_per_second", "length in tokens", "GFLOP/s");
  Figure memory = series_figure(records, "memory", "Memory beyond q, k and v, one thread, 4 heads of 64", kArms, "memory MiB",
                                "length in tokens", "MiB");
  speed.log_x = speed.log_y = memory.log_x = memory.log_y = true;
  return {speed, tile_figure(records), traffic_figure(), memory};
}

}  // namespace

Experiment flash_attention() {
  return {
      .name = "flash_attention",
      .question = "What does FlashAttention change?",
      .claim =
          "FlashAttention is exact, not an approximation; by working on tiles that stay in fast memory it moves fewer bytes, needs memory "
          "linear in the length, and is faster.",
      .formula =
          "Bytes moved for n tokens, head size d, fast memory M: n d + n² as written, n² d² / M by tiles (Dao et al. 2022, theorem 2; here "
          "with the factors of algorithms 0 and 1). Algorithm 1: for each tile O ← e^(m−m′) O + e^(S−m′) V.",
      .setup =
          "Forward at 256 to 4096 tokens, 4 heads of 64, all threads, f32 or bf16; the table is for 4096. whole holds all scores "
          "of one head; composed those of 48 queries; flash is the product's (tiles of 256 keys); tiled is algorithm 1 around composed, "
          "whose tile can be varied: at 8192 tokens, from 16 keys to all. Error: largest difference from float64 over the largest value, "
          "512 tokens. Memory: of one thread, beyond q, k and v.",
      .reading =
          "Bytes are counted where the processor offers a counter (– otherwise). The tile figure's upright lines are one core's caches.",
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
      .figures = figures,
  };
}

}  // namespace qkv::lab
