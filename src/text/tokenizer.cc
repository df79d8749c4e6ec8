#include "qkv/tokenizer.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "text/files/added_tokens_json.h"
#include "text/files/tokenizer_files.h"
#include "text/files/tokenizer_json.h"
#include "text/pipeline/vocabulary.h"
#include "text/stages/clean_up.h"
#include "text/stages/word_cutting.h"
#include "text/token_models/bpe_model.h"
#include "text/token_models/word_piece_model.h"
#include "text/tokenizer_impl.h"
#include "text/unicode/unicode.h"
#include "text/unicode/valid_text.h"

namespace qkv {

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path, const TokenizerLoadOptions& options) {
  return TokenizerAccess::from_files(read_tokenizer_files(path, options));
}

Tokenizer TokenizerAccess::from_json(std::string tokenizer_json, std::string config_json, const std::string& file) {
  return from_files({.json = std::move(tokenizer_json), .config = std::move(config_json), .name = file});
}

Tokenizer TokenizerAccess::from_files(TokenizerFiles files) {
  auto impl = std::make_unique<Tokenizer::Impl>();
  if (files.model) {
    impl->parts = parse_tokenizer_json(files.without_model, files.name, std::move(files.model));
  } else if (files.beside) {
    std::string text = files.json.text();
    impl->parts = parse_tokenizer_json(text, files.name, *files.beside);
    files.json = std::move(text);
  } else {
    impl->parts = parse_tokenizer_json(files.json.text(), files.name);
  }
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
  // As in `tokenizers`, compared by text: a special token that the normalizer changes is not left out.
  const auto special_texts = special_contents(added);
  for (const std::string* text : impl->decoded) impl->skipped.push_back(text && special_texts.contains(*text));
  // Tokens that are searched in normalized text may cross the cuts.
  if (impl->parts.added_tokens->normalized().empty()) {
    impl->word_cuts = word_cuts_of(impl->parts.normalizer.get(), impl->parts.pre_tokenizer.get());
  }
  impl->json = std::move(files.json);
  impl->special_as_text = files.split_special_tokens;
  impl->config = files.config.empty() ? make_tokenizer_config(added) : std::move(files.config);
  impl->control = control_tokens(impl->config, added, size);
  impl->cleans_up = asks_for_clean_up(impl->config, impl->parts.model_is_bpe);
  return Tokenizer(std::move(impl));
}

std::vector<ByteRange> TokenizerAccess::word_ranges(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options) {
  const ValidText valid(text);
  std::vector<ByteRange> words = tokenizer.impl_->word_ranges(valid.view(), tokenizer.impl_->hidden(options));
  for (ByteRange& word : words) word = {valid.original(word.begin), valid.original(word.end)};
  return words;
}

bool TokenizerAccess::gives_token_types(const Tokenizer& tokenizer) { return qkv::gives_token_types(tokenizer.impl_->config); }

bool TokenizerAccess::marks_continuations(const Tokenizer& tokenizer) {
  const TokenModel* model = tokenizer.impl_->parts.model.get();
  if (const auto* pieces = dynamic_cast<const WordPieceModel*>(model)) return !pieces->continuing_subword_prefix().empty();
  if (const auto* pairs = dynamic_cast<const BpeModel*>(model)) return !pairs->continuing_subword_prefix().empty();
  return false;
}

const std::string& TokenizerAccess::json(const Tokenizer& tokenizer) { return tokenizer.impl_->json.text(); }

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  return encode(text, EncodeOptions{.add_special_tokens = add_special_tokens});
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (options.truncation) return encode_with_offsets(text, options).ids;
  constexpr size_t kShort = 4096;  // bytes: memory of this size is kept for the thread's next text
  static thread_local std::vector<int32_t> scratch;
  const ValidText valid(text);
  std::vector<int32_t> own;
  std::vector<int32_t>& ids = text.size() <= kShort ? scratch : own;
  ids.clear();
  impl_->encode(valid.view(), impl_->hidden(options), ids, nullptr);
  if (options.add_special_tokens && impl_->parts.post_processor) impl_->parts.post_processor->process(ids);
  return &ids == &own ? std::move(own) : std::vector<int32_t>(scratch);
}

std::vector<std::vector<int32_t>> Tokenizer::encode_batch(std::span<const std::string_view> texts, bool add_special_tokens) const {
  return encode_batch(texts, EncodeOptions{.add_special_tokens = add_special_tokens});
}

std::vector<std::vector<int32_t>> Tokenizer::encode_batch(std::span<const std::string_view> texts, const EncodeOptions& options) const {
  constexpr size_t kPart = 64;  // texts that a thread takes at a time
  std::vector<std::vector<int32_t>> all(texts.size());
  parallel_for(static_cast<int64_t>((texts.size() + kPart - 1) / kPart), [&](int64_t part) {
    const size_t begin = static_cast<size_t>(part) * kPart, end = std::min(texts.size(), begin + kPart);
    for (size_t i = begin; i < end; ++i) all[i] = encode(texts[i], options);
  });
  return all;
}

std::vector<int32_t> Tokenizer::encode_sampled(std::string_view text, const SubwordSampling& how, uint64_t seed,
                                               bool add_special_tokens) const {
  return encode_sampled(text, how, seed, EncodeOptions{.add_special_tokens = add_special_tokens});
}

std::vector<int32_t> Tokenizer::encode_sampled(std::string_view text, const SubwordSampling& how, uint64_t seed,
                                               const EncodeOptions& options) const {
  QKV_REQUIRE(!options.truncation, "a segmentation by chance is not truncated; leave the option out");
  const ValidText valid(text);
  Impl::Sampling sampling{how, RandomStream(seed)};
  std::vector<int32_t> ids;
  impl_->encode(valid.view(), impl_->hidden(options), ids, nullptr, &sampling);
  if (options.add_special_tokens && impl_->parts.post_processor) impl_->parts.post_processor->process(ids);
  return ids;
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, const EncodeOptions& options) const {
  return impl_->encode(std::array{text}, options);
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const {
  return impl_->encode(std::array{first, second}, options);
}

const std::optional<Truncation>& Tokenizer::truncation() const { return impl_->parts.truncation; }

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::string text = TokenizerAccess::decode_as_is(*this, ids, skip_special_tokens);
  return impl_->cleans_up ? clean_up(text) : text;
}

std::string TokenizerAccess::decode_as_is(const Tokenizer& tokenizer, std::span<const int32_t> ids, bool skip_special_tokens) {
  const Tokenizer::Impl& impl = *tokenizer.impl_;
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    impl.check(id);
    const std::string* token = impl.decoded[static_cast<size_t>(id)];
    if (!token || (skip_special_tokens && impl.skipped[static_cast<size_t>(id)])) continue;
    tokens.push_back(*token);
  }
  if (impl.parts.decoder) impl.parts.decoder->decode(tokens);
  const char* between = impl.parts.decoder ? "" : " ";  // as in `tokenizers`
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) text.append(i == 0 ? "" : between).append(tokens[i]);
  return text;
}

bool TokenizerAccess::is_left_out(const Tokenizer& tokenizer, int32_t id) { return tokenizer.impl_->skipped.at(static_cast<size_t>(id)); }

bool TokenizerAccess::cleans_up(const Tokenizer& tokenizer) { return tokenizer.impl_->cleans_up; }

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

int32_t Tokenizer::unknown_id() const { return impl_->parts.model->unknown_id(); }

void Tokenizer::save(const std::filesystem::path& directory) const {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path made;  // the first one that was missing
  for (fs::path each = directory; !each.empty() && !fs::exists(each, error); each = each.parent_path()) made = each;
  const bool new_file = !fs::exists(directory / "tokenizer.json", error);
  fs::create_directories(directory, error);
  if (error) fail(ErrorCode::io, "cannot make the directory {}: {}", directory.string(), error.message());
  try {
    write_file_atomically(directory / "tokenizer.json", impl_->json.text());
    write_file_atomically(directory / "tokenizer_config.json", impl_->config);
  } catch (...) {  // an incomplete tokenizer is useless
    if (new_file) fs::remove(directory / "tokenizer.json", error);
    if (!made.empty()) fs::remove_all(made, error);
    throw;
  }
}

}  // namespace qkv
