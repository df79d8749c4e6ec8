// The output of UnigramModel's searches.
#pragma once

#include <algorithm>

#include "base/utf8.h"
#include "text/token_models/unigram_model.h"

namespace qkv {

// Takes the pieces of a segmentation in order; merges unknown ones in a row, or splits them into bytes.
class UnigramModel::Output {
 public:
  // `hidden`: by id, pieces that are not used; null: none.
  Output(const UnigramModel& model, std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans,
         const std::vector<bool>* hidden = nullptr)
      : model_(model), text_(text), ids_(ids), spans_(spans), hidden_(hidden) {}

  const std::vector<bool>* hidden() const { return hidden_; }

  void push(int32_t id, size_t begin, size_t end) {
    if (id == model_.unk_id_) {
      if (unknown_.begin == unknown_.end) unknown_.begin = begin;
      unknown_.end = end;
      return;
    }
    if (unknown_.begin < unknown_.end) write_unknown();
    write(id, {begin, end});
  }
  void finish() {
    if (unknown_.begin < unknown_.end) write_unknown();
  }

 private:
  void write(int32_t id, Span span) {
    ids_.push_back(id);
    if (spans_) spans_->push_back(span);
  }
  void write_unknown();

  const UnigramModel& model_;
  std::string_view text_;
  std::vector<int32_t>& ids_;
  std::vector<Span>* spans_;
  const std::vector<bool>* hidden_;
  Span unknown_;  // not yet written
};

[[noreturn]] void fail_without_unk();

template <typename See>
void UnigramModel::for_each_piece(std::string_view text, size_t begin, See&& see, const std::vector<bool>* hidden) const {
  const size_t character = std::min(utf8_length(text[begin]), text.size() - begin);
  bool single = false;  // whether the character alone is a piece
  uint32_t node = ByteTrie::kRoot;
  for (size_t i = begin; i < text.size() && trie_.step(node, static_cast<unsigned char>(text[i]));) {
    ++i;
    const int32_t id = trie_.value(node);
    if (id < 0 || (hidden && (*hidden)[static_cast<size_t>(id)])) continue;
    see(id, i - begin, scores_[static_cast<size_t>(id)]);
    single = single || i - begin == character;
  }
  if (!single) see(unk_id_, character, unk_score_);
}

}  // namespace qkv
