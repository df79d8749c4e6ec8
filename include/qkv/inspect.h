// Describes a model or training directory and verifies it: the C++ interface of `qkv inspect`. Thread safety: functions may be called
// concurrently.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"

namespace qkv {

// A setting and its value as JSON text: {"hidden_size", "256"}.
using NamedValue = std::pair<std::string, std::string>;
using NamedCount = std::pair<std::string, int64_t>;

// Estimates in bytes, without the program itself.
struct NeededMemory {
  int64_t running_f32 = 0, running_bf16 = 0;  // the weights in the form in which they are computed with
  int64_t per_cached_token = 0;               // keys and values that a decoder keeps for each token, in f32; bf16 needs half
  int64_t training = 0;                       // weights, gradients and two moments of Adam in f32, and packed weights in bf16; the
                                              // activations of a batch come on top
};

struct InspectedModel {
  std::string architecture;                 // class name of transformers, or qkv's own: "MarianMTModel"
  std::string model_type;                   // as in config.json
  std::string use;                          // what the model does and the command for it: "labels tokens (qkv tag)"
  std::vector<NamedValue> config;           // every setting of the network, also if its own class leaves some out
  std::vector<std::string> unused_keys;     // keys of config.json without effect
  std::vector<std::string> labels;          // class names of a classifier
  int64_t parameters = 0;                   // number of learned values
  std::vector<NamedCount> parts;            // parameters per part; the sum is `parameters`
  int64_t tensors = 0;                      // in the weight files
  std::vector<std::string> dtypes, files;   // types and names of the weight files
  std::vector<NamedCount> values_by_dtype;  // number of values of each type: {"F32", 22713216}
  NeededMemory memory;
  std::optional<std::vector<NamedValue>> generation;  // generation settings, if the files have any; for models with a decoder
  std::optional<int64_t> verified_values;             // with InspectOptions::verify: number of values read, all finite
};

struct InspectedCheckpoints {
  struct Checkpoint {
    std::string name;  // "step-500"
    int64_t bytes = 0;
  };
  std::optional<std::string> latest;  // name of the checkpoint to resume from
  std::vector<Checkpoint> list;       // oldest first
};

struct InspectedChatTemplate {
  std::string name;                  // "default", "tool_use"
  std::optional<std::string> fault;  // why qkv cannot use it: what is not supported, and where
};

struct InspectedDirectory {
  std::filesystem::path path;  // where the files are: for a folder of the Hub's cache, that of the snapshot
  std::optional<InspectedModel> model;
  // A model that qkv cannot run: the setting or class that is not supported. `model` then has what the files say without it: the class, the
  // tensors and their types.
  std::optional<std::string> not_supported;
  std::optional<int32_t> tokenizer_vocab_size;
  std::vector<InspectedChatTemplate> chat_templates;
  std::optional<InspectedCheckpoints> checkpoints;
  std::vector<NamedCount> files;  // sizes in bytes, sorted by name; names of directories end with "/"
};

struct InspectOptions {
  bool verify = false;  // check that all weights are finite and recompute the checksums of all checkpoints
  const CancellationToken* cancellation = nullptr;
};

// Throws qkv::Error with one line that names the file and its fault: bad_input if it is damaged or the directory has neither model,
// tokenizer nor checkpoint; io if it cannot be read; interrupted if it was cancelled.
QKV_API InspectedDirectory inspect_directory(const std::filesystem::path& directory, const InspectOptions& options = {});

}  // namespace qkv
