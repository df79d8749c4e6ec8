// The data type of a model's computations.
#pragma once

namespace qkv {

// Weights are converted to the type when they are read. `file` is the type in config.json ("dtype"), or else that of the weights: bf16 for
// bf16, f32 for all others. transformers chooses in this way, but computes in float16 for float16 files.
enum class InferenceType { f32, bf16, file };

}  // namespace qkv
