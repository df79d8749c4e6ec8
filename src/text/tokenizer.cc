#include "qkv/tokenizer.h"

#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

namespace qkv {

struct Tokenizer::Impl {
  std::string json, config;  // the files' text, as it is saved again
  TokenizerParts parts;
  std::vector<const std::string*> tokens;   // by id; null: no token has this id
  std::vector<const std::string*> decoded;  // by id: what decode starts from
  std::vector<bool> special;                // by id

  void check(int32_t id) const {
    QKV_CHECK(id >= 0 && static_cast<size_t>(id) < tokens.size(), "there is no token of id {}: the tokenizer's ids are 0 to {}", id,
              tokens.size() - 1);
  }
  void encode_text(std::string_view text, bool starts_input, std::vector<int32_t>& ids) const;
  void encode_normalized(NormalizedText&& text, std::vector<int32_t>& ids) const;
};

// What lies between two added tokens of the raw text.
void Tokenizer::Impl::encode_text(std::string_view text, bool starts_input, std::vector<int32_t>& ids) const {
  NormalizedText normalized{std::string(text), starts_input};
  if (parts.normalizer) parts.normalizer->normalize(normalized);
  const AddedTokenFinder& finder = parts.added_tokens->normalized();
  if (finder.empty()) return encode_normalized(std::move(normalized), ids);
  for (const auto& [begin, end, id] : finder.find(normalized.text)) {
    if (id >= 0) {
      ids.push_back(id);
    } else {
      encode_normalized({normalized.text.substr(begin, end - begin), normalized.starts_input && begin == 0}, ids);
    }
  }
}

void Tokenizer::Impl::encode_normalized(NormalizedText&& text, std::vector<int32_t>& ids) const {
  PieceList list(std::move(text));
  if (parts.pre_tokenizer) parts.pre_tokenizer->apply(list);
  for (const PieceList::Piece& piece : list.pieces) parts.model->tokenize(list.view(piece), ids, nullptr);
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  TokenizerFiles files = read_tokenizer_files(path);
  return TokenizerAccess::from_json(std::move(files.json), std::move(files.config), files.name);
}

Tokenizer TokenizerAccess::from_json(std::string tokenizer_json, std::string config_json, const std::string& file) {
  auto impl = std::make_unique<Tokenizer::Impl>();
  impl->parts = parse_tokenizer_json(tokenizer_json, file);
  const Vocabulary& vocabulary = impl->parts.model->vocabulary();
  const std::vector<AddedToken>& added = impl->parts.added_tokens->tokens();
  size_t size = static_cast<size_t>(vocabulary.size());
  for (const AddedToken& token : added) size = std::max(size, static_cast<size_t>(token.id) + 1);
  impl->tokens.resize(size);
  impl->special.resize(size);
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary.token(id).empty()) impl->tokens[static_cast<size_t>(id)] = &vocabulary.token(id);
  }
  impl->decoded = impl->tokens;
  for (const AddedToken& token : added) {
    impl->tokens[static_cast<size_t>(token.id)] = &token.content;
    impl->decoded[static_cast<size_t>(token.id)] = &token.pattern;
    impl->special[static_cast<size_t>(token.id)] = token.special;
  }
  impl->json = std::move(tokenizer_json);
  impl->config = config_json.empty() ? make_tokenizer_config(added) : std::move(config_json);
  return Tokenizer(std::move(impl));
}

const std::string& TokenizerAccess::json(const Tokenizer& tokenizer) { return tokenizer.impl_->json; }

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::string valid;
  if (!is_valid_utf8(text)) text = valid = replace_invalid_utf8(text);
  std::vector<int32_t> ids;
  const AddedTokenFinder& finder = impl_->parts.added_tokens->raw();
  if (finder.empty()) {
    impl_->encode_text(text, true, ids);
  } else {
    for (const auto& [begin, end, id] : finder.find(text)) {
      if (id >= 0) {
        ids.push_back(id);
      } else {
        impl_->encode_text(text.substr(begin, end - begin), begin == 0, ids);
      }
    }
  }
  if (add_special_tokens && impl_->parts.post_processor) impl_->parts.post_processor->process(ids);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    impl_->check(id);
    const std::string* token = impl_->decoded[static_cast<size_t>(id)];
    if (!token || (skip_special_tokens && impl_->special[static_cast<size_t>(id)])) continue;
    tokens.push_back(*token);
  }
  if (impl_->parts.decoder) impl_->parts.decoder->decode(tokens);
  const char* between = impl_->parts.decoder ? "" : " ";  // as `tokenizers` does it
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) text.append(i == 0 ? "" : between).append(tokens[i]);
  return text;
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(impl_->tokens.size()); }

int32_t Tokenizer::token_to_id(std::string_view token) const {
  for (const AddedToken& added : impl_->parts.added_tokens->tokens()) {
    if (added.content == token) return added.id;
  }
  return impl_->parts.model->vocabulary().id(token);
}

const std::string& Tokenizer::id_to_token(int32_t id) const {
  static const std::string none;
  impl_->check(id);
  const std::string* token = impl_->tokens[static_cast<size_t>(id)];
  return token ? *token : none;
}

bool Tokenizer::is_special(int32_t id) const { return id >= 0 && id < vocab_size() && impl_->special[static_cast<size_t>(id)]; }

void Tokenizer::save(const std::filesystem::path& directory) const {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) fail(ErrorCode::io, "cannot make the directory {}: {}", directory.string(), error.message());
  write_file_atomically(directory / "tokenizer.json", impl_->json);
  write_file_atomically(directory / "tokenizer_config.json", impl_->config);
}

}  // namespace qkv
