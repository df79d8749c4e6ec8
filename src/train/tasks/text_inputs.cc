#include "train/tasks/text_inputs.h"

#include <algorithm>

#include "base/error.h"

namespace qkv {
namespace {

TextSplit texts_of(const TrainOptions& options) {
  if (options.valid_text.empty()) return split_text(options.text, options.valid_fraction, options.document_separator);
  check_separator(options.text, options.document_separator);
  return {{options.text}, {options.valid_text}};
}

int64_t count_unknown(const TextCorpus& corpus, const Tokenizer& tokenizer) {
  const int32_t unknown = tokenizer.unknown_id();
  return unknown < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), unknown);
}

}  // namespace

TextInputs::TextInputs(const TrainOptions& options) {
  TextSplit texts = texts_of(options);
  training = std::move(texts.first);
  validation = std::move(texts.second);
  training_hash = content_hash(training);
  validation_hash = content_hash(validation);
}

std::map<std::string, std::string> TextInputs::inputs() const {
  return {{"training text", fmt::format("{:016x}", training_hash)}, {"validation text", fmt::format("{:016x}", validation_hash)}};
}

TextCorpus build_text_corpus(const TrainOptions& options, const TextPart& text, const std::filesystem::path& cache,
                             const Tokenizer& tokenizer, const char* what, const Report& report) {
  TextCorpus corpus = TextCorpus::build(
      {.text = text, .separator = options.document_separator, .cache = cache, .cancellation = options.cancellation}, tokenizer);
  if (corpus.tokens().size() < 2)
    fail(ErrorCode::bad_input, "{}: the {} text is a single token; there is nothing to predict", text.path.string(), what);
  std::string message = fmt::format("{}: {} tokens", what, with_commas(static_cast<int64_t>(corpus.tokens().size())));
  if (!options.document_separator.empty()) message += fmt::format(" in {} documents", with_commas(corpus.documents()));
  if (const int64_t unknown = count_unknown(corpus, tokenizer)) {
    message += fmt::format("; {} of them are outside of the vocabulary", with_commas(unknown));
  }
  report(message);
  return corpus;
}

}  // namespace qkv
