#include "text/files/rank_tokenizer.h"

#include <utility>

#include "base/error.h"
#include "formats/json.h"
#include "text/stages/byte_level.h"
#include "text/token_models/bpe_model.h"
#include "text/token_models/token_splits.h"
#include "text/unicode/split_patterns.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

ordered_json stages_of(const RankStages& stages) {
  const bool gpt2 = stages.pattern == patterns::kGpt2;
  ordered_json result;
  if (stages.nfc) result["normalizer"] = {{"type", "NFC"}};
  const ordered_json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", gpt2}};
  result["pre_tokenizer"] = bytes;
  if (!gpt2) {
    const ordered_json split = {{"type", "Split"}, {"pattern", {{"Regex", stages.pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    result["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
  }
  result["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  const ordered_json offsets = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  result["post_processor"] = offsets;
  if (!stages.before.empty()) {
    result["post_processor"] = {{"type", "Sequence"}, {"processors", {offsets, make_template(stages.before, {})}}};
  }
  return result;
}

void check_tokens(const std::vector<std::string>& tokens, const Vocabulary& vocabulary, const std::string& file) {
  if (vocabulary.has_equal_tokens()) {
    for (size_t id = 0; id < tokens.size(); ++id) {
      const int32_t first = tokens[id].empty() ? -1 : vocabulary.id(vocabulary.token(static_cast<int32_t>(id)));
      if (first >= 0 && static_cast<size_t>(first) != id) {
        fail(ErrorCode::bad_input, "{}: the ranks {} and {} are of the same token", file, first, id);
      }
    }
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (vocabulary.id(to_byte_level(std::string_view(&c, 1))) < 0) {
      fail(ErrorCode::bad_input, "{}: has no token for the single byte {}; the file was cut or is of another kind", file, byte);
    }
  }
}

std::string write_json(const RankStages& stages, const std::vector<std::string>& tokens, const std::vector<TokenSplit>& splits) {
  std::vector<std::string> written;
  written.reserve(tokens.size());
  for (const std::string& token : tokens) written.push_back(to_byte_level(token));
  std::vector<std::pair<int32_t, int32_t>> merges;
  merges.reserve(splits.size());
  for (const auto& [left, right, whole] : splits) merges.emplace_back(left, right);
  TokenizerText text(stages.added, stages_of(stages));
  text.plain_bpe(true);
  text.vocabulary(written);
  text.merges(written, merges);
  text.member("rank_by_token", true);
  return std::move(text).finish();
}

}  // namespace

RankTokenizer make_rank_tokenizer(std::vector<std::string> tokens, RankStages stages, const std::string& file) {
  std::vector<std::string> written;
  written.reserve(tokens.size());
  for (const std::string& token : tokens) written.push_back(to_byte_level(token));
  Vocabulary vocabulary(std::move(written));
  check_tokens(tokens, vocabulary, file);
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  const std::vector<bool> all(tokens.size(), true);
  std::vector<TokenSplit> splits = token_splits(views, all, all, file);
  std::vector<BpeMerge> merges;
  std::vector<uint32_t> ranks;
  merges.reserve(splits.size());
  ranks.reserve(splits.size());
  for (const auto& [left, right, whole] : splits) {
    merges.push_back({{left, right}, whole});
    ranks.push_back(static_cast<uint32_t>(whole));
  }
  RankTokenizer result;
  TokenizerText head(stages.added, stages_of(stages));
  head.model({{"type", "BPE"}});
  result.without_model = std::move(head).finish();
  result.model = std::make_unique<BpeModel>(std::move(vocabulary), merges, BpeOptions{.ignore_merges = true}, ranks);
  result.json = LazyText(
      [stages = std::move(stages), tokens = std::move(tokens), splits = std::move(splits)] { return write_json(stages, tokens, splits); });
  return result;
}

}  // namespace qkv
