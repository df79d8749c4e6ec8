// WordPiece as in BERT (Wu et al. 2016; Devlin et al. 2018): from each word the longest token at its beginning is taken, then the longest
// one with the prefix "##" from the rest, and so on.
#pragma once

#include <cstdint>
#include <string>

#include "text/pipeline/pipeline.h"
#include "text/pipeline/vocabulary.h"
#include "text/token_models/byte_trie.h"

namespace qkv {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";  // for tokens within a word
  uint64_t max_input_chars_per_word = 100;       // a longer word is unknown
};

class WordPieceModel final : public TokenModel {
 public:
  // Tokens of at most ByteTrie::kMaxKey bytes.
  WordPieceModel(Vocabulary vocabulary, WordPieceOptions options);

  // A word that cannot be written with the tokens becomes one unk_token. O(length of the word * length of the longest token); words of
  // natural language take little more than one pass, which a cache would not speed up.
  void tokenize(std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const override {
    tokenize_without(nullptr, word, ids, spans);
  }
  void tokenize_as_text(std::string_view word, const std::vector<bool>& special, std::vector<int32_t>& ids,
                        std::vector<Span>* spans) const override {
    tokenize_without(&special, word, ids, spans);
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  int32_t unknown_id() const override { return vocabulary_.id(options_.unk_token); }
  const std::string& continuing_subword_prefix() const { return options_.continuing_subword_prefix; }

 private:
  // `hidden`: by id, tokens that are not used; null: none.
  void tokenize_without(const std::vector<bool>* hidden, std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const;
  bool append_pieces(const std::vector<bool>* hidden, std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const;

  Vocabulary vocabulary_;
  WordPieceOptions options_;
  ByteTrie trie_;
  uint32_t continuing_;  // the node of the prefix
};

}  // namespace qkv
