#include "train/tasks/text_inputs.h"

#include <algorithm>

#include "base/error.h"
#include "base/number_text.h"
#include "data/table_rows.h"

namespace qkv {
namespace {

// One of the texts, and whether it was kept. Each file's end is a document's, too.
TextSource open_documents(const TrainOptions& options, TextSourceOptions texts, const TextFiles& files, const char* keep_as, bool& kept) {
  const std::string ending = options.document_separator.empty() ? "\n" : options.document_separator;
  const bool table = !options.text_column.empty();
  if (!table) texts.between = ending;
  const TextSource source = open_text(files, texts, keep_as);
  kept = kept || source.kept();
  return table ? column_text(source, options.text_column, ending, texts) : source;
}

int64_t count_unknown(const TextCorpus& corpus, const Tokenizer& tokenizer) {
  const int32_t unknown = tokenizer.unknown_id();
  return unknown < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), unknown);
}

}  // namespace

TextInputs::TextInputs(const TrainOptions& options, const TextSourceOptions& texts) {
  const TextSource text = open_documents(options, texts, options.text, "text.text", kept);
  if (options.valid_text.empty()) {
    TextSplit split = split_text(text, options.valid_fraction, options.document_separator);
    training = std::move(split.first);
    validation = std::move(split.second);
  } else {
    check_separator(text, options.document_separator);
    training.source = text;
    validation.source = open_documents(options, texts, options.valid_text, "valid-text.text", kept);
  }
  training_hash = content_hash(training);
  validation_hash = content_hash(validation);
}

std::map<std::string, std::string> TextInputs::inputs() const {
  return {{"training text", fmt::format("{:016x}", training_hash)}, {"validation text", fmt::format("{:016x}", validation_hash)}};
}

TextCorpus build_text_corpus(const TrainOptions& options, const TextPart& text, const std::filesystem::path& cache,
                             const Tokenizer& tokenizer, const char* what, const Report& report, const DocumentTokens& around) {
  TextCorpus corpus = TextCorpus::build({.text = text,
                                         .separator = options.document_separator,
                                         .end_token = around.end,
                                         .start_token = around.start,
                                         .cache = cache,
                                         .cancellation = options.cancellation},
                                        tokenizer);
  if (corpus.tokens().size() < 2)
    fail(ErrorCode::bad_input, "{}: the {} text is a single token; there is nothing to predict", text.source.name(), what);
  std::string message = fmt::format("{}: {} tokens", what, with_commas(static_cast<int64_t>(corpus.tokens().size())));
  if (!options.document_separator.empty()) message += fmt::format(" in {} documents", with_commas(corpus.documents()));
  if (const int64_t unknown = count_unknown(corpus, tokenizer)) {
    message += fmt::format("; {} of them are outside of the vocabulary", with_commas(unknown));
  }
  report(message);
  return corpus;
}

}  // namespace qkv
