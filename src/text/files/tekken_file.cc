#include "text/files/tekken_file.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/base64.h"
#include "formats/json.h"
#include "formats/json_node.h"
#include "text/files/token_limits.h"

namespace qkv {
namespace {

// Special tokens of versions up to 7, whose files do not list them.
constexpr const char* kSpecial[] = {"<unk>",
                                    "<s>",
                                    "</s>",
                                    "[INST]",
                                    "[/INST]",
                                    "[AVAILABLE_TOOLS]",
                                    "[/AVAILABLE_TOOLS]",
                                    "[TOOL_RESULTS]",
                                    "[/TOOL_RESULTS]",
                                    "[TOOL_CALLS]",
                                    "[IMG]",
                                    "<pad>",
                                    "[IMG_BREAK]",
                                    "[IMG_END]",
                                    "[PREFIX]",
                                    "[MIDDLE]",
                                    "[SUFFIX]",
                                    "[SYSTEM_PROMPT]",
                                    "[/SYSTEM_PROMPT]",
                                    "[TOOL_CONTENT]"};

int64_t count_at(const JsonNode& config, const char* key) {
  const int64_t count = config.at(key).integer();
  if (count < 0 || count > static_cast<int64_t>(kMaxTokens)) config.at(key).fail("is out of range");
  return count;
}

// Ids 0 to `count`: those named by the file or its version, the others as <SPECIAL_id>.
std::vector<AddedToken> special_tokens(const JsonNode& root, int64_t count) {
  std::vector<AddedToken> tokens;
  std::set<std::string> names;
  std::set<int64_t> ids;
  const auto add = [&](int64_t id, const std::string& name, bool control) {
    ids.insert(id);
    names.insert(name);
    tokens.push_back({.id = static_cast<int32_t>(id), .content = name, .normalized = false, .special = control});
  };
  if (const auto list = root.find("special_tokens")) {
    for (const JsonNode& node : list->items()) {
      const int64_t id = node.at("rank").integer();
      const std::string name = node.at("token_str").string();
      if (id < 0 || id >= count) node.at("rank").fail(fmt::format("is {}; the special tokens are those of rank 0 to {}", id, count - 1));
      if (name.empty()) node.at("token_str").fail("is empty");
      if (ids.contains(id) || names.contains(name)) node.fail("has the rank or the name of another special token");
      add(id, name, node.boolean_or("is_control", true));
    }
  } else {
    for (int64_t id = 0; id < std::min<int64_t>(count, std::size(kSpecial)); ++id) add(id, kSpecial[id], true);
  }
  for (int64_t id = 0; id < count; ++id) {
    if (ids.contains(id)) continue;
    const std::string name = fmt::format("<SPECIAL_{}>", id);
    if (names.contains(name)) root.at("special_tokens").fail("has \"" + name + "\", which is the name of another id");
    add(id, name, true);
  }
  return tokens;
}

std::vector<std::string> tokens_by_id(const JsonNode& vocab, int64_t special, int64_t size) {
  std::vector<std::string> tokens(static_cast<size_t>(size));
  for (const JsonNode& node : vocab.items()) {
    const int64_t rank = node.at("rank").integer();
    if (rank < 0) node.at("rank").fail("must not be negative");
    if (rank >= size - special) continue;  // more ranks than the model uses
    const auto bytes = from_base64(node.at("token_bytes").string());
    if (!bytes || bytes->empty()) node.at("token_bytes").fail("is not a token in base64");
    if (bytes->size() > kMaxTokenBytes) {
      node.at("token_bytes").fail(fmt::format("has {} bytes; the longest that qkv reads have {}", bytes->size(), kMaxTokenBytes));
    }
    std::string& place = tokens[static_cast<size_t>(special + rank)];
    if (!place.empty()) node.at("rank").fail(fmt::format("gives the rank {} a second time", rank));
    place = *bytes;
  }
  return tokens;
}

}  // namespace

bool is_tekken(std::string_view content) {
  return content.find("\"default_num_special_tokens\"") != std::string_view::npos &&
         content.find("\"token_bytes\"") != std::string_view::npos;
}

RankTokenizer read_tekken(std::string_view content, const std::string& file) {
  const nlohmann::json document = parse_json(content, file);
  const JsonNode root(document, file);
  const JsonNode config = root.at("config"), vocab = root.at("vocab");
  const int64_t special = count_at(config, "default_num_special_tokens"), size = count_at(config, "default_vocab_size");
  if (!vocab.value().is_array()) vocab.fail("must be an array of tokens");
  if (size <= special || size - special > static_cast<int64_t>(vocab.value().size())) {
    config.at("default_vocab_size")
        .fail(fmt::format("is {}; with {} special tokens and {} others it must be {} to {}", size, special, vocab.value().size(),
                          special + 1, special + static_cast<int64_t>(vocab.value().size())));
  }
  RankStages stages;
  stages.added = special_tokens(root, special);
  stages.pattern = config.at("pattern").string();
  const auto begin = std::find_if(stages.added.begin(), stages.added.end(), [](const AddedToken& token) { return token.content == "<s>"; });
  if (begin != stages.added.end()) stages.before = {{begin->content, begin->id}};
  return make_rank_tokenizer(tokens_by_id(vocab, special, size), std::move(stages), file);
}

}  // namespace qkv
