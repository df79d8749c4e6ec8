// Training from text files to a model directory that qkv and transformers open. What `qkv train` does, for C++ programs.
//
// Thread safety: train() uses the process-wide pool of threads; one call at a time in a process. Callbacks run on the calling thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"

namespace qkv {

// lm: a language model of a plain text. mlm: an encoder that finds its hidden tokens (Devlin et al. 2018). classification: labels of texts.
enum class TrainTask { translation, lm, mlm, classification };
enum class TextVocabulary { character, byte, bpe };
// Of activations; weights and optimizer are always f32. automatic: the faster one of the instruction set in use, or what the checkpoint
// that is resumed was made with.
enum class TrainPrecision { automatic, f32, bf16 };
enum class LearningRateSchedule { inverse_sqrt, cosine, constant };
enum class FeedForwardActivation { relu, gelu, gelu_tanh, silu, swiglu, geglu };  // the last two gated (Shazeer 2020)
enum class NormPlacement { post, pre };
enum class NormFormula { layer, rms };
enum class PositionKind { sinusoidal, learned, rope, alibi, t5, none };
enum class Biases { automatic, yes, no };             // automatic: none beside NormFormula::rms, as Llama has it
enum class Recomputation { none, attention, layer };  // what a step forgets and computes again: less memory, more time, the same bits

// All options with the defaults of preset `small`. qkv/options.h has each with its range
// and an explanation, as `qkv train --help` shows them.
struct TrainOptions {
  TrainTask task = TrainTask::translation;
  std::string preset = "small";

  // Data of a translation: one sentence a line, line i of source and target belong together.
  std::filesystem::path source, target, valid_source, valid_target;
  int64_t max_length = 256;  // tokens of a side, </s> included; longer pairs are left out of training and counted

  // Data of a classification: lines "text<TAB>label". Longer texts than max_length are cut.
  std::filesystem::path train_file, valid_file;

  // Of mlm and classification: a directory with an encoder alone and its tokenizer, from which training starts; its shape counts, not that
  // of the options.
  std::filesystem::path init;

  // Data of a language model, or of mlm.
  std::filesystem::path text;
  std::filesystem::path valid_text;  // empty: the last valid_fraction of the text's characters
  double valid_fraction = 0.1;
  TextVocabulary vocabulary = TextVocabulary::character;
  int64_t context = 256;           // tokens of a window (with [CLS] and [SEP]), and the model's positions
  std::string document_separator;  // cuts the text into documents, which are learnt one by one; empty: windows of the whole text

  // Of mlm.
  double mask_probability = 0.15;  // share of the tokens that are predicted
  bool whole_words = false;        // all pieces of a word are hidden, or none

  std::filesystem::path output;     // the model directory to make
  std::filesystem::path tokenizer;  // a directory with a tokenizer.json; empty: one is trained on the training text
  std::string tiktoken_pattern;     // TokenizerLoadOptions::tiktoken_pattern, for `tokenizer`
  int64_t vocab_size = 0;           // exactly this many tokens; 0: up to vocab_size_limit, what the data can fill
  int64_t vocab_size_limit = 8000;  // set by the preset
  bool resume = false;              // go on from the last checkpoint in `output`, from the beginning where there is none
  bool overwrite = false;           // replace what an earlier training left in `output`

  // Model (Vaswani et al. 2017).
  int64_t encoder_layers = 3, decoder_layers = 3;
  int64_t hidden_size = 256;
  int64_t num_attention_heads = 8;
  int64_t num_key_value_heads = 0;  // divides num_attention_heads; 0: as many
  int64_t ffn_dim = 1024;
  FeedForwardActivation activation = FeedForwardActivation::relu;
  NormPlacement norm_position = NormPlacement::pre;
  NormFormula norm = NormFormula::layer;
  PositionKind position = PositionKind::sinusoidal;
  int64_t window = 0;  // self-attention sees tokens less than this away; 0: all
  Biases linear_bias = Biases::automatic;
  bool tie_word_embeddings = true;  // the output layer is the embedding
  double initializer_range = 0;     // weights start normal with this deviation, as GPT-2's; 0: Xavier
  double dropout = 0.3, attention_dropout = 0, activation_dropout = 0;

  // Optimization: AdamW (Loshchilov and Hutter 2019).
  TrainPrecision dtype = TrainPrecision::automatic;
  Recomputation recompute = Recomputation::none;
  int64_t seed = 1;
  int64_t batch_tokens = 1024;  // pairs of a batch times its longest side, or windows times context
  int64_t accumulate = 1;       // batches per update
  double learning_rate = 2e-3;  // the peak
  LearningRateSchedule schedule = LearningRateSchedule::inverse_sqrt;
  int64_t warmup_steps = 400;
  int64_t schedule_steps = 0;  // end of the cosine; 0: max_steps
  double min_lr = 0;           // the rate does not fall below it after the warm-up
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-9;
  double weight_decay = 1e-4;
  double clip_norm = 1;  // largest norm of all gradients together; 0: no clipping
  double label_smoothing = 0.1;
  double ema_decay = 0.998;  // moving average of the weights, what is validated and kept; 0: none

  // When to stop; 0: never for this reason.
  int64_t max_steps = 0;  // updates
  int64_t max_epochs = 0;
  double max_minutes = 0;  // of wall clock since the start, tokenizer training, validation and earlier sessions included
  int64_t patience = 10;   // validations in a row without a better one

  // Validation, checkpoints, logs; all in updates.
  int64_t validate_every = 500;
  int64_t valid_beam_size = 1;  // 1: greedy
  int64_t save_every = 500;
  int64_t keep_checkpoints = 2;
  int64_t log_every = 50;
  bool tensorboard = true;  // event files in output/tensorboard
  int64_t threads = 0;      // 0: all cores (QKV_THREADS)

  const CancellationToken* cancellation = nullptr;  // a cancelled training writes a checkpoint first
};

// Sets the task, shape and recipe of a preset: tiny, small, base, char-gpt, bert-mini, classifier. Throws Error(invalid_argument) for
// another name.
void apply_preset(TrainOptions& options, std::string_view name);

// One update, as it was made.
struct TrainStep {
  int64_t step = 0, epoch = 0;  // epoch from 1
  double loss = 0;              // label-smoothed, per target token, of this update
  double average_loss = 0;      // the same since the last logged step
  double learning_rate = 0;
  double gradient_norm = 0;       // before clipping
  double tokens_per_second = 0;   // target tokens (of an encoder alone its input), of training alone, since the last logged step
  double elapsed_seconds = 0;     // since the start, earlier sessions included
  double remaining_seconds = -1;  // until the first limit that can be foreseen; negative: none
  bool logged = false;            // a multiple of log_every: this step went into the log
};

struct TrainValidation {
  int64_t step = 0;
  double loss = 0;                             // -log p per target token, without smoothing
  double perplexity = 0;                       // exp(loss)
  std::optional<double> bleu;                  // of a translation whose references have a line of four words, as BLEU needs
  std::optional<double> exact_match;           // of a translation without: share of the lines that are right, 0 to 1
  std::optional<double> bits_per_byte;         // of a plain text in UTF-8
  std::optional<double> masked_bits_per_byte;  // of mlm: of whole words hidden, for each byte of these
  std::optional<double> accuracy;              // of a classification, 0 to 1
  bool best = false;                           // so far; its weights are now the directory's
  double seconds = 0;                          // that it took
};

enum class TrainEnd { max_steps, max_epochs, max_minutes, patience };

struct TrainResult {
  int64_t step = 0;
  TrainEnd end = TrainEnd::max_steps;
  bool was_finished = false;  // resumed, and there was nothing left to do
  double best_score = 0;      // 0 where the loss alone decides
  std::string score_name;     // what best_score is: "BLEU", "exact match" or "accuracy"; empty: the loss alone decides
  double best_loss = 0;       // of the best validation
  int64_t best_step = 0;
  double elapsed_seconds = 0;
};

struct TrainCallbacks {
  std::function<void(const TrainStep&)> on_step;
  std::function<void(const TrainValidation&)> on_validation;
  std::function<void(const std::string&)> on_message;  // what else a person wants to know: one line each
  std::function<bool()> should_stop;                   // asked after each update; true has the effect of a cancellation
};

// Trains as the options say. Leaves in options.output: config.json, generation_config.json (with a decoder), model.safetensors (the
// best weights by validation BLEU, exact match, accuracy, or loss where there is none of these, averaged where there is an average),
// tokenizer.json, tokenizer_config.json, checkpoints/, train_log.jsonl, tensorboard/. Throws qkv::Error: invalid_argument for options,
// bad_input and io for files, diverged where the loss is no number any more (the last checkpoint stays), interrupted where it was
// cancelled or should_stop said so (a checkpoint was written, and where nothing was validated yet a model with the weights so far).
TrainResult train(const TrainOptions& options, const TrainCallbacks& callbacks = {});

// "max-steps", "patience", …
const char* name_of(TrainEnd end);

}  // namespace qkv
