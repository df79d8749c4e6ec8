#include "text/tiktoken_file.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/base64.h"
#include "text/byte_level.h"
#include "text/split_patterns.h"
#include "text/token_limits.h"
#include "text/token_splits.h"
#include "text/tokenizer_text.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

struct RankEncoding {
  std::string_view name;     // in the file's name
  std::string_view pattern;  // empty: GPT-2's
  std::vector<std::pair<std::string_view, int32_t>> special;
};

const std::vector<RankEncoding>& encodings() {
  static const std::vector<RankEncoding> all = {
      {"gpt2", "", {{"<|endoftext|>", 50256}}},
      {"r50k", "", {{"<|endoftext|>", 50256}}},
      {"p50k", "", {{"<|endoftext|>", 50256}}},
      {"cl100k",
       patterns::kCl100k,
       {{"<|endoftext|>", 100257},
        {"<|fim_prefix|>", 100258},
        {"<|fim_middle|>", 100259},
        {"<|fim_suffix|>", 100260},
        {"<|endofprompt|>", 100276}}},
      {"o200k", patterns::kO200k, {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
      {"qwen", patterns::kQwen2, {}},
  };
  return all;
}

RankEncoding encoding_of(const std::string& file) {
  const std::string name = file.substr(file.find_last_of('/') + 1);
  for (const RankEncoding& encoding : encodings()) {
    if (name.find(encoding.name) != std::string::npos) return encoding;
  }
  return {"", patterns::kLlama3, {}};
}

struct Line {
  std::string token;
  int64_t rank;
};
// Nothing for a line that is no token and rank.
std::optional<Line> parse_line(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0) return std::nullopt;
  auto token = from_base64(line.substr(0, space));
  int64_t rank = -1;
  const char* end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + space + 1, end, rank);
  if (!token || token->empty() || error != std::errc() || stop != end) return std::nullopt;
  return Line{std::move(*token), rank};
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The tokens' bytes by rank.
std::vector<std::string> read_ranks(std::string_view content, const std::string& file) {
  const auto lines = static_cast<int64_t>(std::count(content.begin(), content.end(), '\n')) + 1;
  const int64_t limit = std::min<int64_t>(lines + kMaxHoles, kMaxTokens);
  std::vector<std::string> tokens;
  int64_t number = 0;
  while (!content.empty()) {
    const std::string_view text = take_line(content);
    ++number;
    if (text.empty()) continue;
    auto line = parse_line(text);
    if (!line) fail(ErrorCode::bad_input, "{}: line {} is not a token in base64, a space, and its rank", file, number);
    if (line->rank < 0 || line->rank >= limit)
      fail(ErrorCode::bad_input, "{}: line {} has the rank {}, which is out of range", file, number, line->rank);
    if (line->token.size() > kMaxTokenBytes) {
      fail(ErrorCode::bad_input, "{}: line {} has a token of {} bytes; the longest that qkv reads have {}", file, number,
           line->token.size(), kMaxTokenBytes);
    }
    const auto rank = static_cast<size_t>(line->rank);
    if (tokens.size() <= rank) tokens.resize(rank + 1);
    if (!tokens[rank].empty()) fail(ErrorCode::bad_input, "{}: line {} gives the rank {} a second time", file, number, rank);
    tokens[rank] = std::move(line->token);
  }
  return tokens;
}

void check_tokens(const std::vector<std::string>& tokens, const std::string& file) {
  std::unordered_map<std::string_view, size_t> ranks;
  for (size_t rank = 0; rank < tokens.size(); ++rank) {
    if (tokens[rank].empty()) continue;
    const auto [other, fresh] = ranks.emplace(tokens[rank], rank);
    if (!fresh) fail(ErrorCode::bad_input, "{}: the ranks {} and {} are of the same token", file, other->second, rank);
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (!ranks.contains(std::string_view(&c, 1))) {
      fail(ErrorCode::bad_input, "{}: has no token for the single byte {}; the file was cut or is of another kind", file, byte);
    }
  }
}

}  // namespace

bool is_tiktoken(std::string_view content) { return parse_line(take_line(content)).has_value(); }

std::string tiktoken_to_json(std::string_view content, const TokenizerConfig& config, const std::string& file) {
  const std::vector<std::string> tokens = read_ranks(content, file);
  check_tokens(tokens, file);
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  const std::vector<bool> all(tokens.size(), true);
  std::vector<std::pair<int32_t, int32_t>> merges;
  for (const auto& [left, right, whole] : token_splits(views, all, all, file)) merges.emplace_back(left, right);
  std::vector<std::string> written;
  written.reserve(tokens.size());
  for (const std::string& token : tokens) written.push_back(to_byte_level(token));

  const RankEncoding encoding = encoding_of(file);
  std::vector<AddedToken> added;
  const auto is_new = [&](const AddedToken& token) {
    const bool free = static_cast<size_t>(token.id) >= tokens.size() || tokens[static_cast<size_t>(token.id)].empty();
    return free && std::none_of(added.begin(), added.end(),
                                [&](const AddedToken& other) { return other.id == token.id || other.content == token.content; });
  };
  for (AddedToken& token : config.added_tokens({}, [](const std::string&) { return -1; })) {
    if (is_new(token)) added.push_back(std::move(token));
  }
  for (const auto& [name, id] : encoding.special) {
    AddedToken token{.id = id, .content = std::string(name), .normalized = false, .special = true};
    const bool fits = static_cast<size_t>(id) < tokens.size() + kMaxHoles;  // else the file is not that encoding's, whatever its name
    if (fits && is_new(token)) added.push_back(std::move(token));
  }

  const bool gpt2 = encoding.pattern.empty();
  const ordered_json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", gpt2}};
  ordered_json stages;
  stages["pre_tokenizer"] = bytes;
  if (!gpt2) {
    const ordered_json split = {{"type", "Split"}, {"pattern", {{"Regex", encoding.pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    stages["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
  }
  stages["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  stages["post_processor"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  TokenizerText text(added, stages);
  text.model({{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", true}});
  text.vocabulary(written);
  text.merges(written, merges);
  text.member("rank_by_token", true);
  return std::move(text).finish();
}

}  // namespace qkv
