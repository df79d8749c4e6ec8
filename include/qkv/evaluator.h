// How good a model is: scores of translations and of other lines, comparison of systems, loss of a language model on a text, scores of
// labels and numbers that a model gives texts or words. What `qkv eval` does, for C++ programs. Thread safety: calls may run at once in
// several threads, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"
#include "qkv/text_files.h"

namespace qkv {

class Tokenizer;

// Splits texts into words for BLEU; sacreBLEU's names are 13a, intl, zh, char and none.
enum class BleuTokenization { mteval_13a, international, chinese, character, none };
// Replaces n-gram precisions of 0 in BLEU; sacreBLEU's names are exp, floor, add-k and none.
enum class BleuSmoothing { exponential, floor, add_k, none };

// The defaults are sacreBLEU's.
struct ScoringOptions {
  bool lowercase = false;  // BLEU and chrF ignore case
  BleuTokenization tokenization = BleuTokenization::mteval_13a;
  BleuSmoothing smoothing = BleuSmoothing::exponential;
  std::optional<double> smoothing_value;  // for floor (default 0.1) and add_k (default 1)
  bool ter_case_sensitive = false;
  bool ter_normalized = false;           // TER cuts off punctuation, as tercom does
  bool ter_no_punct = false;             // TER leaves punctuation out
  bool ter_asian_support = false;        // with ter_normalized ideographs are words, with ter_no_punct Asian punctuation is left out, too
  bool word_error_rate = false;          // count word errors
  bool token_error_rate = false;         // count token errors
  const Tokenizer* tokenizer = nullptr;  // whose tokens are counted; null: tokens are separated by white space, as phonemes often are
  const CancellationToken* cancellation = nullptr;
};

// Differences between lines and their references, in alignments with as few errors as possible, and among these with the fewest
// substitutions.
struct ErrorRate {
  int64_t substitutions = 0, insertions = 0, deletions = 0;
  int64_t tokens = 0;          // in the references
  int64_t unknown_tokens = 0;  // that the tokenizer does not know, in lines and references; they are compared by their text
  int64_t errors() const { return substitutions + insertions + deletions; }
  // Above 100 where there are more errors than tokens; empty where the references have no token.
  std::optional<double> percent() const {
    return tokens == 0 ? std::nullopt : std::optional(100.0 * static_cast<double>(errors()) / static_cast<double>(tokens));
  }
};

struct TranslationScores {
  std::optional<double> bleu;  // 0 to 100. Empty where no reference has the four words that it counts
  double chrf = 0;             // 0 to 100; chrF2
  double chrf_plus_plus = 0;   // 0 to 100; chrF2++, with words and pairs of words
  double ter = 0;              // translation edit rate in percent; lower is better
  std::string signature;       // sacreBLEU's signature of BLEU
  std::string chrf_signature, chrf_plus_plus_signature, ter_signature;
  std::optional<ErrorRate> word_errors, token_errors;  // where the options ask for them
  int64_t exact_matches = 0;                           // lines that equal one of their references, white space at their ends aside
  int64_t lines = 0;

  double exact_match() const { return 100.0 * static_cast<double>(exact_matches) / static_cast<double>(lines); }  // percent
};

// Scores translations or any other lines; line i of one span corresponds to line i of the other. Throws Error (bad_input) if the counts
// differ or are 0. Invalid UTF-8 counts as U+FFFD.
QKV_API TranslationScores score_translations(std::span<const std::string> hypotheses, std::span<const std::string> references);
// With several references: a list of lines for each. Throws OptionError (invalid_argument) for options that do not fit.
QKV_API TranslationScores score_translations(std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references,
                                             const ScoringOptions& options);

struct ComparisonOptions {
  ScoringOptions scoring;
  int64_t resamples = 1000;  // number of bootstrap samples
  int64_t seed = 12345;
};

// One measure of several systems.
struct MeasureComparison {
  struct System {
    double score = 0;
    double mean = 0;                // over the resamples
    double interval = 0;            // 95 % of the resamples lie within mean ± interval, about
    std::optional<double> p_value;  // for the difference from the baseline; empty for the baseline
  };
  std::string name;       // BLEU, chrF2, chrF2++, TER, word error rate, token error rate
  std::string signature;  // sacreBLEU's, with the generator of the draws (rng:philox); empty for error rates
  bool lower_is_better = false;
  std::vector<System> systems;  // in the order of the call, the baseline first
};

// Paired bootstrap resampling (Koehn 2004) as sacreBLEU's --paired-bs does it: the same statistics, p-value and interval. Lines are drawn
// by qkv's own generator, so that the figures equal sacreBLEU's within the sampling error alone; the same seed gives the same figures on
// any machine. Systems whose scores never differ have p = 1 (sacreBLEU: 1 / (resamples + 1)). BLEU is left out where it is undefined.
// Throws Error (bad_input) as score_translations, and for fewer than two systems.
QKV_API std::vector<MeasureComparison> compare_translations(std::span<const std::vector<std::string>> systems,
                                                            std::span<const std::vector<std::string>> references,
                                                            const ComparisonOptions& options = {});

struct TextEvaluationOptions {
  std::string document_separator;  // splits the text into documents, as in training; empty: one document
  std::string text_column;         // as in training
  int64_t context = 0;             // tokens that the model sees at once, 1 or more (a masked model's 3); 0: its positions, at most 2048
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

// Results over consecutive windows of `context` tokens that cover the text. A masked language model is evaluated on tokens hidden as in
// training, with equal choices at each call.
struct TextEvaluation {
  bool masked = false;                         // true if the model predicts hidden tokens; false if it predicts the next token
  double loss = 0;                             // mean of -log p of the predicted tokens, in nats
  double perplexity = 0;                       // exp(loss)
  std::optional<double> bits_per_byte;         // for the text in UTF-8, comparable between tokenizers; not for masked models
  std::optional<double> masked_bits_per_byte;  // for masked models: bits per byte of hidden whole words
  int64_t tokens = 0;                          // predicted tokens
  int64_t bytes = 0;                           // bytes of the text; for masked models, bytes of the hidden words
  int64_t unknown_tokens = 0;                  // tokens of the text that stand for unknown text
  std::string unknown_token;                   // the token for unknown text; empty: none
  int64_t context = 0;                         // context length used
  double seconds = 0;                          // computing time
};

// `model`: the directory of a language model or a masked language model. `text`: files in UTF-8. Throws qkv::Error with one line:
// unsupported for a model of another kind, OptionError (invalid_argument) for options, bad_input or io for files, interrupted if it was
// cancelled.
QKV_API TextEvaluation evaluate_text(const std::filesystem::path& model, const TextFiles& text, const TextEvaluationOptions& options = {});

// Quality of predicted labels. Definitions as in scikit-learn with zero_division = 0.
struct LabelScores {
  struct Label {
    std::string name;
    int64_t texts = 0, predicted = 0, right = 0;  // texts that have the label, that are given it, and both
    double precision() const { return predicted == 0 ? 0 : static_cast<double>(right) / static_cast<double>(predicted); }
    double recall() const { return texts == 0 ? 0 : static_cast<double>(right) / static_cast<double>(texts); }
    double f1() const { return texts + predicted == 0 ? 0 : 2.0 * static_cast<double>(right) / static_cast<double>(texts + predicted); }
  };
  std::vector<Label> labels;
  std::vector<std::vector<int64_t>> confusion;  // [right label][predicted label], in the order of `labels`
  double macro_f1 = 0;                          // mean of the labels' F1; labels that no text has or is given are left out
  double micro_f1 = 0;                          // F1 of all decisions together; the accuracy, as each text has one label
  double matthews = 0;  // Matthews' correlation coefficient, -1 to 1 (Gorodkin 2004); 0 where all texts have or are given the same label
};

// Text i is predicted to have label predicted[i] and has right[i]. `names`: all labels; empty: those that occur, in alphabetical order.
// Throws Error (bad_input) where the counts differ, there is no text, or a label is not among the names.
QKV_API LabelScores score_labels(std::span<const std::string> predicted, std::span<const std::string> right,
                                 std::span<const std::string> names = {});

// Quality of predicted labels of which several, or none, may hold for a text. Definitions as in scikit-learn with zero_division = 0.
struct LabelSetScores {
  std::vector<LabelScores::Label> labels;
  double macro_f1 = 0;     // mean of the labels' F1
  double micro_f1 = 0;     // F1 of all decisions on all labels together
  double exact_match = 0;  // 0 to 1: share of texts with all of their labels and no other
};

// Text i is predicted to have the labels predicted[i] and has right[i], in any order. `names`: all labels; empty: those that occur, in
// alphabetical order. Throws Error (bad_input) where the counts differ, there is no text or no label, a label of a text is there twice, or
// one is not among the names.
QKV_API LabelSetScores score_label_sets(std::span<const std::vector<std::string>> predicted,
                                        std::span<const std::vector<std::string>> right, std::span<const std::string> names = {});

// How well predicted numbers agree with the right ones.
struct NumberScores {
  double mean_squared_error = 0;
  // Correlations, -1 to 1, as scipy.stats.pearsonr and spearmanr; empty where all numbers of a side are equal.
  std::optional<double> pearson, spearman;
};

// Throws Error (bad_input) where the counts differ, there are no numbers, or one is not finite.
QKV_API NumberScores score_numbers(std::span<const double> predicted, std::span<const double> right);

// Quality of predicted labels of words, such as B-PER, and of the entities that they describe (IOB, IOB2, BIOES or BILOU; labels without
// such a prefix: runs of equal labels but "O"). An entity is right if its words and its name are. Definitions as in seqeval.
struct EntityScores {
  std::vector<LabelScores::Label> entities;  // by name, in alphabetical order; Label::texts counts entities of the texts
  double precision = 0, recall = 0, f1 = 0;  // of all entities together (micro average); 0 where there are none
  double macro_f1 = 0;                       // mean of the names' F1
  int64_t words = 0, right = 0;              // words, and those with the right label
  double accuracy() const { return words == 0 ? 0 : static_cast<double>(right) / static_cast<double>(words); }  // 0 to 1
};

// predicted[i] and right[i] are the labels of the words of sentence i. Throws Error (bad_input) where the numbers of sentences or words
// differ, or there are none.
QKV_API EntityScores score_entities(std::span<const std::vector<std::string>> predicted, std::span<const std::vector<std::string>> right);

struct ClassificationEvaluationOptions {
  std::string text_column, label_column;  // as in training
  bool pairs = false;                     // two texts with a tab between them, or columns text_column and second_column
  std::string second_column;              // with pairs; empty: tables have "second"
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

struct ClassificationEvaluation {
  // Mean of -log p of the right labels, in nats; of all decisions where several labels may hold; the mean squared error of numbers.
  double loss = 0;
  double accuracy = 0;                       // 0 to 1: right / texts; 0 for numbers
  int64_t right = 0;                         // texts whose most probable label is correct, or that are given all of their labels alone
  LabelScores labels;                        // of models that choose one label
  std::optional<LabelSetScores> label_sets;  // of models with several labels, which hold from a probability of 0.5 on
  std::optional<NumberScores> numbers;       // of models that give a number
  int64_t texts = 0;
  int64_t cut = 0;         // texts with more tokens than the model takes, of which only the first ones were read
  int64_t max_tokens = 0;  // limit of the model
  double seconds = 0;      // computing time
};

// `model`: the directory of a classifier or of a model that gives a number. `files`: lines with a text, a tab and a label, labels with
// commas between them (or none), or a number. Throws qkv::Error with one line: unsupported for a model of another kind, OptionError
// (invalid_argument) for second_column without pairs, bad_input or io for files (an unknown label with its line), interrupted if it was
// cancelled.
QKV_API ClassificationEvaluation evaluate_classification(const std::filesystem::path& model, const TextFiles& files,
                                                         const ClassificationEvaluationOptions& options = {});

struct TagEvaluationOptions {
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

struct TagEvaluation {
  double loss = 0;  // mean of -log p of the words' right labels, in nats
  EntityScores scores;
  int64_t sentences = 0;
  int64_t left_out = 0;    // words that are not scored: behind the tokens that the model takes, or of which the tokenizer keeps nothing
  int64_t max_tokens = 0;  // limit of the model
  double seconds = 0;      // computing time
};

// `model`: the directory of a model that labels tokens; a word's label is that of its first token. `files`: a word and, in the last column,
// its label in each line, and blank lines between sentences. Throws qkv::Error with one line: unsupported for a model of another kind,
// bad_input or io for files (an unknown label with its line), interrupted if it was cancelled.
QKV_API TagEvaluation evaluate_tags(const std::filesystem::path& model, const TextFiles& files, const TagEvaluationOptions& options = {});

struct ChoiceEvaluationOptions {
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

struct ChoiceEvaluation {
  double loss = 0;      // mean of -log p of the right choices among those of their question, in nats
  double accuracy = 0;  // 0 to 1: right / questions
  int64_t right = 0;    // questions whose likeliest choice is the right one
  int64_t questions = 0;
  int64_t cut = 0;         // questions with a choice of more tokens than the model takes, of which only a part was read
  int64_t max_tokens = 0;  // limit of the model
  double seconds = 0;      // computing time
};

// `model`: the directory of a model for multiple choice (qkv/chooser.h). `files`: lines of a text, two choices or more and the number of
// the right one, from 1 on, with tabs between them. Throws qkv::Error with one line: unsupported for a model of another kind or a tokenizer
// without a rule for pairs, bad_input or io for files (a fault with its line), interrupted if it was cancelled.
QKV_API ChoiceEvaluation evaluate_choices(const std::filesystem::path& model, const TextFiles& files,
                                          const ChoiceEvaluationOptions& options = {});

}  // namespace qkv
