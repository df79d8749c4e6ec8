#include "text/token_models/word_piece_model.h"

#include "base/utf8.h"
#include "text/token_models/unk_token.h"

namespace qkv {
namespace {

ByteTrie trie_of(const Vocabulary& vocabulary) {
  std::vector<ByteTrie::Entry> entries;
  entries.reserve(static_cast<size_t>(vocabulary.size()));
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary.token(id).empty()) entries.push_back({vocabulary.token(id), id});
  }
  return ByteTrie(std::move(entries));
}

}  // namespace

WordPieceModel::WordPieceModel(Vocabulary vocabulary, WordPieceOptions options)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      trie_(trie_of(vocabulary_)),
      continuing_(trie_.node_of(options_.continuing_subword_prefix)) {}

void WordPieceModel::tokenize_without(const std::vector<bool>* hidden, std::string_view word, std::vector<int32_t>& ids,
                                      std::vector<Span>* spans) const {
  const size_t ids_before = ids.size(), spans_before = spans ? spans->size() : 0;
  const uint64_t limit = options_.max_input_chars_per_word;
  if ((word.size() <= limit || count_characters(word) <= limit) && append_pieces(hidden, word, ids, spans)) return;
  ids.resize(ids_before);
  ids.push_back(id_of_unk(options_.unk_token, vocabulary_));
  if (!spans) return;
  spans->resize(spans_before);
  spans->push_back({0, word.size()});
}

// Returns false, after appending anything, if the tokens do not suffice.
bool WordPieceModel::append_pieces(const std::vector<bool>* hidden, std::string_view word, std::vector<int32_t>& ids,
                                   std::vector<Span>* spans) const {
  for (size_t begin = 0; begin < word.size();) {
    uint32_t node = begin == 0 ? ByteTrie::kRoot : continuing_;
    int32_t id = -1;
    size_t end = begin;
    for (size_t i = begin; i < word.size() && trie_.step(node, static_cast<unsigned char>(word[i])); ++i) {
      if (const int32_t longer = trie_.value(node); longer >= 0 && !(hidden && (*hidden)[static_cast<size_t>(longer)])) {
        id = longer;
        end = i + 1;
      }
    }
    if (id < 0) return false;
    ids.push_back(id);
    if (spans) spans->push_back({begin, end});
    begin = end;
  }
  return true;
}

}  // namespace qkv
