#include "cli/commands/embed_rerank.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "cli/answered_lines.h"
#include "cli/line_input.h"
#include "cli/output.h"
#include "decode/translator.h"
#include "formats/json.h"

namespace qkv {
namespace {

constexpr size_t kMostLines = 256;  // that are scored together

std::vector<RerankPair> pairs_of(const LineBlock& block) {
  LinePairs lines = split_pairs(block, "a query, a tab and a document");
  std::vector<RerankPair> pairs;
  for (size_t i = 0; i < lines.first.size(); ++i) pairs.push_back({std::move(lines.first[i]), std::move(lines.second[i])});
  return pairs;
}

}  // namespace

void print_relevance(const std::string& model, InferenceType dtype, const RerankOptions& options, bool json) {
  const Reranker reranker = Reranker::open(model, dtype);
  LineInput input("");
  for (std::vector<std::string_view> block; !(block = input.next()).empty();) {
    for (size_t begin = 0; begin < block.size(); begin += kMostLines) {
      const auto part = std::span(block).subspan(begin, std::min(kMostLines, block.size() - begin));
      const LineBlock lines{{part.begin(), part.end()}, input.first_line() + static_cast<int64_t>(begin)};
      const std::vector<RerankPair> pairs = pairs_of(lines);
      const RerankScores result = reranker.score(pairs, options);
      std::vector<int64_t> cut;
      for (size_t i = 0; i < pairs.size(); ++i) {
        const int64_t line = lines.number(i);
        if (!std::isfinite(result.scores[i])) {
          fail(ErrorCode::diverged,
               "{}: the score of line {} is not finite; the training of the model had diverged, or its files are damaged", input.name(),
               line);
        }
        if (result.cut[i]) cut.push_back(line);
        if (json)
          print("{}\n", nlohmann::ordered_json{{"line", line}, {"score", result.scores[i]}}.dump());
        else
          print("{:.6f}\n", result.scores[i]);
      }
      if (!cut.empty())
        log_warning("{}: {}: cut to the {} tokens that the model takes", input.name(), list_lines(cut), reranker.max_tokens());
      flush_stdout();
    }
  }
}

}  // namespace qkv
