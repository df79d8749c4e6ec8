#include "text/files/marian_files.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/utf8.h"
#include "formats/json.h"
#include "formats/json_node.h"
#include "formats/yaml.h"
#include "text/files/bpe_json.h"
#include "text/files/sentencepiece_file.h"
#include "text/files/sentencepiece_json.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

// Marian's tokens and ids, which are strings in YAML, and "<pad>" with the next id.
nlohmann::json with_padding(nlohmann::json ids, const std::string& file) {
  if (!ids.is_object()) fail(ErrorCode::bad_input, "{}: a mapping from tokens to ids was expected", file);
  int64_t next = 0;
  for (auto& [token, id] : ids.items()) {
    if (id.is_string()) {
      const std::string text = id.get<std::string>();
      int32_t number = -1;
      const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || stop != text.data() + text.size() || number < 0) {
        fail(ErrorCode::bad_input, "{}: the id of \"{}\" is \"{}\"", file, shortened(token, 60), shortened(text, 60));
      }
      id = number;
    }
    next = std::max(next, id.get<int64_t>() + 1);
  }
  if (!ids.contains("<pad>")) ids["<pad>"] = next;
  return ids;
}

std::string json_of(const SentencePieceModel& model, const nlohmann::json& ids, const std::string& vocab_file,
                    const TokenizerConfig& config) {
  const Vocabulary vocabulary = read_vocabulary(JsonNode(ids, vocab_file));
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

}  // namespace

std::string marian_json_of(std::string_view source, const std::string& source_file, std::string_view vocab, const std::string& vocab_file,
                           const TokenizerConfig& config) {
  if (config.flag("separate_vocabs", false)) {
    fail(ErrorCode::unsupported, "{}: the model has a vocabulary for each language (\"separate_vocabs\"), which qkv does not have",
         vocab_file);
  }
  return json_of(parse_sentencepiece(source, source_file), parse_json(vocab, vocab_file), vocab_file, config);
}

std::string marian_json_of(const MarianDirectory& directory) {
  const fs::path& vocabulary = directory.vocabularies.front();
  for (const fs::path& other : directory.vocabularies) {
    if (other == vocabulary) continue;
    fail(ErrorCode::unsupported, "{}: {} and {} are vocabularies for each language, which qkv does not have", directory.settings.string(),
         vocabulary.filename().string(), other.filename().string());
  }
  const std::string file = vocabulary.string();
  if (vocabulary.extension() == ".spm") {
    const SentencePieceModel model = parse_sentencepiece(MappedFile(vocabulary).text(), file);
    nlohmann::json ids = nlohmann::json::object();
    for (const SentencePieceModel::Piece& piece : model.pieces) ids.emplace(piece.text, ids.size());
    return json_of(model, with_padding(std::move(ids), file), file, {});
  }
  const fs::path source = vocabulary.parent_path() / "source.spm";
  if (!is_file(source)) {
    fail(ErrorCode::unsupported, "{} has no source.spm; the texts of such a model are cut by scripts of its own (preprocess.sh)",
         vocabulary.parent_path().string());
  }
  return json_of(parse_sentencepiece(MappedFile(source).text(), source.string()),
                 with_padding(parse_yaml(MappedFile(vocabulary).text(), file), file), file, {});
}

void check_marian_target(std::string_view target, const std::string& file) { parse_sentencepiece(target, file); }

}  // namespace qkv
