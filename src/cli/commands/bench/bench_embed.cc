#include "cli/commands/bench/bench_embed.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "base/parallel.h"
#include "base/progress.h"
#include "bench/embed_bench.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "formats/json.h"
#include "kernels/kernel_table.h"

namespace qkv {
namespace {

struct EmbedBench {
  EmbedBenchOptions options;
  std::vector<std::string> dtypes{"f32", "bf16"};
  bool json = false;
};

std::string line_of(const std::string& dtype, const EmbedBench& bench, const EmbedBenchResult& r) {
  if (bench.json) {
    return nlohmann::ordered_json{{"bench", "embed"},
                                  {"type", dtype == "bf16" ? "bfloat16" : "float32"},
                                  {"isa", name_of(current_isa())},
                                  {"threads", num_threads()},
                                  {"batch", bench.options.batch},
                                  {"sent_s", std::llround(r.texts_s)},
                                  {"tok_s", std::llround(r.tokens_s)},
                                  {"tokenization", std::round(r.tokenization * 1000) / 1000},
                                  {"max_rss_mb", r.max_rss_mb}}
               .dump() +
           "\n";
  }
  return fmt::format("{:<4} batches of {}: {:>6.0f} texts/s  {:>7.0f} tok/s  {:.0f} % of the time for tokens  {} MB\n", dtype,
                     bench.options.batch, r.texts_s, r.tokens_s, 100 * r.tokenization, r.max_rss_mb);
}

void run(EmbedBench bench) {
  ProgressLine line;
  line.begin("measuring");
  for (const std::string& dtype : bench.dtypes) {
    bench.options.dtype = dtype == "bf16" ? InferenceType::bf16 : InferenceType::f32;
    write_stdout(line_of(dtype, bench, bench_embed(bench.options)));
    flush_stdout();
  }
}

}  // namespace

void add_embed_bench(CLI::App& bench) {
  auto options = std::make_shared<EmbedBench>();
  EmbedBenchOptions& o = options->options;
  CLI::App* embed = bench.add_subcommand("embed", "Vectors of texts, tokenization included, as bench/embed_peers.py does");
  embed->add_option("-m,--model", o.model, "a directory that qkv embed opens")->required();
  embed->add_option("--text", o.text, "one text a line")->required();
  embed->add_option("--dtype", options->dtypes, "types of activations, a line each")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  const auto add = [&](const char* name, int& value, const char* what) {
    embed->add_option(name, value, what)->check(between(1, 1 << 24))->capture_default_str();
  };
  add("--texts", o.texts, "the first lines of the file, sorted by length");
  add("--batch", o.batch, "texts of one call");
  add("--rounds", o.rounds, "measured passes, after one other");
  embed->add_flag("--json", options->json, "a JSON line per measurement");
  embed->callback([options] { run(*options); });
}

}  // namespace qkv
