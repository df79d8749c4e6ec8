#include "text/stages/pre_tokenizers.h"

#include <algorithm>
#include <utility>

#include "formats/json.h"
#include "text/stages/byte_level.h"
#include "text/stages/metaspace.h"
#include "text/stages/normalizers.h"
#include "text/stages/splitting.h"
#include "text/stages/unicode_scripts.h"
#include "text/unicode/split_patterns.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

// Splits at every character of a class: WhitespaceSplit, Punctuation, Digits.
class CharacterSplit final : public PreTokenizer {
 public:
  CharacterSplit(bool (*is_match)(char32_t), SplitBehavior behavior, WordCuts cuts = WordCuts::none)
      : is_match_(is_match), behavior_(behavior), cuts_(cuts) {}
  void apply(PieceList& list) const override {
    split_pieces(list, behavior_, [&](std::string_view text, std::vector<SplitPart>& parts) { find_characters(text, parts, is_match_); });
  }
  WordCuts word_cuts() const override { return cuts_; }

 private:
  bool (*is_match_)(char32_t);
  SplitBehavior behavior_;
  WordCuts cuts_;
};

// \w+|[^\w\s]+: words, and runs of other characters except white space.
class Whitespace final : public PreTokenizer {
 public:
  void apply(PieceList& list) const override {
    split_pieces(list, SplitBehavior::removed, [](std::string_view text, std::vector<SplitPart>& parts) {
      int last = kSpace;
      for (size_t i = 0; i < text.size();) {
        const Character c = character_at(text, i);
        const int kind = is_word_character(c.code_point) ? kWord : is_white_space(c.code_point) ? kSpace : kOther;
        if (i == 0 || kind != last) {
          parts.push_back({i, i, kind == kSpace});
          last = kind;
        }
        i += c.length;
        parts.back().end = i;
      }
    });
  }
  WordCuts word_cuts() const override { return WordCuts::spaces_vanish; }

 private:
  enum { kWord, kSpace, kOther };
};

class PatternSplit final : public PreTokenizer {
 public:
  PatternSplit(Regex pattern, SplitBehavior behavior, bool invert, WordCuts cuts)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert), cuts_(cuts) {}
  void apply(PieceList& list) const override {
    split_pieces(list, behavior_, [&](std::string_view text, std::vector<SplitPart>& parts) {
      size_t done = 0;
      pattern_.find_all(text, [&](size_t begin, size_t end) {
        if (done < begin) parts.push_back({done, begin, invert_});
        parts.push_back({begin, end, !invert_});
        done = end;
      });
      if (done < text.size()) parts.push_back({done, text.size(), invert_});
    });
  }
  WordCuts word_cuts() const override { return cuts_; }

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
  WordCuts cuts_;
};

// Splits at a character and removes it.
class DelimiterSplit final : public PreTokenizer {
 public:
  explicit DelimiterSplit(char32_t delimiter) : delimiter_(delimiter) {}
  void apply(PieceList& list) const override {
    split_pieces(list, SplitBehavior::removed, [&](std::string_view text, std::vector<SplitPart>& parts) {
      find_characters(text, parts, [&](char32_t c) { return c == delimiter_; });
    });
  }

 private:
  char32_t delimiter_;
};

// BERT's: words between white space, with every punctuation character separate.
class BertPreTokenizer final : public PreTokenizer {
 public:
  void apply(PieceList& list) const override {
    split_pieces(list, SplitBehavior::removed,
                 [](std::string_view text, std::vector<SplitPart>& parts) { find_characters(text, parts, is_white_space); });
    split_pieces(list, SplitBehavior::isolated,
                 [](std::string_view text, std::vector<SplitPart>& parts) { find_characters(text, parts, is_punctuation); });
  }
  WordCuts word_cuts() const override { return WordCuts::spaces_vanish; }
};

// Splits into pieces of a fixed number of characters; the last one may be shorter.
class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(int64_t length) : length_(length) {}
  void apply(PieceList& list) const override {
    split_pieces(list, SplitBehavior::isolated, [&](std::string_view text, std::vector<SplitPart>& parts) {
      size_t begin = 0;
      while (begin < text.size()) {
        size_t end = begin;
        for (int64_t i = 0; i < length_ && end < text.size(); ++i) end += utf8_length(text[end]);
        parts.push_back({begin, end, true});
        begin = end;
      }
    });
  }

 private:
  int64_t length_;
};

class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  void apply(PieceList& list) const override {
    for (const auto& part : parts_) part->apply(list);
  }
  // Later stages only see the pieces that the first stage makes.
  WordCuts word_cuts() const override {
    const WordCuts first = parts_.empty() ? WordCuts::none : parts_[0]->word_cuts();
    return first == WordCuts::gpt2 && parts_.size() > 1 ? WordCuts::spaces : first;
  }
  bool looks_at_place() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->looks_at_place(); });
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

WordCuts word_cuts_of(const JsonNode& split, SplitBehavior behavior) {
  const auto regex = split.at("pattern").find("Regex");
  if (!regex || behavior != SplitBehavior::isolated) return WordCuts::none;
  return patterns::begins_words_with_spaces(regex->string()) ? WordCuts::spaces : WordCuts::none;
}

SplitBehavior behavior_of(const JsonNode& node) {
  const auto behavior = split_behavior(node.string());
  if (!behavior) node.fail("must be \"Removed\", \"Isolated\", \"MergedWithPrevious\", \"MergedWithNext\" or \"Contiguous\"");
  return *behavior;
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode& node) {
  const std::string type = node.type();
  if (type == "Metaspace") return make_metaspace_pre_tokenizer(metaspace_options(node));
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit") return std::make_unique<CharacterSplit>(is_white_space, SplitBehavior::removed, WordCuts::spaces_vanish);
  if (type == "Punctuation") {
    const auto behavior = node.find("behavior");
    return std::make_unique<CharacterSplit>(is_punctuation, behavior ? behavior_of(*behavior) : SplitBehavior::isolated);
  }
  if (type == "Digits") {
    const bool individual = node.boolean_or("individual_digits", false);
    return std::make_unique<CharacterSplit>(is_numeric, individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type == "Split") {
    const SplitBehavior behavior = behavior_of(node.at("behavior"));
    return std::make_unique<PatternSplit>(pattern_of(node), behavior, node.boolean_or("invert", false), word_cuts_of(node, behavior));
  }
  if (type == "ByteLevel") {
    return make_byte_level_pre_tokenizer(node.boolean_or("add_prefix_space", true), node.boolean_or("use_regex", true));
  }
  if (type == "BertPreTokenizer") return std::make_unique<BertPreTokenizer>();
  if (type == "UnicodeScripts") return make_unicode_scripts_pre_tokenizer();
  if (type == "CharDelimiterSplit") {
    const std::string delimiter = node.at("delimiter").string();
    if (delimiter.empty() || utf8_length(delimiter[0]) != delimiter.size()) node.at("delimiter").fail("must be one character");
    return std::make_unique<DelimiterSplit>(character_at(delimiter, 0).code_point);
  }
  if (type == "FixedLength") {
    const int64_t length = node.at("length").integer();
    if (length < 1) node.at("length").fail("must be at least 1");
    return std::make_unique<FixedLength>(length);
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PreTokenizer>> parts;
    for (const JsonNode& part : node.at("pretokenizers").items()) parts.push_back(make_pre_tokenizer(part));
    return std::make_unique<PreTokenizerSequence>(std::move(parts));
  }
  node.fail_unsupported("is a pre-tokenizer of the kind \"" + type + "\", which qkv does not have");
}

}  // namespace qkv
