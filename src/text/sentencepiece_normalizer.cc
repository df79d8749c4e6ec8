#include "text/sentencepiece_normalizer.h"

#include <array>

#include "text/byte_trie.h"
#include "text/character_map.h"
#include "text/sentencepiece_symbols.h"
#include "text/utf8.h"

namespace qkv {
namespace {

class SentencePieceNormalizer final : public Normalizer {
 public:
  SentencePieceNormalizer(const SentencePieceModel& model, const std::string& where)
      : map_(model.character_map, where),
        user_defined_(user_defined_pieces(model)),
        space_(model.escape_whitespaces ? kSpaceSymbol : " "),
        remove_extra_(model.remove_extra_whitespaces),
        space_before_(model.add_dummy_prefix && !model.whitespace_as_suffix),
        space_behind_(model.add_dummy_prefix && model.whitespace_as_suffix) {
    for (unsigned byte = 1; byte < 0x80; ++byte) {
      uint32_t node = ByteTrie::kRoot;
      stays_[byte] =
          byte != ' ' && !map_.begins_with(static_cast<unsigned char>(byte)) && !user_defined_.step(node, static_cast<unsigned char>(byte));
    }
  }

  void normalize(NormalizedText& normalized) const override {
    const std::string_view text = normalized.text;
    size_t i = 0;
    while (remove_extra_ && i < text.size()) {
      const Part part = part_at(text, i);
      if (part.text != " ") break;
      i += part.length;
    }
    std::string result;
    if (i < text.size()) {
      result.reserve(text.size() + text.size() / 4 + 8);
      if (space_before_ && normalized.starts_input) result.append(space_);
      rewrite(text, i, result);
      while (remove_extra_ && result.ends_with(space_)) result.resize(result.size() - space_.size());
      if (space_behind_) result.append(space_);
    }
    normalized.text = std::move(result);
  }

 private:
  // What stands for the first `length` bytes at some place.
  struct Part {
    size_t length;
    std::string_view text;
  };
  Part part_at(std::string_view text, size_t i) const {
    if (const size_t length = longest_match(user_defined_, text, i); length > 0) return {length, text.substr(i, length)};
    if (const CharacterMap::Match match = map_.longest_at(text, i); match.length > 0) return {match.length, match.replacement};
    const size_t length = utf8_length(text[i]);
    return {length, text.substr(i, length)};
  }

  void rewrite(std::string_view text, size_t i, std::string& result) const {
    bool after_space = remove_extra_;
    while (i < text.size()) {
      size_t end = i;
      while (end < text.size() && stays_[static_cast<unsigned char>(text[end])]) ++end;
      if (end > i) {
        result.append(text, i, end - i);
        after_space = false;
        i = end;
        continue;
      }
      auto [length, part] = part_at(text, i);
      i += length;
      while (after_space && part.starts_with(' ')) part.remove_prefix(1);
      if (part.empty()) continue;
      for (const char c : part) c == ' ' ? void(result.append(space_)) : result.push_back(c);
      after_space = remove_extra_ && part.ends_with(' ');
    }
  }

  CharacterMap map_;
  ByteTrie user_defined_;
  std::string_view space_;
  bool remove_extra_, space_before_, space_behind_;
  std::array<bool, 256> stays_{};  // bytes that are characters which nothing changes
};

}  // namespace

std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const SentencePieceModel& model, const std::string& where) {
  return std::make_unique<SentencePieceNormalizer>(model, where);
}

}  // namespace qkv
