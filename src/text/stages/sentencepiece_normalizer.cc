#include "text/stages/sentencepiece_normalizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "text/stages/precompiled_map.h"
#include "text/token_models/byte_trie.h"
#include "text/token_models/sentencepiece_symbols.h"

namespace qkv {
namespace {

class SentencePieceNormalizer final : public Normalizer {
 public:
  SentencePieceNormalizer(const SentencePieceModel& model, const std::string& where)
      : user_defined_(user_defined_pieces(model)),
        space_(model.escape_whitespaces ? kSpaceSymbol : " "),
        remove_extra_(model.remove_extra_whitespaces),
        space_before_(model.add_dummy_prefix && !model.whitespace_as_suffix),
        space_behind_(model.add_dummy_prefix && model.whitespace_as_suffix),
        prefix_(model.prefix) {
    if (!model.character_map.empty()) map_.emplace(model.character_map, where);
    for (unsigned byte = 1; byte < 0x80; ++byte) stays_[byte] = stays(static_cast<char>(byte));
    space_stays_ = std::exchange(stays_[' '], false);
  }

  void normalize(NormalizedText& normalized) const override {
    const std::string_view text = normalized.text;
    size_t i = 0;
    while (remove_extra_ && i < text.size()) {
      const Part part = part_at(text, i);
      if (part.text != " ") break;
      i += part.length;
    }
    Output output{.first_bytes = normalized.first_bytes, .from = normalized.origin ? normalized.origin->data() : nullptr};
    if (i < text.size()) {
      output.text.reserve(text.size() + text.size() / 4 + 8);
      if (space_before_ && gets_prefix(normalized, i)) output.append(space_, i, 0);
      rewrite(text, i, output);
      while (remove_extra_ && output.text.ends_with(space_)) output.text.resize(output.text.size() - space_.size());
      output.cut_to_text();
      if (space_behind_) output.append(space_, text.size() - 1, 0);
    }
    normalized.text = std::move(output.text);
    normalized.first_bytes = output.new_first_bytes;
    if (normalized.origin) normalized.origin = std::move(output.origin);
  }

 private:
  // `begin`: the start of the text that is left.
  bool gets_prefix(const NormalizedText& normalized, size_t begin) const {
    using Prefix = SentencePieceModel::Prefix;
    const bool first = normalized.first_bytes > 0;
    const bool at_space = part_at(normalized.text, begin).text.starts_with(' ') || normalized.text.compare(begin, 3, kSpaceSymbol) == 0;
    switch (prefix_) {
      case Prefix::first: return first;
      case Prefix::each: return true;
      case Prefix::first_unless_space: return first && begin == 0 && !at_space;
      case Prefix::each_unless_space: return !at_space;
      case Prefix::never: return false;
    }
    return false;
  }

  // The replacement of the first `length` bytes at some place.
  struct Part {
    size_t length;
    std::string_view text;
  };
  Part part_at(std::string_view text, size_t i) const {
    if (const size_t length = longest_match(user_defined_, text, i); length > 0) return {length, text.substr(i, length)};
    if (map_) {
      if (const PrecompiledMap::Match match = map_->find_longest(text.substr(i)); match.length > 0)
        return {match.length, match.replacement};
    }
    const size_t length = utf8_length(text[i]);
    return {length, text.substr(i, length)};
  }

  // Whether an ASCII character is unchanged whenever the next one is ASCII, too. Most maps have keys that begin with one and continue with
  // an accent.
  bool stays(char character) const {
    if ((map_ && map_->find({&character, 1})) || user_defined_.find({&character, 1}) >= 0) return false;
    for (int next = 0; next < 0x80; ++next) {
      const char both[] = {character, static_cast<char>(next)};
      if ((map_ && map_->has_key_from({both, 2})) || user_defined_.node_of({both, 2}) != ByteTrie::kNowhere) return false;
    }
    return true;
  }
  static bool ascii_or_end(std::string_view text, size_t i) { return i == text.size() || static_cast<unsigned char>(text[i]) < 0x80; }

  // The new text, and the origin of each of its bytes.
  struct Output {
    std::string text;
    size_t first_bytes;  // as in NormalizedText, for the old text
    size_t new_first_bytes = 0;
    const Span* from;  // origin of each byte of the old text; null: not wanted
    std::vector<Span> origin;
    // Replaces `length` bytes of the old text from `begin` on by `part`; length 0 inserts it before the byte at `begin`.
    void append(std::string_view part, size_t begin, size_t length) {
      text.append(part);
      if (begin < first_bytes) new_first_bytes = text.size();
      if (!from) return;
      const Span span{from[begin].begin, length > 0 ? from[begin + length - 1].end : from[begin].begin};
      origin.insert(origin.end(), part.size(), span);
    }
    // Keeps bytes [begin, end) of the old text.
    void keep(std::string_view old, size_t begin, size_t end) {
      if (begin < first_bytes) new_first_bytes = text.size() + std::min(end, first_bytes) - begin;
      text.append(old, begin, end - begin);
      if (from) origin.insert(origin.end(), from + begin, from + end);
    }
    void cut_to_text() {
      if (from) origin.resize(text.size());
      new_first_bytes = std::min(new_first_bytes, text.size());
    }
  };

  void rewrite(std::string_view text, size_t i, Output& output) const {
    bool after_space = remove_extra_;
    while (i < text.size()) {
      size_t end = i;
      while (end < text.size() && stays_[static_cast<unsigned char>(text[end])]) ++end;
      if (end > i && !ascii_or_end(text, end)) --end;
      if (end > i) {
        output.keep(text, i, end);
        after_space = false;
        i = end;
        continue;
      }
      const bool plain_space = text[i] == ' ' && space_stays_ && ascii_or_end(text, i + 1);
      auto [length, part] = plain_space ? Part{1, " "} : part_at(text, i);
      while (after_space && part.starts_with(' ')) part.remove_prefix(1);
      if (!part.empty()) after_space = remove_extra_ && part.ends_with(' ');
      while (!part.empty()) {
        const size_t space = part.find(' ');
        if (space > 0) output.append(part.substr(0, space), i, length);
        if (space == std::string_view::npos) break;
        output.append(space_, i, length);
        part.remove_prefix(space + 1);
      }
      i += length;
    }
  }

  std::optional<PrecompiledMap> map_;
  ByteTrie user_defined_;
  std::string_view space_;
  bool remove_extra_, space_before_, space_behind_;
  SentencePieceModel::Prefix prefix_;
  std::array<bool, 256> stays_{};  // ASCII characters that are unchanged if the next one is ASCII
  bool space_stays_ = false;
};

}  // namespace

std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const SentencePieceModel& model, const std::string& where) {
  return std::make_unique<SentencePieceNormalizer>(model, where);
}

}  // namespace qkv
