#include "text/stages/normalizers.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "formats/json.h"
#include "text/stages/bert_normalizer.h"
#include "text/stages/byte_level.h"
#include "text/stages/character_rewriting.h"
#include "text/stages/precompiled_map.h"
#include "text/stages/rewriter.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  void normalize(NormalizedText& text) const override { normalize_unicode(form_, text); }
  Separable separable() const override {
    return Separable::always;
  }  // nothing composes with a space, and only spaces become something that ends with one

 private:
  NormalForm form_;
};

class Lowercase final : public Normalizer {
 public:
  void normalize(NormalizedText& text) const override { write_lower_case(text); }
  Separable separable() const override { return Separable::always; }
};

// Removes combining marks; accents of composed characters are only removed after NFD or NFKD.
class StripAccents final : public Normalizer {
 public:
  void normalize(NormalizedText& text) const override {
    if (!is_ascii(text.text)) remove_characters(text, is_combining_mark);
  }
  Separable separable() const override { return Separable::where_spaces_vanish; }  // a mark between two spaces is removed
};

// Removes white space at the ends.
class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void normalize(NormalizedText& normalized) const override {
    std::string& text = normalized.text;
    size_t begin = 0, end = text.size();
    while (left_ && begin < end) {
      const Character c = character_at(text, begin);
      if (!is_white_space(c.code_point)) break;
      begin += c.length;
    }
    while (right_ && begin < end) {
      size_t last = end - 1;
      while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
      if (!is_white_space(character_at(text, last).code_point)) break;
      end = last;
    }
    if (begin == 0 && end == text.size()) return;
    Rewriter rewriter(normalized);
    rewriter.skip(begin);
    rewriter.keep(end - begin);
    rewriter.finish(normalized);
  }

 private:
  bool left_, right_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void normalize(NormalizedText& normalized) const override {
    if (normalized.text.empty()) return;
    normalized.text.insert(0, prefix_);
    if (normalized.first_bytes > 0) normalized.first_bytes += prefix_.size();
    if (normalized.origin) normalized.origin->insert(normalized.origin->begin(), prefix_.size(), Span(normalized.origin->front()));
  }

 private:
  std::string prefix_;
};

class Replace final : public Normalizer {
 public:
  Replace(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void normalize(NormalizedText& normalized) const override {
    Rewriter rewriter(normalized);
    pattern_.find_all(normalized.text, [&](size_t begin, size_t end) {
      rewriter.keep(begin - rewriter.position());
      rewriter.skip(end - begin);
      rewriter.insert(content_);
    });
    if (rewriter.position() == 0 && rewriter.size() == 0) return;  // no match
    rewriter.keep(normalized.text.size() - rewriter.position());
    rewriter.finish(normalized);
  }

 private:
  Regex pattern_;
  std::string content_;
};

// As SentencePiece's trainers normalize text for machine translation: removes some control characters and turns some kinds of white space
// and zero-width characters into spaces.
class Nmt final : public Normalizer {
 public:
  void normalize(NormalizedText& text) const override {
    remove_characters(text, [](char32_t c) {
      return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
    });
    replace_characters(text, U' ', [](char32_t c) {
      return c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
             c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    });
  }
};

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  void normalize(NormalizedText& normalized) const override {
    for (const auto& part : parts_) part->normalize(normalized);
  }
  Separable separable() const override {
    Separable least = Separable::always;
    for (const auto& part : parts_) least = std::min(least, part->separable());
    return least;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

std::string replace_all(std::string_view text, const Regex& pattern, std::string_view replacement) {
  std::string result;
  result.reserve(text.size());
  size_t copied = 0;
  pattern.find_all(text, [&](size_t begin, size_t end) {
    result.append(text.substr(copied, begin - copied)).append(replacement);
    copied = end;
  });
  return std::move(result.append(text.substr(copied)));
}

Regex pattern_of(const JsonNode& node) {
  const JsonNode pattern = node.at("pattern");
  if (const auto literal = pattern.find("String")) return Regex::literal(literal->string());
  const JsonNode regex = pattern.at("Regex");
  return Regex(regex.string(), regex.file());
}

std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node) {
  const std::string type = node.type();
  if (type == "NFC") return std::make_unique<UnicodeForm>(NormalForm::nfc);
  if (type == "NFD") return std::make_unique<UnicodeForm>(NormalForm::nfd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(NormalForm::nfkc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(NormalForm::nfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "Strip") return std::make_unique<Strip>(node.at("strip_left").boolean(), node.at("strip_right").boolean());
  if (type == "Prepend") return std::make_unique<Prepend>(node.at("prepend").string());
  if (type == "Replace") return std::make_unique<Replace>(pattern_of(node), node.at("content").string());
  if (type == "Nmt") return std::make_unique<Nmt>();
  if (type == "ByteLevel") return make_byte_level_normalizer();
  if (type == "BertNormalizer") return make_bert_normalizer(node);
  if (type == "Precompiled") return make_precompiled_normalizer(node);
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> parts;
    for (const JsonNode& part : node.at("normalizers").items()) parts.push_back(make_normalizer(part));
    return std::make_unique<NormalizerSequence>(std::move(parts));
  }
  node.fail_unsupported("is a normalizer of the kind \"" + type + "\", which qkv does not have");
}

}  // namespace qkv
