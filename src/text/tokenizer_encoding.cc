// From a text to its ids: added tokens, words or normalized text, pieces, and the model.
#include <algorithm>
#include <deque>
#include <utility>

#include "base/utf8.h"
#include "text/pipeline/encoding.h"
#include "text/pipeline/vocabulary.h"
#include "text/stages/token_spaces.h"
#include "text/stages/word_cutting.h"
#include "text/tokenizer_impl.h"
#include "text/unicode/valid_text.h"

namespace qkv {
namespace {

// For each byte of a text, the bytes of the input that hold its character.
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
  encode(text, output);
}

std::vector<Span> Tokenizer::Impl::word_ranges(std::string_view text, Hidden hidden) const {
  std::vector<int32_t> ids;
  std::vector<EncodedToken> tokens;
  std::vector<Span> words;
  Output output{ids, &tokens, nullptr, hidden, {}, &words};
  encode(text, output);
  return words;
}

void Tokenizer::Impl::encode(std::string_view text, Output& output) const {
  const AddedTokenFinder& finder = parts.added_tokens->raw();
  if (finder.empty() || !finder.may_find(text)) return encode_section(text, {0, text.size()}, output);
  for (const auto& [begin, end, id] : finder.find(text, output.hidden)) {
    if (id >= 0) {
      add_word({begin, end}, output);
      add_token(id, {begin, end}, text.substr(begin, end - begin), output);
    } else {
      encode_section(text, {begin, end}, output);
    }
  }
}

// Encodes the raw text between two added tokens.
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
      if (whole.origin) add_word(offsets_of(whole.origin, begin, end), output);
      add_token(id, whole.origin ? offsets_of(whole.origin, begin, end) : Span{}, text, output);
      continue;
    }
    NormalizedText part(text);
    part.first_bytes = whole.first_bytes - std::min(begin, whole.first_bytes);
    if (whole.origin) part.origin.emplace(whole.origin->data() + begin, whole.origin->data() + end);
    encode_normalized(std::move(part), output);
  }
}

// Encodes a text word by word. Cached words may contain special tokens; a word that does is encoded again as ordinary text.
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
    add_word(offsets_of(list.origin, piece.begin, piece.end), output);
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

}  // namespace qkv
