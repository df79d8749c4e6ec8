#include "qkv/tokenizer.h"

#include <algorithm>
#include <array>
#include <deque>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "base/utf8.h"
#include "text/files/added_tokens_json.h"
#include "text/files/tokenizer_files.h"
#include "text/files/tokenizer_json.h"
#include "text/files/tokenizer_parts.h"
#include "text/pipeline/encoding.h"
#include "text/pipeline/vocabulary.h"
#include "text/stages/clean_up.h"
#include "text/stages/token_spaces.h"
#include "text/stages/word_cutting.h"
#include "text/token_models/word_cache.h"
#include "text/unicode/unicode.h"
#include "text/unicode/valid_text.h"

namespace qkv {

struct Tokenizer::Impl {
  LazyText json;       // the files' text, as it is saved again
  std::string config;  // likewise
  TokenizerParts parts;
  std::vector<const std::string*> tokens;   // by id; null: no token has this id
  std::vector<const std::string*> decoded;  // by id: what decode starts from
  std::vector<bool> special;                // by id
  std::vector<bool> skipped;                // by id, in decoding without special tokens
  std::vector<bool> control;                // special ones with a role: beginning, end, padding, unknown, ...
  WordCuts word_cuts = WordCuts::none;      // where texts are cut for encoding without offsets
  WordCache words;                          // ids of what lies between such cuts
  bool special_as_text = false;             // where the options do not say it
  bool cleans_up = false;                   // does decode take spaces out?

  // Ids that do not come from a text: its spelling of them is text. Null: there are none.
  using Hidden = const std::vector<bool>*;

  void check(int32_t id) const {
    QKV_CHECK(id >= 0 && static_cast<size_t>(id) < tokens.size(), "there is no token of id {}: the tokenizer's ids are 0 to {}", id,
              tokens.size() - 1);
  }
  // Segmentations by chance.
  struct Sampling {
    const SubwordSampling& how;
    RandomStream random;
  };
  // Ids of a text, appended to `ids`; and to `tokens`, where that is not null, the ids and what is known of each, besides their text.
  void encode(std::string_view text, Hidden hidden, std::vector<int32_t>& ids, std::vector<EncodedToken>* tokens,
              Sampling* sampling = nullptr) const;
  Encoding encode(std::span<const std::string_view> texts, const EncodeOptions& options) const;
  Hidden hidden(const EncodeOptions& options) const {
    if (!options.special_tokens_as_text.value_or(special_as_text)) return nullptr;
    return options.find_tags ? &control : &special;
  }

 private:
  struct Output {
    std::vector<int32_t>& ids;
    std::vector<EncodedToken>* tokens;
    Sampling* sampling;
    Hidden hidden;
    std::vector<Span> spans;  // scratch
  };
  void encode_section(std::string_view input, Span section, Output& output) const;
  void encode_words(std::string_view text, Output& output) const;
  void encode_normalized(NormalizedText&& text, Output& output) const;
  void encode_piece(std::string_view piece, std::vector<int32_t>& ids, std::vector<Span>* spans, const Output& output) const;
  void add_token(int32_t id, Span offsets, std::string_view text, Output& output) const;
};

namespace {

// Each byte of the characters of a text with the bytes of the input that hold its character.
std::vector<Span> characters_of(std::string_view text, size_t input_begin) {
  std::vector<Span> origin;
  origin.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text[i]);
    origin.insert(origin.end(), length, Span{input_begin + i, input_begin + i + length});
    i += length;
  }
  return origin;
}

Span offsets_of(const Origin& origin, size_t begin, size_t end) { return {(*origin)[begin].begin, (*origin)[end - 1].end}; }

}  // namespace

void Tokenizer::Impl::add_token(int32_t id, Span offsets, std::string_view text, Output& output) const {
  output.ids.push_back(id);
  if (output.tokens) {
    output.tokens->push_back(
        {.id = id, .offsets = offsets, .leading_spaces = leading_spaces(text), .trailing_spaces = trailing_spaces(text)});
  }
}

void Tokenizer::Impl::encode(std::string_view text, Hidden hidden, std::vector<int32_t>& ids, std::vector<EncodedToken>* tokens,
                             Sampling* sampling) const {
  Output output{ids, tokens, sampling, hidden, {}};
  const AddedTokenFinder& finder = parts.added_tokens->raw();
  if (finder.empty() || !finder.may_find(text)) return encode_section(text, {0, text.size()}, output);
  for (const auto& [begin, end, id] : finder.find(text, hidden)) {
    if (id >= 0) {
      add_token(id, {begin, end}, text.substr(begin, end - begin), output);
    } else {
      encode_section(text, {begin, end}, output);
    }
  }
}

// What lies between two added tokens of the raw text.
void Tokenizer::Impl::encode_section(std::string_view input, Span section, Output& output) const {
  if (word_cuts != WordCuts::none && !output.tokens && !output.sampling) {
    return encode_words(input.substr(section.begin, section.end - section.begin), output);
  }
  NormalizedText whole(input.substr(section.begin, section.end - section.begin), section.begin);
  if (output.tokens) whole.origin = characters_of(whole.text, section.begin);
  if (parts.normalizer) parts.normalizer->normalize(whole);
  const AddedTokenFinder& finder = parts.added_tokens->normalized();
  if (finder.empty() || !finder.may_find(whole.text)) return encode_normalized(std::move(whole), output);
  for (const auto& [begin, end, id] : finder.find(whole.text, output.hidden)) {
    const std::string_view text = std::string_view(whole.text).substr(begin, end - begin);
    if (id >= 0) {
      add_token(id, whole.origin ? offsets_of(whole.origin, begin, end) : Span{}, text, output);
      continue;
    }
    NormalizedText part(text);
    part.first_bytes = whole.first_bytes - std::min(begin, whole.first_bytes);
    if (whole.origin) part.origin.emplace(whole.origin->data() + begin, whole.origin->data() + end);
    encode_normalized(std::move(part), output);
  }
}

// The same word by word. The words that are kept are read as with special tokens; where one has such, it is read again as text.
void Tokenizer::Impl::encode_words(std::string_view text, Output& output) const {
  const Hidden hidden = std::exchange(output.hidden, nullptr);
  const auto encode_word = [&](std::string_view word) {
    NormalizedText whole(word);
    if (parts.normalizer) parts.normalizer->normalize(whole);
    encode_normalized(std::move(whole), output);
  };
  WordQueue queue(words, [&](std::string_view word, const WordCache::Key& key) {
    const size_t before = output.ids.size();
    if (!words.find(key, output.ids)) {
      encode_word(word);
      words.keep(key, std::span(output.ids).subspan(before));
    }
    if (!hidden) return;
    const auto is_special = [&](int32_t id) { return (*hidden)[static_cast<size_t>(id)]; };
    if (std::none_of(output.ids.begin() + static_cast<ptrdiff_t>(before), output.ids.end(), is_special)) return;
    output.ids.resize(before);
    output.hidden = hidden;
    encode_word(word);
    output.hidden = nullptr;
  });
  for_each_word(word_cuts, text, [&](std::string_view word) { queue.push(word); });
  queue.finish();
  output.hidden = hidden;
}

void Tokenizer::Impl::encode_piece(std::string_view piece, std::vector<int32_t>& ids, std::vector<Span>* spans,
                                   const Output& output) const {
  if (Sampling* sampling = output.sampling) {
    const size_t before = ids.size();
    parts.model->sample(piece, sampling->how, sampling->random, ids, spans);
    if (!output.hidden || !gives_special(*parts.model, piece, std::span(ids).subspan(before), *output.hidden)) return;
    ids.resize(before);
  }
  if (output.hidden) {
    parts.model->tokenize_as_text(piece, *output.hidden, ids, spans);
  } else {
    parts.model->tokenize(piece, ids, spans);
  }
}

void Tokenizer::Impl::encode_normalized(NormalizedText&& text, Output& output) const {
  PieceList list(std::move(text));
  if (parts.pre_tokenizer) parts.pre_tokenizer->apply(list);
  if (!output.tokens) {
    for (const PieceList::Piece& piece : list.pieces) encode_piece(list.view(piece), output.ids, nullptr, output);
    return;
  }
  std::vector<int32_t> ids;
  for (const PieceList::Piece& piece : list.pieces) {
    ids.clear();
    output.spans.clear();
    encode_piece(list.view(piece), ids, &output.spans, output);
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto [begin, end] = output.spans[i];
      const Span offsets = begin < end ? offsets_of(list.origin, piece.begin + begin, piece.begin + end) : Span{};
      add_token(ids[i], offsets, parts.model->vocabulary().token(ids[i]), output);
    }
  }
}

Encoding Tokenizer::Impl::encode(std::span<const std::string_view> texts, const EncodeOptions& options) const {
  std::deque<ValidText> valid;
  std::vector<std::string_view> inputs;
  std::vector<EncodedText> encoded(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    inputs.push_back(valid.emplace_back(texts[i]).view());
    std::vector<int32_t> ids;
    encode(inputs[i], hidden(options), ids, &encoded[i].tokens);
    for (EncodedToken& token : encoded[i].tokens) token.sequence = token.type_id = static_cast<int32_t>(i);
  }
  if (options.truncation) {
    const bool adding = options.add_special_tokens && parts.post_processor;
    truncate(encoded, *options.truncation, adding ? parts.post_processor->added_tokens(texts.size() == 2) : 0);
  }
  if (parts.post_processor) parts.post_processor->process(encoded, inputs, options.add_special_tokens);
  EncodedText whole = join(std::move(encoded));
  const auto to_original = [&](std::vector<EncodedToken>& tokens) {
    for (EncodedToken& token : tokens) {
      if (token.sequence < 0) continue;
      const ValidText& text = valid[static_cast<size_t>(token.sequence)];
      token.offsets = {text.original(token.offsets.begin), text.original(token.offsets.end)};
    }
  };
  to_original(whole.tokens);
  for (std::vector<EncodedToken>& tokens : whole.overflowing) to_original(tokens);
  return finished(whole);
}

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
  // As `tokenizers` does it, by text: a special token that the normalizer changes is not left out.
  const auto special_texts = special_contents(added);
  for (const std::string* text : impl->decoded) impl->skipped.push_back(text && special_texts.contains(*text));
  // What is looked for in normalized text may lie across the cuts.
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

const std::string& TokenizerAccess::json(const Tokenizer& tokenizer) { return tokenizer.impl_->json.text(); }

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  return encode(text, EncodeOptions{.add_special_tokens = add_special_tokens});
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (options.truncation) return encode_with_offsets(text, options).ids;
  constexpr size_t kShort = 4096;  // bytes: what grows for such a text is kept for the thread's next one
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
  QKV_CHECK(!options.truncation, "a segmentation by chance is not truncated; leave the option out");
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
  const char* between = impl.parts.decoder ? "" : " ";  // as `tokenizers` does it
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
  } catch (...) {  // half a tokenizer is none
    if (new_file) fs::remove(directory / "tokenizer.json", error);
    if (!made.empty()) fs::remove_all(made, error);
    throw;
  }
}

}  // namespace qkv
