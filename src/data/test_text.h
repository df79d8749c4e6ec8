// For tests: a plain text in a temporary folder, and a tokenizer of its characters.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/philox.h"
#include "base/temporary_directory.h"
#include "data/text_corpus.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv {

// Words of letters and spaces.
inline std::string random_text(size_t size, uint64_t seed = 1) {
  RandomStream random(seed);
  std::string text;
  while (text.size() < size) text += "abcdefgh \n"[random.below(10)];
  return text;
}

class TestText : public testing::Test {
 protected:
  TestText() : options_{.text = {directory_ / "text"}, .cache = directory_ / "tokens"} {}

  TextCorpus build(std::string_view text, std::string_view separator = {}) {
    write_file_atomically(directory_ / "text", text);
    options_.separator = separator;
    return TextCorpus::build(options_, tokenizer_);
  }
  static std::vector<int32_t> ids(std::span<const int32_t> tokens) { return {tokens.begin(), tokens.end()}; }

  static Tokenizer make_tokenizer(TokenizerPipeline pipeline) {
    const std::vector<std::string> texts{"abcdefgh \n|äöü日本語"};
    return train_tokenizer({.pipeline = pipeline, .vocab_size = 300, .vocab_size_is_upper_bound = true}, texts);
  }

  TemporaryDirectory directory_;
  TextCorpusOptions options_;
  Tokenizer tokenizer_ = make_tokenizer(TokenizerPipeline::characters);
};

}  // namespace qkv
