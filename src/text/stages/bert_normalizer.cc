#include "text/stages/bert_normalizer.h"

#include "text/stages/character_rewriting.h"

namespace qkv {
namespace {

struct BertOptions {
  bool clean_text;            // removes controls and U+FFFD and turns every kind of white space into a space
  bool handle_chinese_chars;  // puts spaces around each
  bool strip_accents;
  bool lowercase;
};

// The blocks of Han characters as listed by BERT's own tokenizer: neither kana nor hangul.
bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void put_spaces_around_chinese(NormalizedText& text) {
  Rewriter rewriter(text);
  while (!rewriter.done()) {
    const Character c = rewriter.next();
    const bool chinese = is_chinese(c.code_point);
    if (chinese) rewriter.prefix(" ");
    rewriter.keep(c.length);
    if (chinese) rewriter.insert(" ");
  }
  rewriter.finish(text);
}

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(BertOptions options) : options_(options) {}

  void normalize(NormalizedText& text) const override {
    if (options_.clean_text) {
      remove_characters(text, [](char32_t c) {
        const bool white = c == '\t' || c == '\n' || c == '\r';
        return c == 0 || c == 0xFFFD || (!white && is_control(c));
      });
      replace_characters(text, U' ', is_white_space);
    }
    if (options_.handle_chinese_chars) put_spaces_around_chinese(text);
    if (options_.strip_accents) {
      normalize_unicode(NormalForm::nfd, text);
      remove_characters(text, is_nonspacing_mark);
    }
    if (options_.lowercase) write_lower_case(text);
  }
  Separable separable() const override { return Separable::where_spaces_vanish; }

 private:
  BertOptions options_;
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(const JsonNode& node) {
  const bool lowercase = node.at("lowercase").boolean();
  return std::make_unique<BertNormalizer>(BertOptions{.clean_text = node.at("clean_text").boolean(),
                                                      .handle_chinese_chars = node.at("handle_chinese_chars").boolean(),
                                                      .strip_accents = node.boolean_or("strip_accents", lowercase),
                                                      .lowercase = lowercase});
}

}  // namespace qkv
