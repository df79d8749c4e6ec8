// For tests: a corpus of letters in a temporary folder, and a tokenizer with one id per letter.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/philox.h"
#include "base/temporary_directory.h"
#include "data/parallel_corpus.h"

namespace qkv {

class TestCorpus : public testing::Test {
 protected:
  static constexpr int32_t kEnd = 0;

  TestCorpus() {
    options_ = {.source = directory_ / "train.en", .target = directory_ / "train.de", .cache = directory_ / "tokens"};
    set_letters("abc");
  }

  // A BPE without merges: each letter is a token.
  void set_letters(std::string_view letters, std::string_view end = "</s>") {
    letters_ = letters;
    std::string vocabulary = fmt::format(R"("{}": 0, "<unk>": 1)", end);
    for (const char letter : letters) vocabulary += fmt::format(R"(, "{}": {})", letter, id(letter));
    const std::string json = fmt::format(
        R"({{"version": "1.0", "truncation": null, "padding": null, "normalizer": null, "pre_tokenizer": null,
            "post_processor": null, "decoder": null,
            "added_tokens": [{{"id": 0, "content": "{}", "single_word": false, "lstrip": false, "rstrip": false,
                              "normalized": false, "special": true}},
                             {{"id": 1, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
                              "normalized": false, "special": true}}],
            "model": {{"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
                       "end_of_word_suffix": null,
                       "fuse_unk": false, "byte_fallback": false, "vocab": {{{}}}, "merges": []}}}})",
        end, vocabulary);
    write_file_atomically(directory_ / "tokenizer.json", json);
    tokenizer_ = Tokenizer::load(directory_ / "tokenizer.json");
  }
  int32_t id(char letter) const { return static_cast<int32_t>(letters_.find(letter)) + 2; }

  void write(std::string_view source, std::string_view target) const {
    write_file_atomically(directory_ / "train.en", source);
    write_file_atomically(directory_ / "train.de", target);
  }

  // Pairs of 1 to 40 letters, of similar length.
  void write_random(int pairs) const {
    RandomStream random(1);
    std::string sides[2];
    for (int i = 0; i < pairs; ++i) {
      const uint64_t length = 1 + random.below(36);
      for (std::string& side : sides) {
        for (uint64_t k = length + random.below(5); k > 0; --k) side += "abc"[random.below(3)];
        side += '\n';
      }
    }
    write(sides[0], sides[1]);
  }

  ParallelCorpus build() const { return ParallelCorpus::build(options_, *tokenizer_); }

  TemporaryDirectory directory_;
  ParallelCorpusOptions options_;
  std::string letters_;
  std::optional<Tokenizer> tokenizer_;
};

}  // namespace qkv
