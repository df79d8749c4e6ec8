#include "text/pipeline/pipeline.h"

#include "text/pipeline/vocabulary.h"

namespace qkv {

bool gives_special(const TokenModel& model, std::string_view word, std::span<const int32_t> ids, const std::vector<bool>& special) {
  const int32_t unknown = model.unknown_id();
  bool unknown_given = false;
  for (const int32_t id : ids) {
    if (id != unknown && special[static_cast<size_t>(id)]) return true;
    unknown_given = unknown_given || id == unknown;
  }
  return unknown_given && special[static_cast<size_t>(unknown)] && word.find(model.vocabulary().token(unknown)) != std::string_view::npos;
}

void TokenModel::tokenize_as_text(std::string_view word, const std::vector<bool>& special, std::vector<int32_t>& ids,
                                  std::vector<Span>* spans) const {
  const size_t before = ids.size(), spans_before = spans ? spans->size() : 0;
  tokenize(word, ids, spans);
  if (!gives_special(*this, word, std::span(ids).subspan(before), special)) return;
  std::vector<int32_t> given;
  std::vector<Span> places;
  tokenize(word, given, &places);
  size_t at = 0;
  while (at < given.size() && !gives_special(*this, word.substr(places[at].begin, places[at].end - places[at].begin),
                                             std::span(given).subspan(at, 1), special)) {
    ++at;
  }
  if (at == given.size()) return;
  const size_t cut = places[at].begin + utf8_length(word[places[at].begin]);
  if (cut >= places[at].end) return;  // a token of one character
  if (spans) spans->resize(spans_before);
  ids.resize(before);
  tokenize_as_text(word.substr(0, cut), special, ids, spans);
  const size_t first = spans ? spans->size() : 0;
  tokenize_as_text(word.substr(cut), special, ids, spans);
  for (size_t i = first; spans && i < spans->size(); ++i) {
    (*spans)[i].begin += cut;
    (*spans)[i].end += cut;
  }
}

}  // namespace qkv
