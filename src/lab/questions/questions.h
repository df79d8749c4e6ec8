// The questions, each in a file of the same name unless its line names another.
#pragma once

#include "lab/record/experiment.h"

namespace qkv::lab {

Experiment self_attention();        // Is self-attention the core?
Experiment score_scale();           // Why divide by √d_k?
Experiment heads();                 // Why multi-head?
Experiment two_looks();             // Can one head look at two places at once?
Experiment separate_projections();  // Why different W_Q and W_K?
Experiment cycle();                 // Can scores without a direction lead round a cycle?
Experiment additive_attention();    // Dot-product or additive attention?
Experiment additive_cost();         // What does additive attention cost?
Experiment quadratic();             // Is attention O(N²)?
Experiment flash_attention();       // What does FlashAttention change?
Experiment kv_heads();              // What do MQA and GQA save?
Experiment kv_quality();            // What do MQA and GQA cost?
Experiment positions();             // How does a Transformer know where tokens stand?
Experiment residual_norm();         // What do residual connections and LayerNorm do?
Experiment batch_norm();            // LayerNorm or BatchNorm?
Experiment embedding_scale();       // Why are embeddings multiplied by √d?
Experiment padding();               // What does padding do that is not masked?
Experiment feed_forward();          // What is the feed-forward network for?
Experiment families();              // Encoder, decoder, or both?
Experiment context();               // Transformer, LSTM or CNN: who makes use of a long context?
Experiment context_rates();         // … with which learning rates? (context.cc)
Experiment distance();              // From how far back can a token be named?
Experiment distance_rates();        // … with which learning rates? (distance.cc)
Experiment sequence_speed();        // Transformer against RNN, LSTM and CNN: which is faster?
Experiment tokenizers();            // What is the tokenizer's part?
Experiment bert_tokenizer();        // Why does BERT have its own tokenizer?
Experiment paper_table3();          // Does the paper's own table 3 hold in small?

}  // namespace qkv::lab
