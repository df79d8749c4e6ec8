// Names of weights: ours, those of transformers' classes, and their variants in files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/architecture.h"

namespace qkv {

// Location of one of our weights in the files.
struct TheirWeight {
  std::string name;  // empty: not stored
  bool transposed = false;
  bool less_one = false;
  bool scalar = false;
  FusedPart part;
  const LayerConfig* layer = nullptr;  // for a part of a tensor: the configuration of its layer

  bool is_whole() const { return part.of == FusedPart::Of::whole; }
  bool is_unchanged() const { return is_whole() && !transposed && !less_one && !scalar; }
};
// The location in files written by the class.
TheirWeight their_weight(const Architecture& architecture, const TransformerConfig& network, std::string_view ours);
// The location under the class's older names, if it has any.
TheirWeight older_weight(const Architecture& architecture, const TransformerConfig& network, std::string_view ours);
// Only the name.
std::string their_name(const Architecture& architecture, std::string_view ours);

// All names under which a file may store what the class calls `name`, likeliest first: with and without the base model's prefix, and with
// TensorFlow's names of norms, as in the first BERT files.
std::vector<std::string> spellings(const Architecture& architecture, const std::string& name);

// Is `name`, in any spelling, one of the ignored tensors?
bool is_ignored(const Architecture& architecture, const std::string& name);

}  // namespace qkv
