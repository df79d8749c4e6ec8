// qkv bench: a line per measurement, readable or as JSON with the field names of the peers' scripts.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/parallel.h"
#include "bench/attention_bench.h"
#include "bench/train_bench.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "kernels/limits.h"

namespace qkv {
namespace {

struct TrainBench {
  TrainBenchOptions options;
  std::vector<std::string> dtypes{"f32", "bf16"};
  bool json = false;
};

std::filesystem::path default_data() {
  const char* root = std::getenv("QKV_DATA");
  return std::filesystem::path(root ? root : "../shared/data") / "multi30k";
}

// The peer's names: fp32 and bf16.
std::string line_of(const TrainBenchOptions& options, const TrainBenchResult& r, bool json) {
  const char* mode = options.dtype == DType::f32 ? "fp32" : "bf16";
  if (json) {
    return nlohmann::ordered_json{{"bench", "train_encdec"},
                                  {"shape", options.shape},
                                  {"mode", mode},
                                  {"dtype", name_of(options.dtype)},
                                  {"isa", name_of(current_isa())},
                                  {"params", r.parameters},
                                  {"tgt_tok_s", std::llround(r.tgt_tok_s)},
                                  {"all_tok_s", std::llround(r.all_tok_s)},
                                  {"pairs_per_step", std::llround(r.pairs_per_step)},
                                  {"forward_ms", r.forward_ms},
                                  {"backward_ms", r.backward_ms},
                                  {"optimizer_ms", r.optimizer_ms},
                                  {"loss", r.loss},
                                  {"max_rss_mb", r.max_rss_mb}}
               .dump() +
           "\n";
  }
  return fmt::format(
      "{:<7} {:<5} {:>6.0f} target tok/s  {:>6.0f} tok/s  forward {:.0f} + backward {:.0f} + optimizer {:.0f} ms  loss {:.3f}  {} MB\n",
      options.shape, mode, r.tgt_tok_s, r.all_tok_s, r.forward_ms, r.backward_ms, r.optimizer_ms, r.loss, r.max_rss_mb);
}

std::string line_of(const MachineLimits& limits, bool json) {
  constexpr double kGiB = 1 << 30;
  if (json) {
    return nlohmann::ordered_json{{"bench", "machine"},
                                  {"isa", name_of(current_isa())},
                                  {"threads", num_threads()},
                                  {"f32_gflops", limits.f32_flops / 1e9},
                                  {"bf16_gflops", limits.bf16_flops / 1e9},
                                  {"memory_read_gib_s", limits.memory_read / kGiB},
                                  {"cache_read_gib_s", limits.cache_read / kGiB}}
               .dump() +
           "\n";
  }
  const std::string bf16 = limits.bf16_flops > 0 ? fmt::format("bf16 {:.0f} GFLOP/s", limits.bf16_flops / 1e9) : "no unit for bf16";
  return fmt::format("{}, {} threads: f32 {:.0f} GFLOP/s, {}, reads {:.1f} GiB/s from memory and {:.1f} from the cache\n",
                     name_of(current_isa()), num_threads(), limits.f32_flops / 1e9, bf16, limits.memory_read / kGiB,
                     limits.cache_read / kGiB);
}

void run(TrainBench bench) {
  for (const std::string& dtype : bench.dtypes) {
    bench.options.dtype = dtype == "bf16" ? DType::bf16 : DType::f32;
    write_stdout(line_of(bench.options, bench_train(bench.options), bench.json));
    flush_stdout();
  }
}

struct AttentionBench {
  std::vector<std::string> shapes{"ragged", "64x8x128", "16x8x512", "4x8x2048", "1x8x8192"};
  std::vector<std::string> dtypes{"f32", "bf16"};
  int64_t head_size = 64;
  bool json = false;
};

// The peer's names: float32 and bfloat16.
void run(const AttentionBench& bench) {
  for (const std::string& shape : bench.shapes) {
    for (const std::string& dtype : bench.dtypes) {
      const bool bf16 = dtype == "bf16";
      const AttentionBenchResult r =
          bench_attention({.shape = shape, .dtype = bf16 ? DType::bf16 : DType::f32, .head_size = bench.head_size});
      write_stdout(bench.json ? nlohmann::ordered_json{{"bench", "attention"},
                                                       {"shape", shape},
                                                       {"dtype", bf16 ? "bfloat16" : "float32"},
                                                       {"isa", name_of(current_isa())},
                                                       {"fwd_gflops", std::llround(r.fwd_gflops)},
                                                       {"fwdbwd_gflops", std::llround(r.fwdbwd_gflops)},
                                                       {"max_rss_mb", r.max_rss_mb}}
                                        .dump() +
                                    "\n"
                              : fmt::format("{:<10} {:<5} forward {:>5.0f}  forward and backward {:>5.0f} GFLOP/s  {} MB\n", shape, dtype,
                                            r.fwd_gflops, r.fwdbwd_gflops, r.max_rss_mb));
      flush_stdout();
    }
  }
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed on this machine")->require_subcommand(1);
  auto options = std::make_shared<TrainBench>();
  options->options.data = default_data();
  CLI::App* train = bench->add_subcommand("train", "Training steps of an encoder-decoder on Multi30k, as the peers' script measures them");
  train->add_option("--shape", options->options.shape, "encdec (3+3 layers, 256 wide, vocabulary 8000) or tiny (4+4, 128 wide, 10000)")
      ->check(CLI::IsMember({"encdec", "tiny"}))
      ->capture_default_str();
  train->add_option("--dtype", options->dtypes, "types of activations, a line each")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  train->add_option("--data", options->options.data, "a folder with train.en and train.de")->capture_default_str();
  train->add_option("--steps", options->options.steps, "measured steps, after four others")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  train->add_option("--batch-tokens", options->options.batch_tokens, "pairs times longest side")
      ->check(CLI::Range(64, 1 << 24))
      ->capture_default_str();
  train->add_flag("--json", options->json, "a JSON line per measurement");
  train->callback([options] { run(*options); });

  auto attention_bench = std::make_shared<AttentionBench>();
  CLI::App* attention = bench->add_subcommand("attention", "Attention alone, forward and backward, as the peers' script measures it");
  attention->add_option("--shapes", attention_bench->shapes, "BATCHxHEADSxTOKENS (causal) or ragged: 256 sequences of 8 to 40 tokens")
      ->delimiter(',')
      ->capture_default_str();
  attention->add_option("--dtype", attention_bench->dtypes, "types of q, k and v, a line each")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  attention->add_option("--head-size", attention_bench->head_size, "columns of a head")->check(CLI::Range(1, 1024))->capture_default_str();
  attention->add_flag("--json", attention_bench->json, "a JSON line per measurement");
  attention->callback([attention_bench] { run(*attention_bench); });

  auto json = std::make_shared<bool>(false);
  CLI::App* machine = bench->add_subcommand("machine", "What this machine can do at most: arithmetic and reading memory");
  machine->add_flag("--json", *json, "a JSON line");
  machine->callback([json] { write_stdout(line_of(measure_machine_limits(), *json)); });
}

}  // namespace qkv
