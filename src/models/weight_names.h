// Names of weights: ours, those of transformers' classes, and what files make of these.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/architecture.h"

namespace qkv {

// Where one of our weights is kept.
struct TheirWeight {
  std::string name;  // empty: nowhere
  bool transposed = false;
  FusedPart part;
  const LayerConfig* layer = nullptr;  // of a part: its layer

  bool is_whole() const { return part.of == FusedPart::Of::whole; }
};
// As the class writes it.
TheirWeight their_weight(const Architecture& architecture, const TransformerConfig& network, std::string_view ours);
// The name alone.
std::string their_name(const Architecture& architecture, std::string_view ours);

// Every name under which a file may hold what the class calls `name`, likeliest first: with and without the base model's prefix, and norms
// by TensorFlow's names too, as in the first BERTs.
std::vector<std::string> spellings(const Architecture& architecture, const std::string& name);

// Is `name`, in any spelling, one of the tensors that are not read?
bool is_ignored(const Architecture& architecture, const std::string& name);

}  // namespace qkv
