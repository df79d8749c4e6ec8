#include "cli/commands/eval_classification.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/timing.h"
#include "cli/output.h"
#include "evaluate/classification.h"

namespace qkv {

Classifier load_classifier(const std::string& directory, InferenceType dtype) {
  Classifier classifier{load_model(directory, dtype), Tokenizer::load(directory)};
  const TransformerConfig& config = classifier.model->config;
  if (config.has_decoder() || config.head != Head::classification)
    fail(ErrorCode::unsupported, "{}: the model labels no texts; it {}", directory, use_of(config));
  if (classifier.tokenizer.vocab_size() > config.vocab_size) {
    fail(ErrorCode::bad_input, "{}: tokenizer.json has {} tokens, the model {}; they do not belong together", directory,
         classifier.tokenizer.vocab_size(), config.vocab_size);
  }
  return classifier;
}

void eval_classification(const std::string& model, const std::string& file, InferenceType dtype, bool json) {
  catch_interrupts();
  const Classifier classifier = load_classifier(model, dtype);
  const LabelledTexts texts(read_labelled_lines(file), classifier.model->labels, classifier.tokenizer,
                            classifier.model->config.max_position_embeddings);
  if (texts.cut() > 0)
    log_warning("{}: {} texts are cut to the {} tokens that the model takes", file, texts.cut(),
                classifier.model->config.max_position_embeddings);
  const Stopwatch watch;
  const ClassificationScores scores =
      classification_scores(classifier.model->network, texts, {.dtype = activation_type(*classifier.model)});
  if (json) {
    print("{}\n", nlohmann::ordered_json{{"loss", scores.loss()},
                                         {"accuracy", scores.accuracy()},
                                         {"right", scores.right},
                                         {"texts", scores.texts},
                                         {"seconds", watch.seconds()}}
                      .dump());
  } else {
    print("loss {:.4f}  accuracy {:.2f} % ({} of {} texts)\n", scores.loss(), 100 * scores.accuracy(), scores.right, scores.texts);
  }
}

}  // namespace qkv
