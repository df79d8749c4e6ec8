// The token for text outside the vocabulary.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"
#include "text/pipeline/vocabulary.h"

namespace qkv {

// The id of the unk token. A file may name one that does not exist; as in `tokenizers`, that is an error only for a text that needs it.
inline int32_t id_of_unk(std::string_view unk_token, const Vocabulary& vocabulary) {
  const int32_t id = vocabulary.id(unk_token);
  if (id < 0) {
    fail(ErrorCode::bad_input,
         "the text has a word outside of the tokenizer's vocabulary, and its unk_token \"{}\" is not in the vocabulary either",
         shortened(unk_token));
  }
  return id;
}

}  // namespace qkv
