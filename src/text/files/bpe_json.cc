#include "text/files/bpe_json.h"

#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/json.h"
#include "text/files/json_slices.h"
#include "text/files/token_limits.h"

namespace qkv {
namespace {

using nlohmann::json;

int32_t id_of_part(const JsonNode& merges, size_t index, const Vocabulary& vocabulary, std::string_view part) {
  const int32_t id = vocabulary.id(part);
  if (id < 0) merges.item(index).fail(fmt::format("joins \"{}\", which is not in the vocabulary", shortened(part)));
  return id;
}

// Splits "a b" (before tokenizers 0.20) or ["a", "b"].
std::pair<std::string_view, std::string_view> parts_of_merge(const JsonNode& merges, size_t index) {
  const json& merge = merges.value()[index];
  if (merge.is_string()) {
    const std::string_view text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  }
  merges.item(index).fail("must be two tokens, [\"a\", \"b\"] or \"a b\"");
}

std::vector<BpeMerge> read_merges(const JsonNode& merges, const Vocabulary& vocabulary, const std::string& prefix) {
  if (is_slice(merges.value())) return read_merges_slice(merges.value(), vocabulary, prefix);
  if (!merges.value().is_array()) merges.fail("must be an array");
  std::vector<BpeMerge> result;
  result.reserve(merges.value().size());
  std::string joined;
  for (size_t i = 0; i < merges.value().size(); ++i) {
    const json& merge = merges.value()[i];  // old converters left the first line of merges.txt here, which is no merge
    if (merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version")) continue;
    const auto [left, right] = parts_of_merge(merges, i);
    const TokenPair pair{id_of_part(merges, i, vocabulary, left), id_of_part(merges, i, vocabulary, right)};
    if (right.size() < prefix.size())
      merges.item(i).fail(fmt::format("joins \"{}\", which is shorter than the prefix of its kind", shortened(right)));
    joined.assign(left).append(right.substr(prefix.size()));
    result.push_back({pair, id_of_part(merges, i, vocabulary, joined)});
  }
  return result;
}

}  // namespace

Vocabulary read_vocabulary(const JsonNode& node) {
  if (is_slice(node.value())) return read_vocabulary_slice(node.value());
  if (!node.value().is_object()) node.fail("must be an object of tokens and their ids");
  const auto& entries = node.value().get_ref<const json::object_t&>();
  const int64_t limit = static_cast<int64_t>(entries.size()) + kMaxHoles;
  int64_t largest = -1;
  for (const auto& [token, value] : entries) {
    if (!value.is_number_integer()) node.fail(fmt::format("gives \"{}\" an id that is not an integer", shortened(token)));
    const int64_t id = value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(limit) ? limit : value.get<int64_t>();
    if (id < 0 || id >= limit) {
      node.fail(fmt::format("gives \"{}\" the id {}, which is out of range for {} tokens", shortened(token), value.dump(), entries.size()));
    }
    largest = std::max(largest, id);
  }
  std::vector<std::string> tokens(static_cast<size_t>(largest + 1));
  for (const auto& [token, value] : entries) {
    if (token.empty()) continue;  // a hole; an empty token never occurs in a text
    std::string& place = tokens[value.get<size_t>()];
    if (!place.empty())
      node.fail(fmt::format("gives the id {} to both \"{}\" and \"{}\"", value.get<size_t>(), shortened(place), shortened(token)));
    place = token;
  }
  return Vocabulary(std::move(tokens));
}

std::unique_ptr<TokenModel> make_bpe(const JsonNode& node) {
  BpeOptions options;
  if (const auto dropout = node.find("dropout")) {
    options.dropout = dropout->value().is_number() ? dropout->value().get<double>() : -1;
    if (!(options.dropout >= 0 && options.dropout <= 1)) dropout->fail("must be a number from 0 to 1, or null");
  }
  if (const auto unk = node.find("unk_token")) options.unk_token = unk->string();
  options.fuse_unk = node.boolean_or("fuse_unk", false);
  options.byte_fallback = node.boolean_or("byte_fallback", false);
  options.ignore_merges = node.boolean_or("ignore_merges", false);
  options.continuing_subword_prefix = node.string_or("continuing_subword_prefix", "");
  options.end_of_word_suffix = node.string_or("end_of_word_suffix", "");
  Vocabulary vocabulary = read_vocabulary(node.at("vocab"));
  const std::vector<BpeMerge> merges = read_merges(node.at("merges"), vocabulary, options.continuing_subword_prefix);
  std::vector<uint32_t> ranks;
  if (node.boolean_or("rank_by_token", false)) {  // tiktoken's merges, see tiktoken_file.h
    for (const BpeMerge& merge : merges) ranks.push_back(static_cast<uint32_t>(merge.result));
  }
  return std::make_unique<BpeModel>(std::move(vocabulary), merges, std::move(options), ranks);
}

}  // namespace qkv
