#include "cli/commands/embed_rerank.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "cli/line_input.h"
#include "cli/output.h"
#include "decode/translator.h"

namespace qkv {
namespace {

constexpr size_t kMostLines = 256;  // that are scored together

RerankPair pair_of(std::string_view line, const std::string& where) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos || line.find('\t', tab + 1) != std::string_view::npos) {
    fail(ErrorCode::bad_input, "{} has {}; each line must be a query, a tab and a document", where,
         tab == std::string_view::npos ? "no tab" : "more than one tab");
  }
  return {std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))};
}

}  // namespace

void print_relevance(const std::string& model, InferenceType dtype, const RerankOptions& options, bool json) {
  const Reranker reranker = Reranker::open(model, dtype);
  LineInput input("");
  for (std::vector<std::string_view> block; !(block = input.next()).empty();) {
    for (size_t begin = 0; begin < block.size(); begin += kMostLines) {
      const int64_t first = input.first_line() + static_cast<int64_t>(begin);
      std::vector<RerankPair> pairs;
      for (size_t i = begin; i < std::min(block.size(), begin + kMostLines); ++i) {
        pairs.push_back(pair_of(block[i], fmt::format("{}: line {}", input.name(), first + std::ssize(pairs))));
      }
      const RerankScores result = reranker.score(pairs, options);
      std::vector<int64_t> cut;
      for (size_t i = 0; i < pairs.size(); ++i) {
        const int64_t line = first + static_cast<int64_t>(i);
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
