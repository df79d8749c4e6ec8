#include "train/training_data.h"

#include <chrono>

#include "base/error.h"
#include "data/text_pair.h"
#include "text/bpe_trainer.h"

namespace qkv {

std::string with_commas(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t i = static_cast<int64_t>(digits.size()) - 3; i > (number < 0); i -= 3) digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

std::map<std::string, std::string> check_texts(const TrainOptions& options) {
  const auto hash = [](const TextPair& pair) { return fmt::format("{:016x}", pair.content_hash()); };
  return {{"training text", hash(TextPair(options.source, options.target))},
          {"validation text", hash(TextPair(options.valid_source, options.valid_target))}};
}

Tokenizer make_tokenizer(const TrainOptions& options, const Report& report) {
  if (!options.tokenizer.empty()) return Tokenizer::load(options.tokenizer);
  const auto start = std::chrono::steady_clock::now();
  BpeTrainerOptions bpe;
  bpe.vocab_size = options.vocab_size ? options.vocab_size : options.vocab_size_limit;
  bpe.vocab_size_is_upper_bound = options.vocab_size == 0;
  const std::vector<std::filesystem::path> files{options.source, options.target};
  Tokenizer tokenizer = train_bpe(bpe, files);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report(fmt::format("tokenizer: {} tokens, trained in {:.1f} s", with_commas(tokenizer.vocab_size()), seconds));
  return tokenizer;
}

SpecialTokens special_tokens(const Tokenizer& tokenizer) {
  const auto find = [&](const char* token) {
    const int32_t id = tokenizer.token_to_id(token);
    if (id < 0) fail(ErrorCode::bad_input, "the tokenizer has no {} token; training a translation model needs <pad> and </s>", token);
    return id;
  };
  return {.pad = find("<pad>"), .eos = find("</s>")};
}

ParallelCorpus build_corpus(const TrainOptions& options, bool validation, const std::filesystem::path& cache, const Tokenizer& tokenizer,
                            const Report& report) {
  ParallelCorpusOptions corpus_options;
  corpus_options.source = validation ? options.valid_source : options.source;
  corpus_options.target = validation ? options.valid_target : options.target;
  corpus_options.cache = cache;
  corpus_options.max_tokens = static_cast<int>(options.max_length);
  ParallelCorpus corpus = ParallelCorpus::build(corpus_options, tokenizer);
  const std::string what = validation ? "validation" : "training";
  std::string message = fmt::format("{}: {} pairs", what, with_commas(corpus.size()));
  if (corpus.too_long()) message += fmt::format("; left out {} longer than {} tokens", with_commas(corpus.too_long()), options.max_length);
  if (corpus.empty()) message += fmt::format("; left out {} with an empty side", with_commas(corpus.empty()));
  report(message);
  return corpus;
}

}  // namespace qkv
