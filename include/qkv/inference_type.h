// The type that a model computes in.
#pragma once

namespace qkv {

// Weights are converted to the type when they are read. `file`: the one that the model's config.json names ("dtype"), or else that of its
// weights: bf16 where that is bf16, f32 for all others; transformers chooses like this, and computes in float16 where the file says so.
enum class InferenceType { f32, bf16, file };

}  // namespace qkv
