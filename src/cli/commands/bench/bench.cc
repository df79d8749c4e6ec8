// qkv bench: prints a line per measurement, readable or as JSON with the field names of the peers' scripts.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/parallel.h"
#include "base/progress.h"
#include "bench/attention_bench.h"
#include "bench/train_bench.h"
#include "cli/commands.h"
#include "cli/commands/bench/bench_embed.h"
#include "cli/commands/bench/bench_matmul.h"
#include "cli/commands/bench/bench_recurrent.h"
#include "cli/commands/bench/bench_scale.h"
#include "cli/commands/bench/bench_tokenizer.h"
#include "cli/exclusions.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "formats/json.h"
#include "kernels/limits.h"
#include "train/options/precision.h"

namespace qkv {
namespace {

struct TrainBench {
  TrainBenchOptions options;
  std::vector<std::string> dtypes{"f32", "bf16"};
  bool json = false;
};

std::filesystem::path default_data(const std::string& shape) {
  const char* root = std::getenv("QKV_DATA");
  return std::filesystem::path(root ? root : "../shared/data") / (shape == "gpt" ? "tinyshakespeare" : "multi30k");
}

// A language model only has target tokens; its key is tok_s, as in the peer's script.
nlohmann::ordered_json speed_of(const TrainBenchOptions& options, const TrainBenchResult& r) {
  if (options.shape == "gpt") return {{"tok_s", std::llround(r.tgt_tok_s)}, {"sequences_per_step", std::llround(r.sequences_per_step)}};
  return {{"tgt_tok_s", std::llround(r.tgt_tok_s)},
          {"all_tok_s", std::llround(r.all_tok_s)},
          {"pairs_per_step", std::llround(r.sequences_per_step)}};
}

// The mode has the peer's names: fp32 and bf16.
std::string line_of(const TrainBenchOptions& options, const TrainBenchResult& r, bool json) {
  const char* mode = options.dtype == DType::f32 ? "fp32" : "bf16";
  if (json) {
    nlohmann::ordered_json line{{"bench", options.shape == "gpt" ? "train_gpt" : "train_encdec"},
                                {"shape", options.shape},
                                {"mode", mode},
                                {"dtype", name_of(options.dtype)},
                                {"isa", name_of(current_isa())},
                                {"params", r.parameters}};
    line.update(speed_of(options, r));
    line.update({{"forward_ms", r.forward_ms},
                 {"backward_ms", r.backward_ms},
                 {"optimizer_ms", r.optimizer_ms},
                 {"loss", r.loss},
                 {"max_rss_mb", r.max_rss_mb}});
    return line.dump() + "\n";
  }
  return fmt::format(
      "{:<7} {:<5} {:>6.0f} target tok/s  {:>6.0f} tok/s  forward {:.0f} + backward {:.0f} + optimizer {:.0f} ms  loss {:.3f}  {} MB\n",
      options.shape, mode, r.tgt_tok_s, r.all_tok_s, r.forward_ms, r.backward_ms, r.optimizer_ms, r.loss, r.max_rss_mb);
}

std::vector<std::string> names_of(const std::vector<Isa>& isas) {
  std::vector<std::string> names;
  for (const Isa isa : isas) names.emplace_back(name_of(isa));
  return names;
}

std::string line_of(const MachineLimits& limits, bool json) {
  constexpr double kGiB = 1 << 30;
  if (json) {
    return nlohmann::ordered_json{{"bench", "machine"},
                                  {"isa", name_of(current_isa())},
                                  {"available_isas", names_of(available_isas())},
                                  {"auto_dtype", fastest_precision(current_isa()).precision == TrainPrecision::bf16 ? "bf16" : "f32"},
                                  {"threads", num_threads()},
                                  {"f32_gflops", limits.f32_flops / 1e9},
                                  {"bf16_gflops", limits.bf16_flops / 1e9},
                                  {"bf16_gflops_of_numbers", limits.bf16_flops_of_numbers / 1e9},
                                  {"memory_read_gib_s", limits.memory_read / kGiB},
                                  {"cache_read_gib_s", limits.cache_read / kGiB}}
               .dump() +
           "\n";
  }
  const std::string bf16 = limits.bf16_flops > 0 ? fmt::format("bf16 {:.0f} GFLOP/s, {:.0f} with random numbers", limits.bf16_flops / 1e9,
                                                               limits.bf16_flops_of_numbers / 1e9)
                                                 : "no unit for bf16";
  return fmt::format("{}, {} threads: f32 {:.0f} GFLOP/s, {}, reads {:.1f} GiB/s from memory and {:.1f} from the cache\n",
                     name_of(current_isa()), num_threads(), limits.f32_flops / 1e9, bf16, limits.memory_read / kGiB,
                     limits.cache_read / kGiB);
}

void run(TrainBench bench) {
  if (bench.options.data.empty()) bench.options.data = default_data(bench.options.shape);
  ProgressLine line;
  line.begin("measuring training steps");
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
  std::string implementation = "automatic";
  bool check_dispatch = false;
  bool json = false;
};

// The dtype has the peer's names: float32 and bfloat16.
std::string line_of(const std::string& shape, DType dtype, const AttentionBenchResult& r, bool json) {
  if (json) {
    return nlohmann::ordered_json{{"bench", "attention"},
                                  {"shape", shape},
                                  {"dtype", dtype == DType::bf16 ? "bfloat16" : "float32"},
                                  {"isa", name_of(current_isa())},
                                  {"implementation", name_of(r.implementation)},
                                  {"fwd_gflops", std::llround(r.fwd_gflops)},
                                  {"fwdbwd_gflops", std::llround(r.fwdbwd_gflops)},
                                  {"max_rss_mb", r.max_rss_mb}}
               .dump() +
           "\n";
  }
  return fmt::format("{:<10} {:<5} {:<9} forward {:>5.0f}  forward and backward {:>5.0f} GFLOP/s  {} MB\n", shape, name_of(dtype),
                     name_of(r.implementation), r.fwd_gflops, r.fwdbwd_gflops, r.max_rss_mb);
}

void run(const AttentionBench& bench) {
  using enum AttentionImplementation;
  AttentionBenchOptions options{.head_size = bench.head_size};
  if (bench.implementation == "composed") options.implementations = {composed};
  if (bench.implementation == "flash") options.implementations = {flash};
  if (bench.implementation == "both") options.implementations = {composed, flash};
  if (bench.check_dispatch) {
    options.implementations = {automatic, composed, flash};
    options.rounds = 7;
  }
  ProgressLine line;
  line.begin("measuring attention");
  std::string slower;  // describes the first case in which the automatic choice is slower
  for (const std::string& shape : bench.shapes) {
    for (const std::string& dtype : bench.dtypes) {
      options.shape = shape;
      options.dtype = dtype == "bf16" ? DType::bf16 : DType::f32;
      const std::vector<AttentionBenchResult> results = bench_attention(options);
      for (const AttentionBenchResult& result : results) write_stdout(line_of(shape, options.dtype, result, bench.json));
      flush_stdout();
      if (!bench.check_dispatch || !slower.empty()) continue;
      if (const std::string why = slower_choice(results, 0.1); !why.empty()) slower = fmt::format("{} in {}: {}", shape, dtype, why);
    }
  }
  if (!slower.empty())
    fail(ErrorCode::internal, "attention's choice is the slower one at {}; its rule is in kernels/cpu/attention.cc", slower);
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed on this machine")->require_subcommand(1);
  auto options = std::make_shared<TrainBench>();
  CLI::App* train = bench->add_subcommand("train", "Training steps, as the peers' scripts measure them");
  train
      ->add_option("--shape", options->options.shape,
                   "encdec (3+3 layers, 256 wide, vocabulary 8000), tiny (4+4, 128 wide, 10000) or gpt (6 layers, 384 wide, characters)")
      ->check(CLI::IsMember({"encdec", "tiny", "gpt"}))
      ->capture_default_str();
  train->add_option("--dtype", options->dtypes, "types of activations, a line each")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  train->add_option("--data", options->options.data, "a folder with train.en and train.de, of gpt with input.txt (default: in $QKV_DATA)");
  train->add_option("--steps", options->options.steps, "measured steps, after four others")
      ->check(between(1, 100000))
      ->capture_default_str();
  train->add_option("--batch-tokens", options->options.batch_tokens, "pairs times longest side, or tokens (default: the peer's)")
      ->check(between(64, 1 << 24));
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
  attention->add_option("--head-size", attention_bench->head_size, "columns of a head")->check(between(1, 1024))->capture_default_str();
  attention->add_option("--implementation", attention_bench->implementation, "which of attention's two programs; both: a line each")
      ->check(CLI::IsMember({"automatic", "composed", "flash", "both"}))
      ->capture_default_str();
  attention->add_flag("--check-dispatch", attention_bench->check_dispatch,
                      "measure all, and fail where the one that is chosen is the slower by more than a tenth");
  attention->add_flag("--json", attention_bench->json, "a JSON line per measurement");
  attention->callback([attention, attention_bench] {
    if (attention_bench->check_dispatch) refuse_given(*attention, {"--implementation"}, "--check-dispatch measures all of them");
    run(*attention_bench);
  });

  add_embed_bench(*bench);
  add_matmul_bench(*bench);
  add_recurrent_bench(*bench);
  add_scale_bench(*bench);
  add_tokenizer_bench(*bench);

  auto json = std::make_shared<bool>(false);
  CLI::App* machine = bench->add_subcommand("machine", "What this machine can do at most: arithmetic and reading memory");
  machine->add_flag("--json", *json, "a JSON line");
  machine->callback([json] {
    ProgressLine line;
    line.begin("measuring the machine's limits");
    const MachineLimits limits = measure_machine_limits();
    line.clear();
    write_stdout(line_of(limits, *json));
  });
}

}  // namespace qkv
