// The numbers of each page's calculation by hand: three tokens and heads of two numbers, or the smallest example of the question.
// tools/golden/lab_by_hand.py computes the same in float64.
#pragma once

#include "lab/pages/matrix.h"

namespace qkv::lab {

// Parts of the network.
Numbers structure_by_hand();
Numbers feed_forward_by_hand();
Numbers positions_by_hand();
Numbers norm_kind_by_hand();
Numbers embedding_scale_by_hand();
Numbers recurrent_by_hand();
Numbers convolutional_by_hand();

// Attention.
Numbers self_attention_by_hand();
Numbers multi_head_by_hand();
Numbers heads_by_hand();
Numbers encoder_decoder_by_hand();
Numbers masks_by_hand();
Numbers padding_mask_by_hand();
Numbers kv_heads_by_hand();
Numbers kv_cache_by_hand();
Numbers flash_attention_by_hand();
Numbers scaling_by_hand();
Numbers separate_projections_by_hand();
Numbers dot_or_addition_by_hand();

// Counts.
Numbers quadratic_by_hand();
Numbers complexity_by_hand();
Numbers head_width_by_hand();

}  // namespace qkv::lab
