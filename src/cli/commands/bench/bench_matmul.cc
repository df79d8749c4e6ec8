#include "cli/commands/bench/bench_matmul.h"

#include <fmt/format.h>

#include <memory>

#include "base/parallel.h"
#include "base/progress.h"
#include "bench/matmul_bench.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "formats/json.h"
#include "kernels/limits.h"

namespace qkv {
namespace {

struct MatmulBench {
  std::vector<int64_t> rows{1, 4, 32, 128, 4096};
  std::vector<std::string> dtypes{"f32", "bf16"};
  std::vector<std::string> passes{"forward", "input_gradient", "weight_gradient"};
  std::vector<int64_t> only;  // input and output width of a single layer, or empty
  int runs = 3;
  bool json = false;
};

std::string line_of(const MatmulBenchOptions& o, double seconds, double limit, bool json) {
  const double gflops = flops_of(o.shape) / seconds / 1e9;
  if (json) {
    return nlohmann::ordered_json{{"bench", "matmul"},
                                  {"isa", name_of(current_isa())},
                                  {"threads", num_threads()},
                                  {"pass", name_of(o.pass)},
                                  {"dtype", name_of(o.dtype)},
                                  {"rows", o.shape.rows},
                                  {"in", o.shape.in},
                                  {"out", o.shape.out},
                                  {"us", seconds * 1e6},
                                  {"gflops", gflops},
                                  {"share_of_limit", gflops * 1e9 / limit}}
               .dump() +
           "\n";
  }
  return fmt::format("{:<15} {:<4} {:>4} x {:>5} -> {:>5} {:>9.1f} us {:>7.1f} GFLOP/s {:>4.0f} % of the limit\n", name_of(o.pass),
                     name_of(o.dtype), o.shape.rows, o.shape.in, o.shape.out, seconds * 1e6, gflops, 100e9 * gflops / limit);
}

void run(const MatmulBench& bench) {
  ProgressLine line;
  line.begin("measuring");
  const MachineLimits limits = measure_machine_limits();
  for (const std::string& dtype : bench.dtypes) {
    for (const std::string& pass : bench.passes) {
      for (const LinearShape& shape : transformer_shapes(bench.rows)) {
        if (!bench.only.empty() && (shape.in != bench.only[0] || shape.out != bench.only[1])) continue;
        MatmulBenchOptions options{.shape = shape, .runs = bench.runs};
        options.dtype = dtype == "bf16" ? DType::bf16 : DType::f32;
        for (const LinearPass each : {LinearPass::forward, LinearPass::input_gradient, LinearPass::weight_gradient}) {
          if (pass == name_of(each)) options.pass = each;
        }
        const bool unit = options.dtype == DType::bf16 && limits.bf16_flops > 0;
        write_stdout(line_of(options, bench_matmul(options), unit ? limits.bf16_flops : limits.f32_flops, bench.json));
        flush_stdout();
      }
    }
  }
}

}  // namespace

void add_matmul_bench(CLI::App& bench) {
  auto options = std::make_shared<MatmulBench>();
  CLI::App* matmul = bench.add_subcommand("matmul", "Matrix products alone at a Transformer's shapes: linear layers, forward and backward");
  matmul->add_option("--rows", options->rows, "tokens")->delimiter(',')->check(between(1, 1 << 20))->capture_default_str();
  matmul->add_option("--dtype", options->dtypes, "types of the rows")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  matmul->add_option("--passes", options->passes, "forms of the product")
      ->delimiter(',')
      ->check(CLI::IsMember({"forward", "input_gradient", "weight_gradient"}))
      ->capture_default_str();
  matmul->add_option("--layer", options->only, "one layer of the table alone: IN,OUT")
      ->delimiter(',')
      ->expected(2)
      ->check(between(1, 1 << 20));
  matmul->add_option("--runs", options->runs, "measurements, of which the shortest counts")->check(between(1, 1000))->capture_default_str();
  matmul->add_flag("--json", options->json, "a JSON line per measurement");
  matmul->callback([options] { run(*options); });
}

}  // namespace qkv
