#include "cli/commands/bench/bench_recurrent.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "base/parallel.h"
#include "base/progress.h"
#include "bench/recurrent_bench.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "formats/json.h"

namespace qkv {
namespace {

struct RecurrentBench {
  RecurrentBenchOptions options;
  std::vector<std::string> cells{"lstm", "gru", "tanh"};
  bool json = false;
};

// `mode` is the peer's name of the type.
std::string line_of(const std::string& cell, const RecurrentBench& bench, const RecurrentBenchResult& r) {
  const RecurrentBenchOptions& o = bench.options;
  if (bench.json) {
    return nlohmann::ordered_json{{"bench", "recurrent"},
                                  {"cell", cell},
                                  {"layers", o.num_layers},
                                  {"hidden", o.hidden_size},
                                  {"sequences", o.sequences},
                                  {"steps", o.steps},
                                  {"mode", "fp32"},
                                  {"dtype", "f32"},
                                  {"isa", name_of(current_isa())},
                                  {"threads", num_threads()},
                                  {"params", r.parameters},
                                  {"tok_s", std::llround(r.tok_s)},
                                  {"gflops", std::llround(r.gflops)},
                                  {"forward_ms", r.forward_ms},
                                  {"backward_ms", r.backward_ms},
                                  {"max_rss_mb", r.max_rss_mb}}
               .dump() +
           "\n";
  }
  return fmt::format("{:<4} {} x {}, {} x {}: {:>6.0f} tok/s  forward {:.0f} + backward {:.0f} ms  {:.0f} GFLOP/s  {} MB\n", cell,
                     o.num_layers, o.hidden_size, o.sequences, o.steps, r.tok_s, r.forward_ms, r.backward_ms, r.gflops, r.max_rss_mb);
}

void run(RecurrentBench bench) {
  ProgressLine line;
  line.begin("measuring");
  for (const std::string& cell : bench.cells) {
    bench.options.cell = cell == "tanh" ? RecurrentCell::tanh : cell == "gru" ? RecurrentCell::gru : RecurrentCell::lstm;
    write_stdout(line_of(cell, bench, bench_recurrent(bench.options)));
    flush_stdout();
  }
}

}  // namespace

void add_recurrent_bench(CLI::App& bench) {
  auto options = std::make_shared<RecurrentBench>();
  RecurrentBenchOptions& o = options->options;
  CLI::App* recurrent = bench.add_subcommand("recurrent", "Recurrent layers alone, forward and backward, as bench/recurrent_torch.py does");
  recurrent->add_option("--cells", options->cells, "a line each")
      ->delimiter(',')
      ->check(CLI::IsMember({"tanh", "gru", "lstm"}))
      ->capture_default_str();
  const auto add = [&](const char* name, int& value, const char* what) {
    recurrent->add_option(name, value, what)->check(between(1, 1 << 16))->capture_default_str();
  };
  add("--hidden", o.hidden_size, "units of a layer, and columns of the input");
  add("--layers", o.num_layers, "one above the other");
  add("--sequences", o.sequences, "in the batch");
  add("--steps", o.steps, "of each sequence");
  add("--rounds", o.rounds, "measured, after one other");
  recurrent->add_flag("--json", options->json, "a JSON line per measurement");
  recurrent->callback([options] { run(*options); });
}

}  // namespace qkv
