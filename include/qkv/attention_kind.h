// The kinds of attention in a Transformer.
#pragma once

namespace qkv {

// encoder: self-attention of the source. decoder: self-attention of the target. cross: attention of the target to the source.
enum class AttentionKind { encoder, decoder, cross };

}  // namespace qkv
