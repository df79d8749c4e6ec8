#include "bench/tokenizer_bench.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/timing.h"
#include "formats/json.h"
#include "text/files/tokenizer_parts.h"
#include "text/stages/metaspace.h"
#include "text/training/tokenizer_trainer.h"
#include "text/training/unigram_trainer.h"

namespace qkv {
namespace {

constexpr size_t kVocabulary = 8000;

class Bench {
 public:
  explicit Bench(std::filesystem::path data) : data_(std::move(data)) {}

  TokenizerBenchResult gpt2_lines() { return encode_lines(Tokenizer::load(data_ / "gpt2")); }
  TokenizerBenchResult gpt2_document() {
    const Tokenizer tokenizer = Tokenizer::load(data_ / "gpt2");
    return megabytes_per(shortest_seconds(3, [&] { tokenizer.encode(text(), false); }));
  }
  TokenizerBenchResult llama2_lines() { return encode_lines(Tokenizer::load(data_ / "spm/llama2-tokenizer.model")); }
  TokenizerBenchResult unigram_lines() { return encode_lines(Tokenizer::load(data_ / "spm/test_model.model")); }
  TokenizerBenchResult word_piece_lines() { return encode_lines(train_word_pieces()); }

  TokenizerBenchResult train_bpe() {
    return {.s = shortest_seconds(2, [&] {
              const std::vector<WordCount> words = count();
              TrainedBpe learnt = learn_bpe(words, {.vocab_size = kVocabulary, .min_frequency = 0, .special_tokens = {"<unk>"}});
              open(TokenizerPipeline::characters,
                   {.tokens = std::move(learnt.tokens), .special_tokens = 1, .merges = std::move(learnt.merges)});
            })};
  }
  TokenizerBenchResult train_unigram() {
    return {.s = shortest_seconds(1, [&] {
              const std::vector<WordCount> words = count();
              const TrainedUnigram learnt = learn_unigram(words, {}, {.vocab_size = kVocabulary - 2});
              TrainedVocabulary vocabulary{.tokens = {"</s>", "<unk>"}, .special_tokens = 2, .scores = {0, 0}};
              for (const auto& [piece, score] : learnt.pieces) {
                vocabulary.tokens.push_back(piece);
                vocabulary.scores.push_back(score);
              }
              open(TokenizerPipeline::unigram, vocabulary);
            })};
  }

 private:
  const std::string& text() {
    if (!text_.empty()) return text_;
    for (const char* file :
         {"tinyshakespeare/input.txt", "spm/botchan.txt", "multi30k/train.en", "multi30k/train.de", "multi30k/train.fr"}) {
      text_ += read_file(data_ / file);
    }
    return text_;
  }

  // The lines of the texts, without empty ones.
  std::vector<std::string_view> lines() {
    std::vector<std::string_view> result;
    for (std::string_view rest = text(); !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      if (end > 0) result.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return result;
  }

  TokenizerBenchResult megabytes_per(double seconds) { return {.mb_s = static_cast<double>(text().size()) / 1e6 / seconds}; }

  TokenizerBenchResult encode_lines(const Tokenizer& tokenizer) {
    const std::vector<std::string_view> all = lines();
    return megabytes_per(shortest_seconds(3, [&] { tokenizer.encode_batch(all, false); }));
  }

  std::vector<TextPart> training_texts() const { return {{data_ / "multi30k/train.en"}, {data_ / "multi30k/train.de"}}; }

  // Counts words that include the preceding space, as the peers do.
  std::vector<WordCount> count() const {
    const std::unique_ptr<PreTokenizer> metaspace = make_metaspace_pre_tokenizer({});
    const std::vector<TextPart> texts = training_texts();
    return count_words(texts, {.pre_tokenizer = metaspace.get()});
  }

  static Tokenizer open(TokenizerPipeline pipeline, const TrainedVocabulary& learnt) {
    return TokenizerAccess::from_json(trained_tokenizer_json(pipeline, learnt), "", "the trained tokenizer");
  }

  // Trains the peer's vocabulary and, like the peer, removes the normalizer.
  Tokenizer train_word_pieces() const {
    const std::vector<TextPart> texts = training_texts();
    const TokenizerTrainerOptions options{
        .pipeline = TokenizerPipeline::word_pieces, .vocab_size = kVocabulary, .min_frequency = 0, .score = WordPieceScore::frequency};
    nlohmann::ordered_json json = nlohmann::ordered_json::parse(train_tokenizer_json(options, texts));
    json["normalizer"] = nullptr;
    json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    return TokenizerAccess::from_json(json.dump(), "", "the trained tokenizer");
  }

  std::filesystem::path data_;
  std::string text_;
};

constexpr std::pair<const char*, TokenizerBenchResult (Bench::*)()> kWorks[] = {{"gpt2 encode lines", &Bench::gpt2_lines},
                                                                                {"gpt2 encode 1 document", &Bench::gpt2_document},
                                                                                {"llama2 bpe encode lines", &Bench::llama2_lines},
                                                                                {"unigram 1k encode lines", &Bench::unigram_lines},
                                                                                {"train BPE 8k", &Bench::train_bpe},
                                                                                {"wordpiece 8k encode lines", &Bench::word_piece_lines},
                                                                                {"train Unigram 8k", &Bench::train_unigram}};

}  // namespace

std::vector<std::string> tokenizer_works() {
  std::vector<std::string> names;
  for (const auto& [name, work] : kWorks) names.emplace_back(name);
  return names;
}

void bench_tokenizers(const TokenizerBenchOptions& options, const std::function<void(const TokenizerBenchResult&)>& each) {
  Bench bench(options.data);
  for (const auto& [name, work] : kWorks) {
    if (!options.works.empty() && std::find(options.works.begin(), options.works.end(), name) == options.works.end()) continue;
    TokenizerBenchResult result = (bench.*work)();
    result.what = name;
    each(result);
  }
}

}  // namespace qkv
