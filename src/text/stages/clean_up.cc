#include "text/stages/clean_up.h"

#include <algorithm>
#include <array>
#include <utility>

#include "formats/json.h"

namespace qkv {
namespace {

using nlohmann::json;
using Replacement = std::pair<std::string_view, std::string_view>;

// Applied in this order, each over the whole text.
constexpr std::array<Replacement, 10> kReplacements = {{{" .", "."},
                                                        {" ?", "?"},
                                                        {" !", "!"},
                                                        {" ,", ","},
                                                        {" ' ", "'"},
                                                        {" n't", "n't"},
                                                        {" 'm", "'m"},
                                                        {" 's", "'s"},
                                                        {" 've", "'ve"},
                                                        {" 're", "'re"}}};

// Truth value as in Python.
bool is_true(const json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return false;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_number()) return found->get<double>() != 0;
  return found->is_string() ? !found->get_ref<const std::string&>().empty() : !found->empty();
}

// Number of bytes at the end of a text that may begin the pattern.
size_t start_of_match(std::string_view text, std::string_view pattern) {
  size_t length = std::min(text.size(), pattern.size() - 1);
  while (!text.ends_with(pattern.substr(0, length))) --length;
  return length;
}

// Replaces complete matches; `pending` keeps the rest.
std::string replace(std::string& pending, std::string_view part, const Replacement& replacement) {
  const auto& [pattern, by] = replacement;
  const std::string text = std::exchange(pending, "").append(part);
  std::string result;
  size_t begin = 0;
  for (size_t at = text.find(pattern); at != std::string::npos; at = text.find(pattern, begin)) {
    result.append(text, begin, at - begin).append(by);
    begin = at + pattern.size();
  }
  const std::string_view rest = std::string_view(text).substr(begin);
  const size_t kept = start_of_match(rest, pattern);
  pending = rest.substr(rest.size() - kept);
  return result.append(rest.substr(0, rest.size() - kept));
}

}  // namespace

bool asks_for_clean_up(const std::string& config_json, bool model_is_bpe) {
  const json config = json::parse(config_json, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object() || !is_true(config, "clean_up_tokenization_spaces")) return false;
  constexpr const char* kForced = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";
  if (!model_is_bpe || is_true(config, kForced)) return true;
  return !config.contains(kForced) && config.value("tokenizer_class", json()) == "LukeTokenizer";  // this class's default
}

std::string clean_up(std::string_view text) {
  CleanUpStream stream;
  std::string result = stream.push(text);
  return result.append(stream.finish());
}

CleanUpStream::CleanUpStream() : pending_(kReplacements.size()) {}

std::string CleanUpStream::push(std::string_view part) {
  std::string text(part);
  for (size_t i = 0; i < kReplacements.size(); ++i) text = replace(pending_[i], text, kReplacements[i]);
  return text;
}

std::string CleanUpStream::finish() {
  std::string text;
  for (size_t i = 0; i < kReplacements.size(); ++i) {
    text = replace(pending_[i], text, kReplacements[i]);
    text.append(std::exchange(pending_[i], ""));
  }
  return text;
}

}  // namespace qkv
