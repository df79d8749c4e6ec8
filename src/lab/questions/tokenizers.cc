// The effect of the tokenizer: characters, bytes, words and subwords, from the same sentences, in the same networks.
#include <algorithm>
#include <cmath>

#include "decode/translator.h"
#include "evaluate/scores.h"
#include "lab/networks/flops.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/texts.h"
#include "lab/tasks/words.h"
#include "nn/uniform_config.h"

namespace qkv::lab {
namespace {

constexpr int kHidden = 96, kLayers = 2, kHeads = 4, kInner = 4 * kHidden, kPositions = 512;
constexpr int64_t kSentences = 16, kTestLines = 24 * kSentences;
constexpr int64_t kRare = 10;  // a word that occurs less often in the training text is rare
constexpr double kTranslatorFlops = 4e12, kModelFlops = 0.6e12;

TokenizerTrainerOptions tokenizer_of(const std::string& arm) {
  TokenizerTrainerOptions options{.vocab_size_is_upper_bound = true, .score = WordPieceScore::gain};
  if (arm == "character") {  // byte pair encoding without merges
    options.min_frequency = std::numeric_limits<int64_t>::max();
    return options;
  }
  if (arm == "byte") {  // Unigram whose only character is the space
    options.pipeline = TokenizerPipeline::unigram;
    options.byte_fallback = true;
    options.limit_alphabet = 1;
    options.vocab_size = std::ssize(special_tokens_of(options.pipeline)) + 256 + 1;
    return options;
  }
  const size_t dash = arm.find('-');
  const std::string kind = arm.substr(0, dash);
  options.vocab_size = std::stoll(arm.substr(dash + 1));
  if (kind == "wordpiece") options.special_tokens = {"</s>"};  // ends a sentence, as in the others
  options.pipeline = kind == "word"        ? TokenizerPipeline::words
                     : kind == "wordpiece" ? TokenizerPipeline::word_pieces
                     : kind == "unigram"   ? TokenizerPipeline::unigram
                                           : TokenizerPipeline::sentences;
  return options;
}

int32_t end_of(const Tokenizer& tokenizer) { return tokenizer.token_to_id("</s>"); }
int32_t pad_of(const Tokenizer& tokenizer) { return std::max(tokenizer.token_to_id("<pad>"), tokenizer.token_to_id("[PAD]")); }

using Lines = std::vector<std::vector<WordTokens>>;

struct Lengths {
  double tokens_per_sentence = 0, unknown_words = 0;
};
Lengths lengths_of(const Lines& lines) {
  double tokens = 0, words = 0, unknown = 0;
  for (const auto& line : lines) {
    for (const WordTokens& word : line) {
      tokens += static_cast<double>(word.ids.size());
      unknown += !word.known;
    }
    words += static_cast<double>(line.size());
  }
  return {tokens / static_cast<double>(lines.size()), unknown / words};
}

UniformConfig translator_config(const Tokenizer& tokenizer) {
  UniformConfig config{.vocab_size = tokenizer.vocab_size(), .hidden_size = kHidden, .encoder_layers = kLayers, .decoder_layers = kLayers};
  config.num_attention_heads = config.num_key_value_heads = kHeads;
  config.encoder_ffn_dim = config.decoder_ffn_dim = kInner;
  config.norm_position = NormPlace::pre;
  config.max_position_embeddings = kPositions;
  config.final_logits_bias = false;
  config.dropout = 0;
  config.pad_token_id = config.decoder_start_token_id = pad_of(tokenizer);
  config.eos_token_ids = {end_of(tokenizer)};
  return config;
}

// Number of steps that cost `flops` in all, extrapolated from the first ones.
int64_t steps_of(const Job& job, double flops, const std::function<double(int64_t step)>& cost) {
  constexpr int64_t kLookedAt = 20;
  double sum = 0;
  for (int64_t step = 1; step <= kLookedAt; ++step) sum += cost(step);
  return job.scaled(std::llround(flops * kLookedAt / sum));
}

// Sentences for a language model, each between two end tokens.
Batch sentence_batch(std::span<const std::vector<WordTokens>> lines, int32_t end) {
  Batch batch;
  std::vector<int32_t> lengths;
  for (const auto& line : lines) {
    const auto begin = std::ssize(batch.input.ids);
    batch.input.ids.push_back(end);
    for (const WordTokens& word : line) batch.input.ids.insert(batch.input.ids.end(), word.ids.begin(), word.ids.end());
    batch.input.ids.resize(std::min<size_t>(batch.input.ids.size(), begin + kPositions));
    batch.targets.insert(batch.targets.end(), batch.input.ids.begin() + begin + 1, batch.input.ids.end());
    batch.targets.push_back(end);
    lengths.push_back(static_cast<int32_t>(std::ssize(batch.input.ids) - begin));
  }
  batch.input.segments = Segments::of_lengths(lengths);
  return batch;
}

Batch training_sentences(const Pairs& pairs, RandomStream random) {
  const std::vector<std::string>& text = pairs.training_targets();
  std::vector<std::string> chosen;
  for (int64_t i = 0; i < kSentences; ++i) chosen.push_back(text[random.below(text.size())]);
  return sentence_batch(tokens_of_words(pairs.tokenizer(), chosen), end_of(pairs.tokenizer()));
}

// Bits per byte of the test sentences, including spaces and line ends; unknown words are spelled out.
double language_model(const Job& job, const Pairs& pairs, const Lines& test, Outcome& outcome) {
  const Tokenizer& tokenizer = pairs.tokenizer();
  NetworkOptions options{.vocab_size = tokenizer.vocab_size(), .hidden_size = kHidden, .layers = kLayers, .heads = kHeads};
  options.ffn_size = kInner;
  options.max_positions = kPositions;
  UniformConfig config = translator_config(tokenizer);
  config.kind = Kind::decoder_only;
  const int64_t steps = steps_of(job, kModelFlops, [&](int64_t step) {
    return training_flops(config, {}, training_sentences(pairs, training_stream(job.seed, step)).input.segments);
  });
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  const TrainingOptions training{
      .steps = steps, .learning_rate = 3e-3, .seed = job.seed, .dtype = DType::bf16, .cancellation = job.cancellation};
  outcome.series["language model's loss"] = train(store, training, [&](int64_t step, ForwardContext& context) {
                                              const Batch batch = training_sentences(pairs, training_stream(job.seed, step));
                                              return network.loss(batch.input, batch.targets, context).loss;
                                            }).losses;
  double bits = 0, bytes = 0;
  const Spelling spelling(pairs.training_targets());
  for (size_t i = 0; i < test.size(); ++i) {
    bytes += static_cast<double>(pairs.test_references()[i].size() + 1);
    for (const WordTokens& word : test[i]) bits += word.known ? 0 : spelling.bits(word.word);
  }
  const auto batch = [&](int64_t i) {
    return sentence_batch(std::span(test).subspan(i * kSentences).first(kSentences), end_of(tokenizer));
  };
  const Judgement judgement = judge(job.cancellation, network, std::ssize(test) / kSentences, batch, DType::bf16);
  return (bits + judgement.loss * static_cast<double>(judgement.targets) / std::log(2.0)) / bytes;
}

void translator(const Job& job, const Pairs& pairs, Outcome& outcome) {
  const UniformConfig config = translator_config(pairs.tokenizer());
  const auto training_batch = [&](int64_t step) {
    return pairs.training_batch(kSentences, config.decoder_start_token_id, training_stream(job.seed, step));
  };
  const int64_t steps = steps_of(job, kTranslatorFlops, [&](int64_t step) {
    const TrainingBatch batch = training_batch(step);
    return training_flops(config, batch.source.segments, batch.target_in.segments);
  });
  ParameterStore store(job.seed, true);
  const Transformer network(config, store);
  outcome.values["parameters"] = static_cast<double>(store.count());
  outcome.values["training sentences"] = static_cast<double>(steps * kSentences);
  const TrainingOptions training{
      .steps = steps, .learning_rate = 3e-3, .seed = job.seed, .dtype = DType::bf16, .cancellation = job.cancellation};
  outcome.series["translator's loss"] = train(store, training, [&](int64_t step, ForwardContext& context) {
                                          const TrainingBatch batch = training_batch(step);
                                          const float scale = 1.0f / static_cast<float>(batch.target_out.size());
                                          return network.loss(batch.source, batch.target_in, batch.target_out, 0.1f, scale, context).loss;
                                        }).losses;
  TranslateOptions options{.dtype = DType::bf16, .truncate = true};
  options.search.max_length = 384;
  options.search.max_length_factor = 2;
  options.search.rules.bad_words = {config.pad_token_id};
  const std::span<const std::string> sources = std::span(pairs.test_sources()).first(kTestLines);
  const std::span<const std::string> references = std::span(pairs.test_references()).first(kTestLines);
  std::vector<std::string> translations;
  for (const Translation& each : translate(network, pairs.tokenizer(), sources, options)) {
    translations.push_back(parted(each.candidates.empty() ? "" : each.candidates.front().text));
  }
  outcome.values["BLEU"] = score_corpus(translations, references).bleu;
  const auto frequencies = word_frequencies(pairs.training_targets());
  outcome.values["rare-word accuracy"] = word_accuracy(translations, references, frequencies, 0, kRare);
  constexpr int64_t kBounds[] = {0, kRare, 30, 100, 300, 1000, 3000};
  for (size_t i = 1; i < std::size(kBounds); ++i) {
    outcome.series["accuracy by frequency"].emplace_back(kBounds[i],
                                                         word_accuracy(translations, references, frequencies, kBounds[i - 1], kBounds[i]));
  }
}

// How sequences shorten as the vocabulary grows. Nothing is random in it, so only the first seed measures it.
void vocabulary_series(const Job& job, Outcome& outcome) {
  const std::string kind = job.arm.substr(0, job.arm.find('-'));
  if (job.seed != 1 || !job.arm.ends_with("-4000")) return;
  for (const int size : {500, 1000, 2000, 4000, 8000}) {
    const Pairs& pairs = Pairs::of(job, tokenizer_of(kind + "-" + std::to_string(size)), true);
    const Lengths lengths = lengths_of(tokens_of_words(pairs.tokenizer(), std::span(pairs.test_references()).first(kTestLines)));
    outcome.series["tokens per sentence"].emplace_back(size, lengths.tokens_per_sentence);
    outcome.series["unknown words"].emplace_back(size, 100 * lengths.unknown_words);
  }
}

Outcome run(const Job& job) {
  Outcome outcome;
  const Pairs& pairs = Pairs::of(job, tokenizer_of(job.arm), true);
  const Lines test = tokens_of_words(pairs.tokenizer(), std::span(pairs.test_references()).first(kTestLines));
  const Lengths lengths = lengths_of(test);
  outcome.values["tokens per sentence"] = lengths.tokens_per_sentence;
  outcome.values["unknown words"] = lengths.unknown_words;
  outcome.values["bits per byte"] = language_model(job, pairs, test, outcome);
  translator(job, pairs, outcome);
  vocabulary_series(job, outcome);
  return outcome;
}

const std::vector<std::string> kArms{"character",      "byte",           "word-4000",    "bpe-1000",    "bpe-4000",
                                     "wordpiece-1000", "wordpiece-4000", "unigram-1000", "unigram-4000"};

}  // namespace

Experiment tokenizers() {
  return {
      .name = "tokenizers",
      .question = "What is the tokenizer's part?",
      .memory_mib = 450,  // a whole run of one thread peaked at 423
      .arms = kArms,
      .data = {"translation"},
      .run = run,
      .claims = {times_at_least("characters make sentences at least 3 times as long as BPE does", "tokens per sentence", "character",
                                "bpe-4000", 3),
                 more_by("a vocabulary of words leaves at least 5 points more words unknown than BPE", "unknown words", "word-4000",
                         "bpe-4000", 0.05),
                 less_by("BPE needs at least 0.05 bits per byte less than words", "bits per byte", "bpe-4000", "word-4000", 0.05),
                 more_by("BPE translates at least 1 BLEU better than characters", "BLEU", "bpe-4000", "character", 1),
                 more_by("BPE translates at least 1 point more of the rare words", "rare-word accuracy", "bpe-4000", "word-4000", 0.01),
                 same_within("BPE and Unigram differ by less than 2 BLEU", "BLEU", "unigram-4000", "bpe-4000", 2)},
      .columns = {{"parameters", "parameters", 0},
                  {"training sentences", "sentences learnt", 0},
                  {"tokens per sentence", "tokens per sentence", 1},
                  {"unknown words", "share of unknown words", 4},
                  {"bits per byte", "bits per byte", 3},
                  {"BLEU", "BLEU", 1},
                  {"rare-word accuracy", "rare-word accuracy", 3}},
  };
}

}  // namespace qkv::lab
