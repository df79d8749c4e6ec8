#include "cli/commands/bench/bench_scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/parallel.h"
#include "bench/scale_bench.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/sharing.h"
#include "formats/json.h"
#include "kernels/kernel_table.h"

namespace qkv {
namespace {

struct NamedLink {
  const char* name;
  Link link;
};
// Bandwidths of Ethernet; latencies of messages over TCP as they are usual with it.
constexpr NamedLink kLinks[] = {
    {"1 Gbit/s", {100e-6, 0.125e9}}, {"10 Gbit/s", {50e-6, 1.25e9}}, {"25 Gbit/s", {30e-6, 3.125e9}}, {"100 Gbit/s", {20e-6, 12.5e9}}};

struct ScaleBench {
  ScaleBenchOptions options;
  std::string dtype = "f32";
  bool json = false;
};

nlohmann::ordered_json json_of(const ScaleBench& bench, const ScaleBenchResult& r, const StepEstimate& estimate) {
  const ScaleBenchOptions& o = bench.options;
  return {{"bench", "scale"},
          {"processes", r.processes},
          {"hidden", o.hidden_size},
          {"layers", o.layers},
          {"batch_tokens", o.batch_tokens},
          {"slices", o.slices},
          {"dtype", bench.dtype},
          {"isa", name_of(current_isa())},
          {"threads", num_threads()},
          {"params", r.parameters},
          {"step_ms", 1e3 * r.step},
          {"compute_ms", 1e3 * r.compute},
          {"exchange_ms", 1e3 * r.exchange},
          {"transfer_ms", 1e3 * r.transfer},
          {"exposed_ms", 1e3 * r.exposed},
          {"update_ms", 1e3 * r.update},
          {"share_ms", 1e3 * r.share},
          {"tgt_tok_s", r.tokens_per_second},
          {"latency_us", 1e6 * r.link.latency},
          {"bandwidth_mb_s", 1e-6 * r.link.bandwidth},
          {"estimated_step_ms", 1e3 * estimate.seconds},
          {"threads_per_processor", r.threads_per_processor},
          {"max_rss_mb", r.max_rss_mb}};
}

void print_table(const ScaleBenchResult& r) {
  print(
      "\nA step of more such machines, each with the slices of one process here: milliseconds, share of the time that computes, and what "
      "takes\nmost of the rest\n");
  print("{:>8}", "machines");
  for (const NamedLink& each : kLinks) print("  {:>26}", each.name);
  print("\n");
  for (int machines = 8; machines <= 1024; machines *= 2) {
    print("{:>8}", machines);
    for (const NamedLink& each : kLinks) {
      const StepEstimate e = estimate_step(r.costs, each.link, machines);
      print("  {:>10.1f} {:>6.1f} % {:>7}", 1e3 * e.seconds, 100 * e.compute / e.seconds, e.link > e.memory ? "link" : "memory");
    }
    print("\n");
  }
}

void run(ScaleBench bench) {
  bench.options.dtype = bench.dtype == "bf16" ? TrainPrecision::bf16 : TrainPrecision::f32;
  const ProcessGroup& group = process_group();
  if (!std::has_single_bit(static_cast<unsigned>(group.size())))
    fail(ErrorCode::invalid_argument, "{} processes are no power of two; possible: 1, 2, 4, 8, 16, ...", group.size());
  if (!std::has_single_bit(static_cast<uint64_t>(bench.options.slices)))
    fail(ErrorCode::invalid_argument, "--slices {} is no power of two; possible: 1, 2, 4, 8, 16, ...", bench.options.slices);
  if (group.threads() && !std::getenv("QKV_THREADS")) set_num_threads(group.threads());
  const ScaleBenchResult r = bench_scale(bench.options);
  const StepEstimate estimate = estimate_step(r.costs, r.link, r.processes);
  if (bench.json) return print("{}\n", json_of(bench, r, estimate).dump());
  print("{} process{}, {} weights: step {:.1f} ms = compute {:.1f} + exchange {:.1f} + update {:.1f} + share {:.1f}\n", r.processes,
        r.processes == 1 ? "" : "es", r.parameters, 1e3 * r.step, 1e3 * r.compute, 1e3 * r.exchange, 1e3 * r.update, 1e3 * r.share);
  print("{:.0f} target tok/s; {} MB in the largest process; the model of the step says {:.1f} ms ({:+.0f} %)\n", r.tokens_per_second,
        r.max_rss_mb, 1e3 * estimate.seconds, 100 * (estimate.seconds / r.step - 1));
  if (r.processes > 1) {
    print("sums of gradients: {:.1f} ms of transfers, of which {:.0f} % are hidden behind the backward pass\n", 1e3 * r.transfer,
          100 * (1 - std::min(r.exposed / r.transfer, 1.0)));
    print("link between the processes: {:.0f} us, {:.2f} Gbit/s\n", 1e6 * r.link.latency, 8e-9 * r.link.bandwidth);
  }
  if (r.threads_per_processor > 1) {
    print(
        "{:.1f} threads share a processor of the fullest host: the processes take turns, so machines of their own are faster than below\n",
        r.threads_per_processor);
  }
  print_table(r);
}

}  // namespace

void add_scale_bench(CLI::App& bench) {
  auto options = std::make_shared<ScaleBench>();
  ScaleBenchOptions& o = options->options;
  CLI::App* scale = bench.add_subcommand(
      "scale", "A training step under mpirun: its parts, the link between the processes, and what both predict for 8 to 1,024 machines");
  const auto add = [&](const char* name, int64_t& value, const char* what) {
    scale->add_option(name, value, what)->check(between(1, 1 << 20))->capture_default_str()->type_name("N");
  };
  add("--hidden", o.hidden_size, "width of the encoder-decoder; heads of 32");
  add("--layers", o.layers, "layers of the encoder and of the decoder");
  add("--vocab", o.vocab_size, "tokens of the vocabulary");
  add("--batch-tokens", o.batch_tokens, "tokens of a slice, both sides together");
  add("--slices", o.slices, "slices of each process");
  add("--steps", o.steps, "measured, after two that are not");
  scale->add_option("--dtype", options->dtype, "type of activations")->check(CLI::IsMember({"f32", "bf16"}))->capture_default_str();
  scale->add_flag("--json", options->json, "a JSON line");
  scale->callback([options] { run_shared([&] { run(*options); }); });
}

}  // namespace qkv
