// Speed of tokenizers on the texts of the peers' tokenizers_speed.py, with its counts.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace qkv {

struct TokenizerBenchOptions {
  std::filesystem::path data;      // directory with tinyshakespeare, multi30k, gpt2 and spm
  std::vector<std::string> works;  // names of tokenizer_works(); empty: all
};

struct TokenizerBenchResult {
  std::string what;  // name in the peers' script
  double mb_s = 0;   // encoding speed: 10^6 bytes of text per second
  double s = 0;      // training time
};

// Names of all measurements, in their order.
std::vector<std::string> tokenizer_works();

// Encodes all texts line by line or as one document, and trains on the English and German sides of Multi30k. Reports the shortest run of
// each measurement.
void bench_tokenizers(const TokenizerBenchOptions& options, const std::function<void(const TokenizerBenchResult&)>& each);

}  // namespace qkv
