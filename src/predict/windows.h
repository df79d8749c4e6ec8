// Long texts as overlapping windows of tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "data/encoder_inputs.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct Windows {
  EncoderInputs inputs;             // of all windows
  std::vector<Encoding> encodings;  // of each window, without `overflowing`
  std::vector<size_t> text_of;      // text of each window, ascending
};

// Encodes `count` texts with `encode`, a function of the tokenizer, on all threads; each part that truncation cut off becomes a window.
Windows make_windows(const Tokenizer& tokenizer, size_t count, const std::function<Encoding(size_t text)>& encode);

// The stride of windows with room for `room` tokens of the text: the given one, or 128 and at most half a window, as transformers has it
// for questions. Throws OptionError if a window would bring nothing new.
size_t stride_of_windows(const std::optional<int64_t>& stride, int64_t room);

}  // namespace qkv
