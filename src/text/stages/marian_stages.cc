#include "text/stages/marian_stages.h"

#include <unordered_set>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

class MarianPreTokenizer final : public PreTokenizer {
 public:
  explicit MarianPreTokenizer(std::unique_ptr<Normalizer> normalizer) : normalizer_(std::move(normalizer)) {}

  void apply(PieceList& list) const override {
    const std::string text = std::move(list.text);
    const Origin origin = std::move(list.origin);
    list = PieceList();
    if (origin) list.origin.emplace();
    size_t code = 0;
    if (text.starts_with(">>")) {
      if (const size_t end = text.find("<<"); end != std::string::npos) code = end + 2;
    }
    const auto add = [&](NormalizedText&& part) {
      if (part.text.empty()) return;
      if (list.text.empty()) list.first_bytes = part.first_bytes;
      list.pieces.push_back({list.text.size(), list.text.size() + part.text.size()});
      list.text.append(part.text);
      if (origin) list.origin->insert(list.origin->end(), part.origin->begin(), part.origin->end());
    };
    const auto part_of = [&](size_t begin, size_t end) {  // text behind the code is normalized as if nothing preceded it
      NormalizedText part(std::string_view(text).substr(begin, end - begin));
      if (origin) part.origin.emplace(origin->begin() + static_cast<ptrdiff_t>(begin), origin->begin() + static_cast<ptrdiff_t>(end));
      return part;
    };
    add(part_of(0, code));
    NormalizedText rest = part_of(code, text.size());
    normalizer_->normalize(rest);
    add(std::move(rest));
  }

 private:
  std::unique_ptr<Normalizer> normalizer_;
};

class MarianModel final : public TokenModel {
 public:
  MarianModel(std::unique_ptr<TokenModel> pieces, Vocabulary vocabulary, const std::string& unk)
      : pieces_(std::move(pieces)), vocabulary_(std::move(vocabulary)), unk_(vocabulary_.id(unk)) {
    const Vocabulary& own = pieces_->vocabulary();
    for (int32_t id = 0; id < own.size(); ++id) ids_.push_back(vocabulary_.id(own.token(id)));
  }

  void tokenize(std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const override {
    if (is_code(word)) {
      ids.push_back(id_or_unk(word));
      if (spans) spans->push_back({0, word.size()});
      return;
    }
    std::vector<int32_t> pieces;
    std::vector<Span> where;
    pieces_->tokenize(word, pieces, &where);
    for (size_t i = 0; i < pieces.size(); ++i) {
      const int32_t known = ids_[static_cast<size_t>(pieces[i])];
      const std::string_view text = word.substr(where[i].begin, where[i].end - where[i].begin);
      ids.push_back(pieces_->vocabulary().token(pieces[i]) == text && known >= 0 ? known : id_or_unk(text));
      if (spans) spans->push_back(where[i]);
    }
  }
  // A language code is never text, whatever the vocabulary calls it.
  void tokenize_as_text(std::string_view word, const std::vector<bool>& special, std::vector<int32_t>& ids,
                        std::vector<Span>* spans) const override {
    if (is_code(word)) return tokenize(word, ids, spans);
    TokenModel::tokenize_as_text(word, special, ids, spans);
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  int32_t unknown_id() const override { return unk_; }

 private:
  static bool is_code(std::string_view word) { return word.starts_with(">>") && word.ends_with("<<"); }
  int32_t id_or_unk(std::string_view token) const {
    const int32_t id = vocabulary_.id(token);
    return id < 0 ? unk_ : id;
  }

  std::unique_ptr<TokenModel> pieces_;
  Vocabulary vocabulary_;
  int32_t unk_;
  std::vector<int32_t> ids_;  // by piece; -1: not in the vocabulary
};

class MarianDecoder final : public Decoder {
 public:
  MarianDecoder(std::unique_ptr<Decoder> pieces, std::vector<std::string> special)
      : pieces_(std::move(pieces)), special_(special.begin(), special.end()) {}

  void decode(std::vector<std::string>& tokens) const override {
    std::string text;
    std::vector<std::string> section;
    const auto flush = [&] {
      pieces_->decode(section);
      for (const std::string& part : section) text.append(part);
      section.clear();
    };
    for (std::string& token : tokens) {
      if (special_.contains(token)) {
        flush();
        text.append(token).push_back(' ');
      } else {
        section.push_back(std::move(token));
      }
    }
    flush();
    tokens.assign(1, std::string(stripped(text)));
  }

 private:
  static std::string_view stripped(std::string_view text) {
    while (!text.empty() && is_white_space(character_at(text, 0).code_point)) text.remove_prefix(utf8_length(text[0]));
    while (!text.empty()) {
      size_t last = text.size() - 1;
      while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
      if (!is_white_space(character_at(text, last).code_point)) break;
      text = text.substr(0, last);
    }
    return text;
  }

  std::unique_ptr<Decoder> pieces_;
  std::unordered_set<std::string> special_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_marian_pre_tokenizer(std::unique_ptr<Normalizer> normalizer) {
  return std::make_unique<MarianPreTokenizer>(std::move(normalizer));
}

std::unique_ptr<TokenModel> make_marian_model(std::unique_ptr<TokenModel> pieces, Vocabulary vocabulary, const std::string& unk) {
  return std::make_unique<MarianModel>(std::move(pieces), std::move(vocabulary), unk);
}

std::unique_ptr<Decoder> make_marian_decoder(std::unique_ptr<Decoder> pieces, std::vector<std::string> special) {
  return std::make_unique<MarianDecoder>(std::move(pieces), std::move(special));
}

}  // namespace qkv
