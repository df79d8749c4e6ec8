// Speed of tokenizers on the texts of the peers' tokenizers_speed.py, counted as that counts.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace qkv {

struct TokenizerBenchOptions {
  std::filesystem::path data;      // a folder with tinyshakespeare, multi30k, gpt2 and spm
  std::vector<std::string> works;  // which of tokenizer_works(); empty: all
};

struct TokenizerBenchResult {
  std::string what;  // as the peers' script calls it
  double mb_s = 0;   // of encoding: 10^6 bytes of text per second
  double s = 0;      // of training
};

// In the order in which they are measured.
std::vector<std::string> tokenizer_works();

// Encodes all texts line by line or as one document, trains on the English and German sides of Multi30k, and tells what the shortest run
// took, measurement by measurement.
void bench_tokenizers(const TokenizerBenchOptions& options, const std::function<void(const TokenizerBenchResult&)>& each);

}  // namespace qkv
