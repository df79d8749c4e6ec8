#include "text/files/marian_files.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/json_node.h"
#include "text/files/bpe_json.h"
#include "text/files/sentencepiece_file.h"
#include "text/files/sentencepiece_json.h"

namespace qkv {

std::string marian_json_of(std::string_view source, const std::string& source_file, std::string_view vocab, const std::string& vocab_file,
                           const TokenizerConfig& config) {
  if (config.flag("separate_vocabs", false)) {
    fail(ErrorCode::unsupported, "{}: the model has a vocabulary for each language (\"separate_vocabs\"), which qkv does not have",
         vocab_file);
  }
  const SentencePieceModel model = parse_sentencepiece(source, source_file);
  const nlohmann::json document = parse_json(vocab, vocab_file);
  const Vocabulary vocabulary = read_vocabulary(JsonNode(document, vocab_file));
  std::vector<std::string> tokens;
  for (int32_t id = 0; id < vocabulary.size(); ++id) tokens.push_back(vocabulary.token(id));
  const auto id_of = [&](const std::string& token) { return vocabulary.id(token); };
  const auto needed = [&](const std::string& role, const std::string& otherwise) {
    const std::string token = config.token(role, otherwise);
    const int32_t id = vocabulary.id(token);
    if (id < 0) fail(ErrorCode::bad_input, "{}: has no token \"{}\", the {}", vocab_file, shortened(token), role);
    return id;
  };
  const int32_t unk = needed("unk_token", "<unk>"), eos = needed("eos_token", "</s>");
  const std::map<std::string, std::string> roles = {{"unk_token", "<unk>"}, {"eos_token", "</s>"}, {"pad_token", "<pad>"}};
  return marian_to_json(model, tokens, unk, eos, config.added_tokens(roles, id_of));
}

void check_marian_target(std::string_view target, const std::string& file) { parse_sentencepiece(target, file); }

}  // namespace qkv
