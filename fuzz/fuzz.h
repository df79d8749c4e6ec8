// What the fuzz targets share. A target feeds bytes to a reader; anything but success or a qkv::Error is a finding.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "qkv/error.h"
#include "text/tokenizer_parts.h"

namespace qkv {

// An error is an answer; it is one line.
template <typename Run>
void refuse_or_run(Run&& run) {
  try {
    run();
  } catch (const Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
}

// Ids of the vocabulary, which decode takes.
inline void expect_valid(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  for (const int32_t id : ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
  }
  for (const bool skip_special : {false, true}) tokenizer.decode(ids, skip_special);
}

}  // namespace qkv
