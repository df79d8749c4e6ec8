// Describes a model or training directory and checks that it is whole: the work of `qkv inspect`, for C++ programs. Thread safety: calls
// may run at once in several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "qkv/cancellation.h"

namespace qkv {

// A setting and its value as JSON text: {"hidden_size", "256"}.
using NamedValue = std::pair<std::string, std::string>;
using NamedCount = std::pair<std::string, int64_t>;

struct InspectedModel {
  std::string architecture;                           // the class of transformers, or qkv's own: "MarianMTModel"
  std::string model_type;                             // as config.json names it
  std::vector<NamedValue> config;                     // every choice of the network, whatever class it was opened as
  std::vector<std::string> unused_keys;               // of config.json: what they ask for does not happen
  std::vector<std::string> labels;                    // of a classifier
  int64_t parameters = 0;                             // numbers that are learnt
  std::vector<NamedCount> parts;                      // where they lie; the counts add up to `parameters`
  int64_t tensors = 0;                                // in the weights' files
  std::vector<std::string> dtypes, files;             // of the weights
  std::optional<std::vector<NamedValue>> generation;  // how it decodes, where its files say so; of models with a decoder
  std::optional<int64_t> verified_values;             // with InspectOptions::verify: so many numbers were read, all of them finite
};

struct InspectedCheckpoints {
  struct Checkpoint {
    std::string name;  // "step-500"
    int64_t bytes = 0;
  };
  std::optional<std::string> latest;  // the name of the one to resume from
  std::vector<Checkpoint> list;       // oldest first
};

struct InspectedDirectory {
  std::filesystem::path path;
  std::optional<InspectedModel> model;
  std::optional<int32_t> tokenizer_vocab_size;
  std::optional<InspectedCheckpoints> checkpoints;
  std::vector<NamedCount> files;  // names and bytes, by name; a directory's name ends with "/"
};

struct InspectOptions {
  bool verify = false;  // read every weight (finite?) and recompute the checksums of all checkpoints
  const CancellationToken* cancellation = nullptr;
};

// Throws qkv::Error with one line that names the file and what is wrong with it: bad_input where it is damaged or there is neither model,
// tokenizer nor checkpoint; io where it cannot be read; interrupted where it was cancelled.
InspectedDirectory inspect_directory(const std::filesystem::path& directory, const InspectOptions& options = {});

}  // namespace qkv
