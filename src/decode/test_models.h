// A tokenizer and a small untrained model that match, for text-to-text tests.
#pragma once

#include "models/model.h"
#include "nn/uniform_config.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv {

inline Tokenizer make_test_tokenizer() {
  const std::vector<std::string> lines{"ein Haus am See", "zwei Häuser am Meer", "ein Haus am Meer",
                                       "日本語 です",     "日本語 の 家",        "a house by the sea"};
  TokenizerTrainerOptions options;
  options.vocab_size = 70;
  options.vocab_size_is_upper_bound = true;
  return train_tokenizer(options, lines);
}

inline UniformConfig make_test_config(const Tokenizer& tokenizer) {
  UniformConfig config;
  config.vocab_size = tokenizer.vocab_size();
  config.hidden_size = 32;
  config.encoder_layers = config.decoder_layers = 2;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 64;
  config.max_position_embeddings = 40;
  config.eos_token_ids = {tokenizer.token_to_id("</s>")};
  config.pad_token_id = config.decoder_start_token_id = tokenizer.token_to_id("<pad>");
  return config;
}

}  // namespace qkv
