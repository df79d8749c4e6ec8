// Trains models from text files and writes model directories that qkv and transformers open: the C++ interface of `qkv train`.
//
// Thread safety: train() uses the process-wide thread pool, so a process may only run one call at a time. Callbacks run on the calling
// thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/text_files.h"

namespace qkv {

// lm: a language model on plain text. mlm: an encoder that predicts hidden tokens (Devlin et al. 2018). classification: labels of texts.
// tag: labels of words, such as names of people and places. chat: a pretrained language model learns the answers of conversations. choice:
// which of several texts goes best with another.
enum class TrainTask { translation, lm, mlm, classification, tag, chat, choice };
// What a text is labelled with: one label; labels with commas between them, or none; a number.
enum class TextLabels { one, several, number };
enum class TextVocabulary { character, byte, bpe };
// Type of activations; weights and optimizer are always f32. automatic: the faster type on the instruction set in use, or the type of the
// resumed checkpoint.
enum class TrainPrecision { automatic, f32, bf16 };
enum class LearningRateSchedule { inverse_sqrt, cosine, constant };
enum class FeedForwardActivation { relu, gelu, gelu_tanh, silu, swiglu, geglu };  // the last two gated (Shazeer 2020)
enum class NormPlacement { post, pre };
enum class NormFormula { layer, rms };
enum class PositionKind { sinusoidal, learned, rope, alibi, t5, none };
enum class Biases { automatic, yes, no };             // automatic: none with NormFormula::rms, as in Llama
enum class Recomputation { none, attention, layer };  // activations that a step recomputes: less memory, more time, identical bits

// All training options; the defaults are those of preset `small`. qkv/options.h lists each with its range and an explanation, as in
// `qkv train --help`.
struct TrainOptions {
  TrainTask task = TrainTask::translation;
  std::string preset = "small";

  // Data for translation: one sentence per line; line i of source corresponds to line i of target.
  TextFiles source, target, valid_source, valid_target;
  std::string source_column, target_column;  // the files are tables or JSON lines, of which these columns are read; empty: they are not
  int64_t max_length = 256;                  // tokens of a side, including </s>; longer pairs are left out of training and counted

  // Data for classification: lines "text<TAB>label", or tables (CSV, TSV, JSON lines) with columns for both. Texts longer
  // than max_length are truncated.
  // For tag: a word and, as the last column, its label in each line, and a blank line after each sentence (CoNLL). Words behind max_length
  // tokens are left out.
  // For choice: lines of a text, its choices and the number of the right one, from 1 on, with tabs between them. Texts with a choice that
  // are longer than max_length are truncated.
  // For chat: JSON lines with a conversation each, as ChatTemplate::render (qkv/chat.h) takes them.
  TextFiles train_file, valid_file;
  std::string text_column, label_column;  // empty: tables have "text" and "label"; text_column is one of a language model, too
  bool pairs = false;                     // two texts with a tab between them, or columns text_column and second_column
  std::string second_column;              // with pairs; empty: tables have "second"
  TextLabels labels = TextLabels::one;

  // For translation, classification, tag, choice or chat without validation files: the number of training texts that are held out for
  // validation. They are chosen by their content and the seed among those that occur once.
  int64_t valid_split = 0;

  // For every task but translation: the directory of a pretrained network and its tokenizer, which determines the network's shape instead
  // of the options. chat needs one.
  std::filesystem::path init;
  std::filesystem::path chat_template;  // for chat: a Jinja file in place of the template in `init`; it goes along with the model

  // Data for lm and mlm.
  TextFiles text;
  TextFiles valid_text;  // empty: the last valid_fraction of the text's characters
  double valid_fraction = 0.1;
  TextVocabulary vocabulary = TextVocabulary::character;
  // Tokens of a window (including [CLS] and [SEP]), and the model's positions. For chat: tokens of a conversation that are read.
  int64_t context = 256;
  std::string document_separator;  // splits the text into documents, which are learned separately; empty: windows of the whole text

  // For mlm.
  double mask_probability = 0.15;  // share of tokens to predict
  bool whole_words = false;        // hide all pieces of a word or none

  std::filesystem::path output;     // model directory to write
  std::filesystem::path tokenizer;  // a directory with a tokenizer.json; empty: one is trained on the training text
  std::string tiktoken_pattern;     // TokenizerLoadOptions::tiktoken_pattern, for `tokenizer`
  int64_t vocab_size = 0;           // exact number of tokens; 0: as many as the data yields, up to vocab_size_limit
  int64_t vocab_size_limit = 8000;  // set by the preset
  bool resume = false;              // continue from the last checkpoint in `output`, or start if there is none
  bool overwrite = false;           // replace an earlier training in `output`

  // Model (Vaswani et al. 2017).
  int64_t encoder_layers = 3, decoder_layers = 3;
  int64_t hidden_size = 256;
  int64_t num_attention_heads = 8;
  int64_t num_key_value_heads = 0;  // divides num_attention_heads; 0: equal to it
  int64_t ffn_dim = 1024;
  FeedForwardActivation activation = FeedForwardActivation::relu;
  NormPlacement norm_position = NormPlacement::pre;
  NormFormula norm = NormFormula::layer;
  PositionKind position = PositionKind::sinusoidal;
  int64_t window = 0;  // self-attention reaches tokens less than this far away; 0: all
  Biases linear_bias = Biases::automatic;
  bool tie_word_embeddings = true;  // the output layer shares the embedding's weights
  double initializer_range = 0;     // standard deviation of normal initial weights, as in GPT-2; 0: Xavier
  double dropout = 0.3, attention_dropout = 0, activation_dropout = 0;

  // Optimization: AdamW (Loshchilov and Hutter 2019).
  TrainPrecision dtype = TrainPrecision::automatic;
  Recomputation recompute = Recomputation::none;
  int64_t seed = 1;
  int64_t batch_tokens = 1024;  // pairs of a batch times its longest side, or windows times context
  int64_t accumulate = 1;       // batches per update
  // Parts of an update, a power of two, whose gradients are added in a fixed order. Processes under mpirun or srun divide them among
  // themselves: any number of processes that divides it gives the same weights. 0: that of the resumed checkpoint, 16 under a launcher, or
  // else 1.
  int64_t slices = 0;
  // Type in which processes send each other sums of gradients. bf16 halves the traffic, but makes the weights depend on the number of
  // processes.
  TrainPrecision exchange_dtype = TrainPrecision::f32;
  double learning_rate = 2e-3;  // peak
  LearningRateSchedule schedule = LearningRateSchedule::inverse_sqrt;
  int64_t warmup_steps = 400;
  int64_t schedule_steps = 0;  // end of the cosine; 0: max_steps
  double min_lr = 0;           // lower limit of the rate after the warm-up
  // The rate of each layer relative to the one above, for fine-tuning; heads have the full rate, embeddings the lowest. In [0, 1];
  // 0: heads alone learn.
  double layer_lr_decay = 1;
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-9;
  double weight_decay = 1e-4;
  double clip_norm = 1;  // largest global norm of the gradients; 0: no clipping
  double label_smoothing = 0.1;
  double ema_decay = 0.998;  // moving average of the weights, which is validated and kept; 0: none

  // End conditions; 0: unused.
  int64_t max_steps = 0;  // updates
  int64_t max_epochs = 0;
  // Wall-clock time, including tokenizer training, validation and earlier sessions. If neither max_steps nor schedule_steps nor a schedule
  // without an end is given, the schedule follows it: the speed is measured before the first update, the learning rate falls along a cosine
  // over the updates that fit, and the warm-up is at most a sixth of them. With presets tiny and small, unset values follow too:
  // batch_tokens, dropout, learning_rate, validate_every. `given` tells which count as set.
  double max_minutes = 0;
  // Names of options that keep their values, such as "dropout"; set_option() and the program add what they set. A member that differs from
  // the preset's value counts as given anyway.
  std::vector<std::string> given;
  int64_t patience = 10;  // consecutive validations without improvement

  // Validation, checkpoints and logs; intervals are in updates.
  int64_t validate_every = 500;
  int64_t valid_beam_size = 1;  // 1: greedy
  int64_t save_every = 500;
  int64_t keep_checkpoints = 2;
  int64_t log_every = 50;
  bool tensorboard = true;  // event files in output/tensorboard
  int64_t threads = 0;      // 0: all cores (QKV_THREADS)

  const CancellationToken* cancellation = nullptr;  // a cancelled training writes a checkpoint first
};

// Applies the task, shape and recipe of a preset: tiny, small, base, char-gpt, bert-mini, classifier, tagger, chooser, chat. Throws
// Error(invalid_argument) for another name.
QKV_API void apply_preset(TrainOptions& options, std::string_view name);

// Results of one update.
struct TrainStep {
  int64_t step = 0, epoch = 0;  // epoch from 1
  double loss = 0;              // label-smoothed, per target token
  double average_loss = 0;      // average of `loss` since the last logged step
  double learning_rate = 0;
  double gradient_norm = 0;       // before clipping
  double tokens_per_second = 0;   // in updates since the last logged step: target tokens, or input tokens of an encoder
  double elapsed_seconds = 0;     // since the start, including earlier sessions
  double remaining_seconds = -1;  // until the first predictable limit; negative: none
  bool logged = false;            // true for multiples of log_every: the step is in the log
  int slowest_process = -1;       // of several processes the one that computed longest in this update; -1: there is only one
  double slowest_ratio = 1;       // its time relative to the mean
};

struct TrainValidation {
  int64_t step = 0;
  double loss = 0;                             // -log p per target token, without smoothing
  double perplexity = 0;                       // exp(loss)
  std::optional<double> bleu;                  // for translations, if a reference has four words, as BLEU needs
  std::optional<double> exact_match;           // for other translations: share of correct lines, 0 to 1
  std::optional<double> bits_per_byte;         // for plain text in UTF-8
  std::optional<double> masked_bits_per_byte;  // for mlm: bits per byte of hidden whole words
  std::optional<double> accuracy;              // for classification, tag and choice, 0 to 1; with several labels all of them must be right
  std::optional<double> entity_f1;             // for tag, of whole entities, 0 to 1 (Tjong Kim Sang and De Meulder 2003)
  bool best = false;                           // best so far; its weights are now in the directory
  double seconds = 0;                          // duration
};

// max_minutes: the time is over, or all updates that fit into it are made.
enum class TrainEnd { max_steps, max_epochs, max_minutes, patience };

struct TrainResult {
  int64_t step = 0;
  TrainEnd end = TrainEnd::max_steps;
  bool was_finished = false;  // a resumed training had nothing left to do
  double best_score = 0;      // 0 if only the loss ranks validations
  std::string score_name;     // "BLEU", "exact match", "accuracy" or "entity F1"; empty: only the loss ranks validations
  double best_loss = 0;       // loss of the best validation
  int64_t best_step = 0;
  double elapsed_seconds = 0;
};

struct TrainCallbacks {
  std::function<void(const TrainStep&)> on_step;
  std::function<void(const TrainValidation&)> on_validation;
  std::function<void(const std::string&)> on_message;  // further information, one line each
  std::function<void(std::string_view)> on_activity;   // what takes its time now besides updates, "training the tokenizer" say
  std::function<bool()> should_stop;                   // called after each update; true cancels the training
};

// Trains with the options. Under mpirun or srun, all processes of the launch train together: each must call train() with equal options and
// files, and all must see the same options.output, to which only the first writes and for which only its callbacks are called
// (should_stop: that of any process). Writes to options.output: config.json, generation_config.json (with a decoder), model.safetensors,
// tokenizer.json, tokenizer_config.json, checkpoints/, train_log.jsonl, tensorboard/. The weights are the best by validation BLEU, exact
// match, accuracy or F1 of entities, or by loss if there is none of these; they are averaged if ema_decay is not 0. Throws qkv::Error:
// invalid_argument for
// options, bad_input and io for files, diverged if the loss is not finite (the last checkpoint is kept),
// interrupted if it was cancelled or
// should_stop returned true. An interrupted training first writes a checkpoint, and also its current model if nothing was validated yet.
// Each checkpoints/step-N is a model directory by itself.
QKV_API TrainResult train(const TrainOptions& options, const TrainCallbacks& callbacks = {});

// "max-steps", "patience", …
QKV_API const char* name_of(TrainEnd end);

}  // namespace qkv
