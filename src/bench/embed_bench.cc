#include "bench/embed_bench.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/timing.h"
#include "bench/median.h"
#include "embed/sentence_encoder.h"

namespace qkv {
namespace {

std::vector<std::string> texts_of(const EmbedBenchOptions& options) {
  const std::string file = read_file(options.text);
  std::vector<std::string> texts;
  for (size_t at = 0; at < file.size() && std::ssize(texts) < options.texts;) {
    const size_t end = std::min(file.find('\n', at), file.size());
    if (end > at) texts.push_back(file.substr(at, end - at));
    at = end + 1;
  }
  if (std::ssize(texts) < options.texts)
    fail(ErrorCode::bad_input, "{}: {} lines with text; --texts asks for {}", options.text.string(), texts.size(), options.texts);
  std::ranges::stable_sort(texts, {}, &std::string::size);
  return texts;
}

// Seconds of the median pass.
template <typename Pass>
double seconds_of(int rounds, const Pass& pass) {
  std::vector<double> seconds;
  for (int round = 0; round <= rounds; ++round) {
    const Stopwatch watch;
    pass();
    if (round > 0) seconds.push_back(watch.seconds());
  }
  return median(std::move(seconds));
}

}  // namespace

EmbedBenchResult bench_embed(const EmbedBenchOptions& options) {
  const std::vector<std::string> texts = texts_of(options);
  const SentenceEncoder encoder(options.model, {.dtype = options.dtype});
  const Tokenizer tokenizer = Tokenizer::load(options.model);
  const auto in_batches = [&](const auto& call) {
    for (size_t at = 0; at < texts.size(); at += static_cast<size_t>(options.batch))
      call(std::span(texts).subspan(at, std::min(static_cast<size_t>(options.batch), texts.size() - at)));
  };
  const double seconds =
      seconds_of(options.rounds, [&] { in_batches([&](std::span<const std::string> batch) { encoder.embed(batch, {}); }); });
  size_t tokens = 0;
  const double encoding = seconds_of(options.rounds, [&] {
    tokens = 0;
    in_batches([&](std::span<const std::string> batch) {
      const std::vector<std::string_view> views(batch.begin(), batch.end());
      for (const std::vector<int32_t>& ids : tokenizer.encode_batch(views)) tokens += ids.size();
    });
  });
  return {.texts_s = static_cast<double>(texts.size()) / seconds,
          .tokens_s = static_cast<double>(tokens) / seconds,
          .tokenization = encoding / seconds,
          .max_rss_mb = peak_memory_mib()};
}

}  // namespace qkv
