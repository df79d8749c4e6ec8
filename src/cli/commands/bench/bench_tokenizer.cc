// qkv bench tokenizer: the measurements of the peers' tokenizers_speed.py under its names.
#include "cli/commands/bench/bench_tokenizer.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <memory>

#include "base/parallel.h"
#include "base/progress.h"
#include "bench/tokenizer_bench.h"
#include "cli/output.h"
#include "formats/json.h"

namespace qkv {
namespace {

double rounded(double value, double digits) { return std::round(value * digits) / digits; }

std::string line_of(const TokenizerBenchResult& result, bool json) {
  if (json) {
    nlohmann::ordered_json line{{"bench", "tokenizer"}, {"threads", num_threads()}, {"what", result.what}};
    if (result.mb_s > 0) line["mb_s"] = rounded(result.mb_s, 100);
    if (result.s > 0) line["s"] = rounded(result.s, 1000);
    return line.dump() + "\n";
  }
  const std::string figure = result.mb_s > 0 ? fmt::format("{:.1f} MB/s", result.mb_s) : fmt::format("{:.3f} s", result.s);
  return fmt::format("{:<26} {:>12}\n", result.what, figure);
}

}  // namespace

void add_tokenizer_bench(CLI::App& bench) {
  struct Arguments {
    TokenizerBenchOptions options;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* tokenizer = bench.add_subcommand("tokenizer", "Encoding and training of tokenizers, as the peers' script measures them");
  tokenizer->add_option("--works", arguments->options.works, "which measurements (default: all)")
      ->delimiter(',')
      ->check(CLI::IsMember(tokenizer_works()));
  tokenizer->add_option("--data", arguments->options.data,
                        "a folder with tinyshakespeare, multi30k, gpt2 and spm (default: $QKV_DATA, or ../shared/data)");
  tokenizer->add_flag("--json", arguments->json, "a JSON line per measurement");
  tokenizer->callback([arguments] {
    const char* root = std::getenv("QKV_DATA");
    if (arguments->options.data.empty()) arguments->options.data = root ? root : "../shared/data";
    ProgressLine line;
    line.begin("measuring tokenizers");
    bench_tokenizers(arguments->options, [&](const TokenizerBenchResult& result) {
      write_stdout(line_of(result, arguments->json));
      flush_stdout();
    });
  });
}

}  // namespace qkv
