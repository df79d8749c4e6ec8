// Complete trainings of encoders with a few thousand weights: masked language models and classifiers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "evaluate/classification.h"
#include "evaluate/masked_batches.h"
#include "evaluate/masked_loss.h"
#include "models/model_directory.h"
#include "qkv/trainer.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class EncoderTraining : public testing::Test {
 protected:
  void SetUp() override {
    const char* const words[] = {"river", "rivers", "boat", "boats", "stone", "stones"};
    for (int i = 0; i < 120; ++i) {
      const std::string word = words[i * 7 % 6], other = words[i * 5 % 4];
      text_ += fmt::format("the {} and the {} are {}.\n", word, other, i % 3 ? "old" : "new");
      labelled_ += fmt::format("the {} is {}\t{}\n", word, i % 2 ? "very good" : "quite bad", i % 2 ? "good" : "bad");
    }
    write_file_atomically(root_ / "text", text_);
    write_file_atomically(root_ / "train.tsv", labelled_);
    write_file_atomically(root_ / "valid.tsv", "the boat is good\tgood\nthe river is bad\tbad\nvery bad stones\tbad\n");
  }
  void TearDown() override { set_num_threads(threads_); }

  TrainOptions options(TrainTask task, const std::string& output) const {
    TrainOptions o;
    apply_preset(o, task == TrainTask::mlm ? "bert-mini" : "classifier");
    o.output = root_ / output;
    o.encoder_layers = 2;
    o.hidden_size = 16;
    o.num_attention_heads = 2;
    o.ffn_dim = 24;
    o.batch_tokens = 120;
    o.warmup_steps = 4;
    o.max_steps = 8;
    o.validate_every = 4;
    o.save_every = 2;
    o.log_every = 2;
    if (task == TrainTask::mlm) {
      o.text = root_ / "text";
      o.context = 24;
      o.vocab_size_limit = 60;
    } else {
      o.train_file = root_ / "train.tsv";
      o.valid_file = root_ / "valid.tsv";
      o.max_length = 24;
      o.vocab_size_limit = 50;
    }
    return o;
  }
  std::string refusal(const TrainOptions& o, ErrorCode expected) const {
    try {
      train(o);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), expected) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return error.what();
    }
    return "no error";
  }
  static TrainValidation last_validation(const TrainOptions& o) {
    TrainValidation best;
    TrainCallbacks callbacks;
    callbacks.on_validation = [&](const TrainValidation& validation) {
      if (validation.best) best = validation;
    };
    train(o, callbacks);
    return best;
  }
  // -log p of `target` in a row of logits, in double.
  static double nll(const float* row, int64_t size, int32_t target) {
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += std::exp(static_cast<double>(row[i]));
    return std::log(sum) - static_cast<double>(row[target]);
  }

  TemporaryDirectory root_;
  std::string text_, labelled_;
  const int threads_ = num_threads();
};

TEST_F(EncoderTraining, LeavesDirectoriesOfBertThatOpen) {
  train(options(TrainTask::mlm, "mlm"));
  const ModelDirectory mlm(root_ / "mlm");
  EXPECT_EQ(mlm.architecture().class_name, "BertForMaskedLM");
  EXPECT_EQ(mlm.config().max_position_embeddings, 24);
  EXPECT_EQ(mlm.config().encoder.size(), 2u);
  EXPECT_EQ(mlm.config().pad_token_id, Tokenizer::load(root_ / "mlm").token_to_id("[PAD]"));
  train(options(TrainTask::classification, "classifier"));
  const ModelDirectory classifier(root_ / "classifier");
  EXPECT_EQ(classifier.architecture().class_name, "BertForSequenceClassification");
  EXPECT_THAT(classifier.labels(), testing::ElementsAre("bad", "good"));
}

// Recomputes the validation sequence by sequence: the loss uses the training's masking, bits per byte hide whole words as [MASK].
TEST_F(EncoderTraining, MaskedValidationIsItsFormula) {
  for (const std::string separator : {"", "\n"}) {
    TrainOptions o = options(TrainTask::mlm, "mlm" + std::to_string(separator.size()));
    o.document_separator = separator;
    o.dtype = TrainPrecision::f32;
    const TrainValidation best = last_validation(o);
    const auto model = load_model(o.output);
    const Tokenizer tokenizer = Tokenizer::load(o.output);
    const MaskingVocabulary vocabulary(tokenizer);
    const TextSplit split = split_text(o.text.front(), o.valid_fraction, separator);
    const TextCorpus corpus = TextCorpus::build({.text = split.second, .separator = separator, .cache = root_ / "tokens"}, tokenizer);
    for (const bool words : {false, true}) {
      double sum = 0;
      int64_t tokens = 0, bytes = 0;
      for (const Window& window : consecutive_windows(corpus, 22)) {
        const std::vector<int32_t> ids = framed_window(corpus, window, vocabulary);
        EXPECT_EQ(ids.front(), vocabulary.cls());
        EXPECT_EQ(ids.back(), vocabulary.sep());
        EXPECT_EQ(std::count(ids.begin(), ids.end(), vocabulary.sep()), 1);
        EXPECT_LE(ids.size(), 24u);
        const MaskedSequence hidden =
            mask_tokens(ids, vocabulary, words ? hidden_words() : MaskingOptions(), masking_stream(1, 0, window.begin));
        const auto length = static_cast<int32_t>(ids.size());
        ForwardContext context;
        const Segments segments = Segments::of_lengths(std::span(&length, 1));
        const Tensor logits =
            model->network.logits_of_rows(model->network.encode({hidden.ids, segments, {}}, context), segments, hidden.places, context);
        for (size_t i = 0; i < hidden.places.size(); ++i) {
          EXPECT_TRUE(!words || hidden.ids[static_cast<size_t>(hidden.places[i])] == vocabulary.mask());
          sum += nll(logits.host<float>() + static_cast<int64_t>(i) * logits.cols(), logits.cols(), hidden.targets[i]);
          const std::string& piece = tokenizer.id_to_token(hidden.targets[i]);
          bytes += std::ssize(piece) - (piece.starts_with("##") ? 2 : 0);
          ++tokens;
        }
      }
      if (words) {
        ASSERT_TRUE(best.masked_bits_per_byte);
        EXPECT_NEAR(*best.masked_bits_per_byte, sum / std::log(2.0) / static_cast<double>(bytes), 1e-5);
      } else {
        EXPECT_NEAR(best.loss, sum / static_cast<double>(tokens), 1e-5);
      }
    }
  }
}

TEST_F(EncoderTraining, AccuracyIsTheShareOfTextsWhoseLikeliestLabelIsRight) {
  TrainOptions o = options(TrainTask::classification, "classifier");
  o.dtype = TrainPrecision::f32;
  const TrainValidation best = last_validation(o);
  const auto model = load_model(o.output);
  const Tokenizer tokenizer = Tokenizer::load(o.output);
  double sum = 0;
  int right = 0;
  for (const auto& [text, label] : {std::pair{"the boat is good", 1}, {"the river is bad", 0}, {"very bad stones", 0}}) {
    const std::vector<int32_t> ids = tokenizer.encode(text);
    const auto length = static_cast<int32_t>(ids.size());
    ForwardContext context;
    const Segments segments = Segments::of_lengths(std::span(&length, 1));
    const Tensor logits =
        model->network.logits_of_rows(model->network.encode({ids, segments, {}}, context), segments, std::vector<int32_t>{0}, context);
    sum += nll(logits.host<float>(), 2, label);
    right += (logits.host<float>()[1] > logits.host<float>()[0]) == (label == 1);
  }
  EXPECT_NEAR(best.loss, sum / 3, 1e-5);
  ASSERT_TRUE(best.accuracy);
  EXPECT_NEAR(*best.accuracy, right / 3.0, 1e-12);
  EXPECT_FALSE(best.bleu);
}

TEST_F(EncoderTraining, LearnsHiddenTokensAndLabels) {
  write_file_atomically(root_ / "valid.tsv", "the boat is very good\tgood\nthe river is quite bad\tbad\n");
  for (const TrainTask task : {TrainTask::mlm, TrainTask::classification}) {
    TrainOptions o = options(task, "learnt" + std::to_string(static_cast<int>(task)));
    o.hidden_size = 32;
    o.ffn_dim = 64;
    o.dropout = 0;
    o.learning_rate = 5e-3;
    o.initializer_range = 0;
    o.warmup_steps = 20;
    o.max_steps = o.validate_every = 300;
    o.save_every = 1000;
    o.ema_decay = 0.9;
    o.document_separator = task == TrainTask::mlm ? "\n" : "";
    const TrainValidation validation = last_validation(o);
    if (task == TrainTask::mlm) {
      EXPECT_LT(validation.loss, 2.2) << "of 60 tokens, the words are drawn by chance";
    } else {
      EXPECT_EQ(*validation.accuracy, 1);
      EXPECT_LT(validation.loss, 0.2);
    }
  }
}

TEST_F(EncoderTraining, StoppedAndResumedGivesTheSameBits) {
  for (const TrainTask task : {TrainTask::mlm, TrainTask::classification}) {
    const std::string name = std::to_string(static_cast<int>(task));
    TrainOptions whole = options(task, "whole" + name);
    whole.accumulate = 2;
    whole.threads = 1;
    whole.whole_words = task == TrainTask::mlm;
    train(whole);
    TrainOptions parts = whole;
    parts.output = root_ / ("parts" + name);
    parts.threads = 2;
    TrainCallbacks callbacks;
    int64_t step = 0;
    callbacks.on_step = [&](const TrainStep& made) { step = made.step; };
    callbacks.should_stop = [&] { return step >= 5; };
    EXPECT_THROW(train(parts, callbacks), Error);
    parts.resume = true;
    EXPECT_EQ(train(parts).step, 8);
    for (const char* file : {"model.safetensors", "config.json", "checkpoints/step-8/optimizer.safetensors"}) {
      EXPECT_EQ(read_file(parts.output / file), read_file(whole.output / file)) << file;
    }
  }
}

TEST_F(EncoderTraining, AClassifierStartsFromThePretrainedEncoder) {
  train(options(TrainTask::mlm, "mlm"));
  TrainOptions o = options(TrainTask::classification, "classifier");
  o.init = root_ / "mlm";
  o.learning_rate = 0;
  o.hidden_size = 98;  // ignored, since the pretrained network determines the size
  o.ema_decay = 0;
  train(o);
  const auto before = load_model(root_ / "mlm"), after = load_model(root_ / "classifier");
  int equal = 0;
  for (const Parameter& parameter : after->parameters.all()) {
    if (parameter.name.starts_with("head.")) continue;
    EXPECT_EQ(parameter.value.to_vector(), before->parameters.find(parameter.name)->value.to_vector()) << parameter.name;
    ++equal;
  }
  EXPECT_EQ(equal, 3 + 2 + 2 * 16);
  EXPECT_EQ(read_file(root_ / "classifier/tokenizer.json"), read_file(root_ / "mlm/tokenizer.json"));
}

void learn_fast(TrainOptions& o) {
  o.hidden_size = 32;
  o.ffn_dim = 64;
  o.dropout = 0;
  o.learning_rate = 5e-3;
  o.initializer_range = 0;
  o.warmup_steps = 20;
  o.max_steps = o.validate_every = 300;
  o.save_every = 1000;
  o.ema_decay = 0.9;
}

// Words with their labels, in each sentence a river or boat that is an entity of two words.
TrainOptions tag_options(const TemporaryDirectory& root, TrainOptions o) {
  std::string sentences;
  for (int i = 0; i < 60; ++i) {
    const char* const word = i % 3 ? "boats" : "rivers";
    sentences += fmt::format("the O\nold B-{0}\n{0} I-{0}\nare O\n{1} O\n\n", word, i % 2 ? "good" : "new");
  }
  write_file_atomically(root / "words", sentences);
  apply_preset(o, "tagger");
  o.train_file = o.valid_file = root / "words";
  o.hidden_size = 16;
  o.num_attention_heads = 2;
  o.ffn_dim = 24;
  o.max_length = 24;
  o.vocab_size_limit = 50;
  return o;
}

TEST_F(EncoderTraining, LabelsOfWordsAreLearnt) {
  TrainOptions o = tag_options(root_, options(TrainTask::classification, "tagger"));
  learn_fast(o);
  const TrainValidation best = last_validation(o);
  EXPECT_EQ(best.accuracy, 1);
  EXPECT_EQ(best.entity_f1, 1);
  EXPECT_LT(best.loss, 0.2);
  const ModelDirectory made(o.output);
  EXPECT_EQ(made.architecture().class_name, "BertForTokenClassification");
  EXPECT_THAT(made.labels(), testing::ElementsAre("O", "B-boats", "B-rivers", "I-boats", "I-rivers"));
}

TEST_F(EncoderTraining, ATaggerStartsFromThePretrainedEncoderAndGoesOn) {
  train(options(TrainTask::mlm, "mlm"));
  TrainOptions o = tag_options(root_, options(TrainTask::classification, "whole"));
  o.init = root_ / "mlm";
  o.validate_every = 4;
  o.save_every = 2;
  o.max_steps = 8;
  train(o);
  EXPECT_EQ(read_file(root_ / "whole/tokenizer.json"), read_file(root_ / "mlm/tokenizer.json"));
  TrainOptions parts = o;
  parts.output = root_ / "parts";
  parts.max_steps = 4;
  train(parts);
  parts.max_steps = 8;
  parts.resume = true;
  train(parts);
  EXPECT_EQ(read_file(root_ / "parts/checkpoints/step-8/optimizer.safetensors"),
            read_file(root_ / "whole/checkpoints/step-8/optimizer.safetensors"));
}

TEST_F(EncoderTraining, PairsSeveralLabelsAndNumbersAreLearnt) {
  std::string several, numbers;
  for (int i = 0; i < 80; ++i) {
    const std::string first = i % 2 ? "boat" : "river", second = i / 2 % 2 ? "old" : "new";
    several += fmt::format("the {}\tis {}\t{}\n", first, second,
                           fmt::format("{}{}{}", i % 2 ? "floats" : "", i % 2 && i / 2 % 2 ? ", " : "", i / 2 % 2 ? "aged" : ""));
    numbers += fmt::format("the {}\tis {}\t{}\n", first, second, (i % 2 ? 1.5 : -0.5) + (i / 2 % 2 ? 0.25 : 0));
  }
  for (const TextLabels labels : {TextLabels::several, TextLabels::number}) {
    TrainOptions o = options(TrainTask::classification, "labels" + std::to_string(static_cast<int>(labels)));
    write_file_atomically(root_ / "pairs", labels == TextLabels::several ? several : numbers);
    o.train_file = o.valid_file = root_ / "pairs";
    o.labels = labels;
    o.pairs = true;
    learn_fast(o);
    const TrainValidation best = last_validation(o);
    EXPECT_LT(best.loss, 0.02);
    EXPECT_EQ(best.accuracy, labels == TextLabels::several ? std::optional(1.0) : std::nullopt);
    const ModelDirectory made(o.output);
    EXPECT_EQ(made.config().label_kind, labels == TextLabels::several ? LabelKind::several : LabelKind::values);
    if (labels == TextLabels::several) EXPECT_THAT(made.labels(), testing::ElementsAre("aged", "floats"));
  }
  TrainOptions o = options(TrainTask::classification, "model");
  o.train_file = o.valid_file = root_ / "pairs";
  EXPECT_THAT(refusal(
                  [&] {
                    o.labels = TextLabels::number;
                    o.label_smoothing = 0.1;
                    return o;
                  }(),
                  ErrorCode::invalid_argument),
              HasSubstr("label_smoothing is for one label of each text"));
  write_file_atomically(root_ / "pairs", "a\tb\t1\nc\td\tmuch\n");
  o.label_smoothing = 0;
  o.pairs = true;
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("pairs: line 2: \"much\" is not a number"));
  write_file_atomically(root_ / "pairs", "a\tb\t1\nc\t2\n");
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("line 2 has not two tabs; each line must be two texts and a label"));
}

TEST_F(EncoderTraining, WhatCannotBeLearntIsOneLineEachAndLeavesNothing) {
  TrainOptions o = options(TrainTask::classification, "model");
  write_file_atomically(root_ / "bad.tsv", "the boat\tgood\nthe river\n");
  o.train_file = root_ / "bad.tsv";
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("bad.tsv: line 2 has no tab"));
  write_file_atomically(root_ / "bad.tsv", "the boat\tgood\nthe river\tgood\n");
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("all 2 lines have the label \"good\""));
  o = options(TrainTask::classification, "model");
  o.valid_file = root_ / "bad.tsv";
  write_file_atomically(root_ / "bad.tsv", "the boat\tgood\nthe river\tfair\n");
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("line 2 has the label \"fair\", which is none of the classifier's: bad, good"));

  TrainOptions lm;
  apply_preset(lm, "char-gpt");
  lm.text = root_ / "text";
  lm.output = root_ / "lm";
  lm.decoder_layers = 1;
  lm.hidden_size = lm.ffn_dim = 12;
  lm.context = lm.batch_tokens = 16;
  lm.max_steps = lm.validate_every = 1;
  lm.warmup_steps = 0;
  train(lm);
  o = options(TrainTask::mlm, "model");
  o.tokenizer = root_ / "lm";
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("the tokenizer has no [CLS] token; a masked language model needs it"));
  o = options(TrainTask::classification, "model");
  o.tokenizer = root_ / "lm";
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("puts no [CLS] token before a text"));
  o.tokenizer.clear();
  o.init = root_ / "lm";
  EXPECT_THAT(refusal(o, ErrorCode::bad_input), HasSubstr("the model continues texts (qkv generate); an encoder alone is needed"));
  o = options(TrainTask::mlm, "model");
  o.train_file = root_ / "train.tsv";
  EXPECT_THAT(refusal(o, ErrorCode::invalid_argument), HasSubstr("train_file belongs to task classification; this is task mlm"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "model"));
}

}  // namespace
}  // namespace qkv
