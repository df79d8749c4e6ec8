// What the fuzz targets share. A target feeds bytes to a reader; anything but success or a qkv::Error is a finding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "qkv/error.h"
#include "text/files/tokenizer_parts.h"

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

inline constexpr std::string_view kTexts[] = {"",
                                              " ",
                                              "Hello, world! 1234",
                                              "Größe \u00e9\u0301 \u4f60\u597d \U0001F468\u200d\U0001F469 \u0627\u0644",
                                              "\t\r\n  a  b\xff\xc3(",
                                              "</s><unk>[CLS] [MASK]\u2581x"};

// The text of a tokenizer.json that a stranger has written, or that a reader made of a stranger's file.
inline void try_tokenizer(std::string json) {
  const Tokenizer tokenizer = TokenizerAccess::from_json(std::move(json), "", "tokenizer.json");
  for (const std::string_view text : kTexts) {
    for (const bool special : {false, true}) expect_valid(tokenizer, tokenizer.encode(text, special));
    const std::vector<int32_t> ids = tokenizer.encode(text);
    if (ids != tokenizer.encode(text)) std::abort();  // the second time, words are known
  }
}

// Several files in one input: parts that a byte 0xFF ends, which no text in UTF-8 has. The last part goes to the end.
inline std::string_view next_part(std::string_view& input) {
  const size_t end = std::min(input.find('\xFF'), input.size());
  const std::string_view part = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return part;
}

}  // namespace qkv
