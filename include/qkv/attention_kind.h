// Which attention of a Transformer.
#pragma once

namespace qkv {

// encoder: self-attention of the source. decoder: self-attention of what is written. cross: what is written looks at the source.
enum class AttentionKind { encoder, decoder, cross };

}  // namespace qkv
