// Writes model directories with random weights for tests.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "decode/test_models.h"
#include "qkv/option_error.h"

namespace qkv {

inline void write_translator(const std::filesystem::path& directory) {
  const Tokenizer tokenizer = make_test_tokenizer();
  save_model(*create_model(make_test_config(tokenizer), 3), directory);
  tokenizer.save(directory);
}

inline void write_generator(const std::filesystem::path& directory) {
  const Tokenizer tokenizer = make_test_tokenizer();
  UniformConfig config = make_test_config(tokenizer);
  config.kind = Kind::decoder_only;
  config.encoder_layers = 0;
  config.final_logits_bias = false;
  save_model(*create_model(config, 3), directory);
  tokenizer.save(directory);
}

// Writes a BERT model with the labels "bad" and "good".
inline void write_encoder(const std::filesystem::path& directory, Head head) {
  const std::vector<std::string> lines{"the boat is old", "the river is new", "boats and rivers", "very good", "quite bad"};
  const Tokenizer tokenizer =
      train_tokenizer({.pipeline = TokenizerPipeline::word_pieces, .vocab_size = 60, .vocab_size_is_upper_bound = true}, lines);
  UniformConfig config = make_test_config(tokenizer);
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.eos_token_ids = {};
  config.pad_token_id = tokenizer.token_to_id("[PAD]");
  config.position = Position::learned;
  config.activation = Activation::gelu;
  config.scale_embedding = false;
  config.final_logits_bias = false;
  config.token_types = 2;
  config.embedding_norm = true;
  config.head = head;
  config.num_labels = 2;
  const std::unique_ptr<Model> model = create_model(config, 3);
  if (head == Head::classification) model->labels = {"bad", "good"};
  save_model(*model, directory);
  tokenizer.save(directory);
}

// Returns "code: message" of the qkv::Error that a call throws.
inline std::string error_of(const std::function<void()>& call, ErrorCode expected) {
  try {
    call();
  } catch (const Error& error) {
    return error.code() == expected ? error.what() : std::string("another code: ") + error.what();
  }
  return "no error";
}

}  // namespace qkv
