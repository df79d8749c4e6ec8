#include "text/normalizers.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "text/unicode.h"
#include "text/utf8.h"

namespace qkv {
namespace {

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  void normalize(NormalizedText& normalized) const override { normalize_unicode(form_, normalized.text); }

 private:
  NormalForm form_;
};

class Lowercase final : public Normalizer {
 public:
  void normalize(NormalizedText& normalized) const override {
    std::string& text = normalized.text;
    std::string result;
    result.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
      const Character c = character_at(text, i);
      append_lower_case(result, c.code_point);
      i += c.length;
    }
    text = std::move(result);
  }
};

// Takes combining marks away; accents of composed characters only go if NFD or NFKD came before.
class StripAccents final : public Normalizer {
 public:
  void normalize(NormalizedText& normalized) const override {
    std::string& text = normalized.text;
    if (is_ascii(text)) return;
    if (is_combining_mark(character_at(text, 0).code_point)) normalized.starts_input = false;
    std::string result;
    result.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
      const Character c = character_at(text, i);
      if (!is_combining_mark(c.code_point)) result.append(text, i, c.length);
      i += c.length;
    }
    text = std::move(result);
  }
};

// Takes white space away at the ends.
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
    if (begin > 0) normalized.starts_input = false;
    if (begin > 0 || end < text.size()) text = text.substr(begin, end - begin);
  }

 private:
  bool left_, right_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void normalize(NormalizedText& normalized) const override {
    if (!normalized.text.empty()) normalized.text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Replace final : public Normalizer {
 public:
  Replace(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void normalize(NormalizedText& normalized) const override {
    bool first_gone = false;
    const auto see = [&](size_t begin, size_t end) { first_gone = first_gone || (begin == 0 && end > 0); };
    if (content_.empty() && normalized.starts_input) pattern_.find_all(normalized.text, see);
    if (first_gone) normalized.starts_input = false;
    normalized.text = replace_all(normalized.text, pattern_, content_);
  }

 private:
  Regex pattern_;
  std::string content_;
};

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  void normalize(NormalizedText& normalized) const override {
    for (const auto& part : parts_) part->normalize(normalized);
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
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> parts;
    for (const JsonNode& part : node.at("normalizers").items()) parts.push_back(make_normalizer(part));
    return std::make_unique<NormalizerSequence>(std::move(parts));
  }
  node.fail_unsupported("is a normalizer of the kind \"" + type + "\", which qkv does not have");
}

}  // namespace qkv
