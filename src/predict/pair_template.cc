#include "predict/pair_template.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/utf8.h"
#include "chat/template_files.h"
#include "formats/json.h"

namespace qkv {
namespace {

// Do templates like this one read a message's content as a list of parts? sentence-transformers decides by the same words.
bool reads_parts(const std::string& source) {
  constexpr std::array kSigns = {"content[0]", ".type", "'type'", "\"type\"", "message.content["};
  return std::any_of(kSigns.begin(), kSigns.end(), [&](const char* sign) { return source.find(sign) != std::string::npos; });
}

// Does the tokenizer find special tokens in the text?
bool names_special_tokens(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode(text, {.add_special_tokens = false, .special_tokens_as_text = true}) !=
         tokenizer.encode(text, {.add_special_tokens = false, .special_tokens_as_text = false});
}

}  // namespace

std::optional<PairTemplate> PairTemplate::find(const std::filesystem::path& directory, const PairFormat& format,
                                               const Tokenizer& tokenizer) {
  const bool wanted = format.form == PairFormat::Form::messages;
  const ChatTemplateFiles files = format.form == PairFormat::Form::texts ? ChatTemplateFiles() : find_chat_templates(directory);
  if (files.templates.empty()) {
    if (wanted) fail(ErrorCode::unsupported, "{}: the reranker reads messages of a chat template, which is missing", directory.string());
    return std::nullopt;
  }
  const auto source = files.templates.find("default");
  const bool parts = format.parts.value_or(source != files.templates.end() && reads_parts(source->second.text));
  PairTemplate result(ChatTemplate::load(directory), format, parts);
  try {  // a pair and two that differ in one text each
    const std::string base = result.render({"alpha", "bravo"}, ""), query = result.render({"charlie", "bravo"}, "");
    if (base != query && base != result.render({"alpha", "foxtrot"}, "")) {
      for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
        if (tokenizer.is_special(id) && !tokenizer.id_to_token(id).empty()) result.special_tokens_.push_back(tokenizer.id_to_token(id));
      }
      std::sort(result.special_tokens_.begin(), result.special_tokens_.end(),
                [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
      return result;
    }
  } catch (const Error& error) {
    if (wanted) throw;
    return std::nullopt;  // it knows no such roles
  }
  if (!wanted) return std::nullopt;
  fail(ErrorCode::unsupported, "{}: the chat template leaves out messages of the roles \"query\" and \"document\"", directory.string());
}

std::string PairTemplate::render(const RerankPair& pair, const std::string& prompt) const {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  const auto say = [&](const char* role, const std::string& text) {
    nlohmann::ordered_json content = replace_invalid_utf8(text);
    if (parts_) content = nlohmann::ordered_json::array({{{"type", "text"}, {"text", content}}});
    messages.push_back({{"role", role}, {"content", std::move(content)}});
  };
  if (!prompt.empty()) say("system", prompt);
  say("query", pair.query);
  say("document", pair.document);
  return chat_.render(messages.dump(), {.add_generation_prompt = format_.add_generation_prompt, .variables = format_.variables}).text;
}

std::vector<std::string> PairTemplate::around(const RerankPair& pair, const std::string& prompt, std::string_view rendered) const {
  constexpr std::string_view kQuery = "\uE000", kDocument = "\uE001";  // for private use: in no template
  const std::string marked = render({std::string(kQuery), std::string(kDocument)}, prompt);
  const size_t query = marked.find(kQuery), document = marked.find(kDocument);
  if (query == std::string::npos || document == std::string::npos || query > document) return {};
  std::vector<std::string> parts{marked.substr(0, query), marked.substr(query + kQuery.size(), document - query - kQuery.size()),
                                 marked.substr(document + kDocument.size())};
  const std::string again = parts[0] + replace_invalid_utf8(pair.query) + parts[1] + replace_invalid_utf8(pair.document) + parts[2];
  return again == rendered ? parts : std::vector<std::string>();
}

// Special tokens of the template are read as such, those that a text spells out are not.
std::vector<int32_t> PairTemplate::encode(const Tokenizer& tokenizer, const RerankPair& pair, const std::string& prompt) const {
  const std::string rendered = render(pair, prompt);
  const bool spelled_out = names_special_tokens(tokenizer, pair.query) || names_special_tokens(tokenizer, pair.document);
  const std::vector<std::string> parts = spelled_out ? around(pair, prompt, rendered) : std::vector<std::string>();
  if (parts.empty()) return tokenizer.encode(rendered, {.add_special_tokens = false, .special_tokens_as_text = false});
  std::vector<int32_t> ids;
  std::string text;  // since the last special token
  const auto flush = [&] {
    const auto more = tokenizer.encode(text, {.add_special_tokens = false, .special_tokens_as_text = true});
    ids.insert(ids.end(), more.begin(), more.end());
    text.clear();
  };
  for (size_t part = 0; part < parts.size(); ++part) {
    for (size_t at = 0; at < parts[part].size();) {
      const auto starts_here = [&](const std::string& token) { return parts[part].compare(at, token.size(), token) == 0; };
      if (const auto token = std::ranges::find_if(special_tokens_, starts_here); token != special_tokens_.end()) {
        flush();
        ids.push_back(tokenizer.token_to_id(*token));
        at += token->size();
      } else {
        text += parts[part][at++];
      }
    }
    if (part < 2) text += replace_invalid_utf8(part == 0 ? pair.query : pair.document);
  }
  flush();
  return ids;
}

std::vector<int32_t> PairTemplate::ending(const Tokenizer& tokenizer, const std::string& prompt) const {
  const std::vector<int32_t> first = encode(tokenizer, {"0", "0"}, prompt), second = encode(tokenizer, {"1 2 3 4", "1 2 3 4"}, prompt);
  const auto differ = std::mismatch(first.rbegin(), first.rend(), second.rbegin(), second.rend()).first;
  return differ == first.rend() ? std::vector<int32_t>() : std::vector<int32_t>(differ.base(), first.end());
}

}  // namespace qkv
