// Why does BERT have its own tokenizer? Separates the effect of matching tokens and embeddings from WordPiece being the better
// segmentation.
#include <cmath>
#include <unordered_map>

#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/labelled_text.h"

namespace qkv::lab {
namespace {

using Example = LabelledText::Example;

constexpr int kVocabulary = 3000, kHidden = 64;
constexpr DType kType = DType::bf16;
constexpr int64_t kTexts = 32;   // per batch
constexpr double kShare = 0.25;  // share of words that are hidden: more than BERT's 15 %, so that a step has more to learn from

TokenizerTrainerOptions tokenizer_of(TokenizerPipeline pipeline) {
  TokenizerTrainerOptions options{.pipeline = pipeline, .vocab_size = kVocabulary, .vocab_size_is_upper_bound = true};
  options.score = WordPieceScore::gain;  // merges the pair that makes the text likeliest
  if (pipeline != TokenizerPipeline::word_pieces)
    options.special_tokens = {"[CLS]", "[MASK]"};  // </s> serves as [SEP]: five special ones, too
  return options;
}

TokenizerPipeline pipeline_of(const std::string& arm) {
  return arm == "bpe" ? TokenizerPipeline::sentences : arm == "unigram" ? TokenizerPipeline::unigram : TokenizerPipeline::word_pieces;
}
// The other pipeline, whose tokens a pipeline's encoder also receives.
TokenizerPipeline other_than(TokenizerPipeline pipeline) {
  return pipeline == TokenizerPipeline::word_pieces ? TokenizerPipeline::sentences : TokenizerPipeline::word_pieces;
}

Frame frame_of(const Tokenizer& tokenizer, const std::string& arm) {
  Frame frame{.cls = tokenizer.token_to_id("[CLS]"), .sep = tokenizer.token_to_id("[SEP]"), .mask = tokenizer.token_to_id("[MASK]")};
  if (frame.sep < 0) frame.sep = tokenizer.token_to_id("</s>");
  if (arm == "no-cls" || arm == "no-cls-no-sep") frame.cls = -1;
  if (arm == "no-sep" || arm == "no-cls-no-sep") frame.sep = -1;
  return frame;
}

// A token's text in a form common to all tokenizers: "▁" before the beginning of a word.
std::string plain_token(const Tokenizer& tokenizer, int32_t id) {
  const std::string& token = tokenizer.id_to_token(id);
  if (tokenizer.is_special(id) || tokenizer.token_to_id("[SEP]") < 0) return token;
  return token.starts_with(kContinuingPrefix) ? token.substr(kContinuingPrefix.size()) : "▁" + token;
}

// The examples as segmented by `other`, with the ids of `own` for each token's text; texts missing in `own` are unknown.
std::vector<Example> looked_up(std::vector<Example> examples, const Tokenizer& other, const Tokenizer& own) {
  std::unordered_map<std::string, int32_t> ids;
  for (int32_t id = 0; id < own.vocab_size(); ++id) ids.emplace(plain_token(own, id), id);
  for (Example& example : examples) {
    for (WordTokens& word : example.words) {
      for (int32_t& id : word.ids) {
        const auto found = ids.find(plain_token(other, id));
        id = found == ids.end() ? own.unknown_id() : found->second;
      }
    }
  }
  return examples;
}

NetworkOptions encoder_options(int outputs) {
  NetworkOptions options{.vocab_size = kVocabulary, .outputs = outputs, .hidden_size = kHidden, .layers = 2, .heads = 4};
  options.ffn_size = 4 * kHidden;
  options.causal = false;
  options.max_positions = static_cast<int>(Frame().max_tokens);
  options.dropout = 0.1f;
  return options;
}

std::vector<const Example*> draw(const std::vector<Example>& examples, RandomStream& random) {
  std::vector<const Example*> chosen;
  for (int64_t i = 0; i < kTexts; ++i) chosen.push_back(&examples[random.below(examples.size())]);
  return chosen;
}

std::vector<const Example*> slice(const std::vector<Example>& examples, int64_t index) {
  std::vector<const Example*> chosen;
  for (int64_t i = index * kTexts; i < std::min((index + 1) * kTexts, std::ssize(examples)); ++i) chosen.push_back(&examples[i]);
  return chosen;
}
int64_t slices(const std::vector<Example>& examples) { return (std::ssize(examples) + kTexts - 1) / kTexts; }

// One arm's run: an encoder that is pretrained once and turned into a classifier several times.
class Encoder {
 public:
  Encoder(const Job& job, const Frame& frame, int classes)
      : job_(job), frame_(frame), classes_(classes), store_(job.seed, true), network_(encoder_options(0), store_) {}

  void pretrain(const std::vector<Example>& examples, Outcome& outcome) {
    outcome.values["parameters"] = static_cast<double>(store_.count());
    outcome.series["masked loss"] =
        train(store_,
              {.steps = job_.scaled(2500), .learning_rate = 2e-3, .seed = job_.seed, .dtype = kType, .cancellation = job_.cancellation},
              [&](int64_t step, ForwardContext& context) {
                RandomStream random = training_stream(job_.seed, step);
                const std::vector<const Example*> chosen = draw(examples, random);
                const Batch batch = masked_batch(chosen, frame_, kShare, random);
                return network_.loss(batch.input, batch.targets, context).loss;
              })
            .losses;
  }

  // Measured on hidden words, which are the same for all arms; unknown words are spelled out.
  double bits_per_byte(const std::vector<Example>& examples, const Spelling& spelling) const {
    std::vector<const WordTokens*> hidden;
    const auto batch = [&](int64_t i) { return masked_batch(slice(examples, i), frame_, kShare, test_stream(job_.seed, i), &hidden); };
    const Judgement judgement = judge(job_.cancellation, network_, slices(examples), batch, kType);
    double bits = judgement.loss * static_cast<double>(judgement.targets) / std::log(2.0), bytes = 0;
    for (const WordTokens* word : hidden) {
      bytes += static_cast<double>(word->word.size());
      bits += word->known ? 0 : spelling.bits(word->word);
    }
    return bits / bytes;
  }

  // Fine-tunes a classifier with the encoder in its current state, or as before pretraining, on `training`; returns its accuracy for each
  // of `tests`.
  std::vector<double> classify(bool pretrained, const std::vector<Example>& training,
                               const std::vector<const std::vector<Example>*>& tests) const {
    ParameterStore store(job_.seed, true);
    const Network classifier(encoder_options(classes_), store);
    for (const Parameter& parameter : store.all()) {
      if (const Parameter* start = store_.find(parameter.name); pretrained && start) parameter.value.copy_from(start->value);
    }
    train(store, {.steps = job_.scaled(1000), .learning_rate = 1e-3, .seed = job_.seed, .dtype = kType, .cancellation = job_.cancellation},
          [&](int64_t step, ForwardContext& context) {
            RandomStream random = training_stream(job_.seed, step);
            const Batch batch = label_batch(draw(training, random), frame_);
            return classifier.loss(batch.input, batch.targets, context).loss;
          });
    std::vector<double> accuracies;
    for (const std::vector<Example>* test : tests) {
      const auto batch = [&](int64_t i) { return label_batch(slice(*test, i), frame_); };
      accuracies.push_back(judge(job_.cancellation, classifier, slices(*test), batch, kType).accuracy);
    }
    return accuracies;
  }

 private:
  const Job& job_;
  Frame frame_;
  int classes_;
  ParameterStore store_;
  Network network_;
};

Outcome run(const Job& job) {
  const TokenizerPipeline pipeline = pipeline_of(job.arm);
  const LabelledText& own = LabelledText::of(job, tokenizer_of(pipeline));
  Encoder encoder(job, frame_of(own.tokenizer(), job.arm), own.classes());
  Outcome outcome;
  encoder.pretrain(own.training(), outcome);
  outcome.values["bits per byte"] = encoder.bits_per_byte(own.test(), Spelling(own.training_texts()));
  if (job.arm.starts_with("no-")) {
    outcome.values["accuracy"] = encoder.classify(true, own.training(), {&own.test()}).front();
    return outcome;
  }
  const LabelledText& other = LabelledText::of(job, tokenizer_of(other_than(pipeline)));
  const std::vector<Example> translated = looked_up(other.test(), other.tokenizer(), own.tokenizer());
  const std::vector<double> fed = encoder.classify(true, own.training(), {&own.test(), &other.test(), &translated});
  const double retrained = encoder.classify(true, other.training(), {&other.test()}).front();
  const double scratch = encoder.classify(false, own.training(), {&own.test()}).front();
  outcome.values["accuracy"] = fed[0];
  outcome.values["with other ids"] = fed[1];
  outcome.values["with other pieces"] = fed[2];
  outcome.values["retrained"] = retrained;
  outcome.values["not pretrained"] = scratch;
  outcome.values["lost to other ids"] = fed[0] - fed[1];
  outcome.values["short after retraining"] = fed[0] - retrained;
  return outcome;
}

const std::vector<std::string> kArms{"wordpiece", "bpe", "unigram", "no-cls", "no-sep", "no-cls-no-sep"};

}  // namespace

Experiment bert_tokenizer() {
  return {
      .name = "bert_tokenizer",
      .question = "Why does BERT have its own tokenizer?",
      .arms = kArms,
      .data = {"classification"},
      .run = run,
      .claims = {between("BERT loses at least 10 points with another tokenizer's ids", "lost to other ids", "wordpiece", 0.1, INFINITY),
                 between("fine-tuning on the other ids wins that back but for 3 points", "short after retraining", "wordpiece", -INFINITY,
                         0.03),
                 same_within("BPE is as accurate as WordPiece within 3 points", "accuracy", "bpe", "wordpiece", 0.03),
                 same_within("Unigram is as accurate as WordPiece within 3 points", "accuracy", "unigram", "wordpiece", 0.03),
                 same_within("BPE finds hidden words alike within 0.1 bits per byte", "bits per byte", "bpe", "wordpiece", 0.1),
                 more_by("[CLS] is worth at least 1 point", "accuracy", "wordpiece", "no-cls", 0.01),
                 same_within("[SEP] changes less than 3 points", "accuracy", "no-sep", "wordpiece", 0.03)},
      .columns = {{"parameters", "parameters", 0},
                  {"bits per byte", "bits per hidden byte", 3},
                  {"accuracy", "accuracy", 3},
                  {"with other pieces", "with other pieces", 3},
                  {"with other ids", "with other ids", 3},
                  {"retrained", "retrained on other ids", 3},
                  {"not pretrained", "not pretrained", 3}},
  };
}

}  // namespace qkv::lab
