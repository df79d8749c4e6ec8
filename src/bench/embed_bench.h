// Speed of vectors of texts, tokenization included, with the measurement of bench/embed_peers.py.
#pragma once

#include <filesystem>

#include "qkv/embedder.h"

namespace qkv {

struct EmbedBenchOptions {
  std::filesystem::path model;  // a directory that Embedder opens
  std::filesystem::path text;   // one text a line
  InferenceType dtype = InferenceType::f32;
  int texts = 1024;  // the first lines of the file, sorted by their bytes
  int batch = 32;    // texts of one call
  int rounds = 5;    // passes over the texts, after one other; the speed is that of the median
};

struct EmbedBenchResult {
  double texts_s = 0, tokens_s = 0;  // tokens with special ones
  double tokenization = 0;           // the share of the time that encoding alone takes
  int64_t max_rss_mb = 0;
};

// Throws qkv::Error for files that cannot be read, and for fewer texts in the file than asked for (bad_input).
EmbedBenchResult bench_embed(const EmbedBenchOptions& options);

}  // namespace qkv
