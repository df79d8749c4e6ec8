#include "text/files/tiktoken_file.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/base64.h"
#include "text/files/tiktoken_families.h"
#include "text/files/token_limits.h"

namespace qkv {
namespace {

struct Line {
  std::string token;
  int64_t rank;
};
// Nothing if the line is not a token and a rank.
std::optional<Line> parse_line(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0) return std::nullopt;
  auto token =
      line.substr(0, space) == "=" ? std::string() : from_base64(line.substr(0, space));  // Whisper's file has "=" for an empty token
  int64_t rank = -1;
  const char* end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + space + 1, end, rank);
  if (!token || error != std::errc() || stop != end) return std::nullopt;
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

// Tokens named by the configuration come first. If an id or a name occurs twice, the first counts.
std::vector<AddedToken> added_tokens(const std::vector<std::string>& tokens, const TokenizerConfig& config, const TiktokenChoice& family) {
  std::vector<AddedToken> added;
  std::unordered_set<int32_t> ids;
  std::unordered_set<std::string> names;
  const auto add = [&](AddedToken token) {
    const auto id = static_cast<size_t>(token.id);
    if ((id < tokens.size() && !tokens[id].empty()) || ids.contains(token.id) || !names.insert(token.content).second) return;
    ids.insert(token.id);
    added.push_back(std::move(token));
  };
  for (AddedToken& token : config.added_tokens({}, [](const std::string&) { return -1; })) add(std::move(token));
  for (const auto& [name, id] : family.special) {
    const bool fits = static_cast<size_t>(id) < tokens.size() + kMaxHoles;  // otherwise the file is not from that family, whatever its name
    if (fits) add({.id = id, .content = name, .normalized = false, .special = true});
  }
  return added;
}

}  // namespace

bool is_tiktoken(std::string_view content) {
  const auto line = parse_line(take_line(content));
  return line && !line->token.empty();
}

RankTokenizer read_tiktoken(std::string_view content, const TokenizerConfig& config, const std::string& file, const std::string& pattern) {
  std::vector<std::string> tokens = read_ranks(content, file);
  TiktokenChoice family = choose_tiktoken_family(tokens.size(), config, file, pattern);
  RankStages stages{added_tokens(tokens, config, family), std::move(family.pattern), family.nfc};
  return make_rank_tokenizer(std::move(tokens), std::move(stages), file);
}

}  // namespace qkv
