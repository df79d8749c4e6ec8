#include "lab/tasks/labelled_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "data/labelled_texts.h"
#include "data/numbers.h"

namespace qkv::lab {
namespace {

struct Lines {
  std::vector<std::string> texts;  // separated into words (words.h)
  std::vector<int32_t> labels;     // indices of names
};

Lines spelled_numbers(const std::vector<int32_t>& numbers) {
  const NumberSpeller speller("en");
  Lines lines;
  for (const int32_t number : numbers) {
    lines.texts.push_back(parted(speller.spell(number)));
    lines.labels.push_back(number % 2 == 0);
  }
  return lines;
}

Lines numbered(const LabelledLines& read, const std::vector<std::string>& names) {
  Lines lines;
  for (size_t i = 0; i < read.texts.size(); ++i) {
    const auto name = std::find(names.begin(), names.end(), read.labels[i]);
    QKV_REQUIRE(name != names.end(), "{}: line {} has the label \"{}\", which no training text has", read.place(i).name, read.place(i).line,
                read.labels[i]);
    lines.texts.push_back(parted(read.texts[i]));
    lines.labels.push_back(static_cast<int32_t>(name - names.begin()));
  }
  return lines;
}

std::vector<LabelledText::Example> examples_of(const Lines& lines, const Tokenizer& tokenizer) {
  std::vector<LabelledText::Example> examples;
  std::vector<std::vector<WordTokens>> words = tokens_of_words(tokenizer, lines.texts);
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].empty()) examples.push_back({std::move(words[i]), lines.labels[i]});
  }
  return examples;
}

// Number of words of a text that fit into the frame.
int64_t fitting(const LabelledText::Example& example, const Frame& frame) {
  int64_t tokens = (frame.cls >= 0) + (frame.sep >= 0), words = 0;
  while (words < std::min(frame.max_words, std::ssize(example.words))) {
    tokens += std::ssize(example.words[words].ids);
    if (tokens > frame.max_tokens) break;
    ++words;
  }
  return words;
}

// Appends one text after another to a batch.
class Writer {
 public:
  explicit Writer(const Frame& frame) : frame_(frame) {}
  void begin() {
    begin_ = batch_.input.ids.size();
    if (frame_.cls >= 0) add(frame_.cls);
  }
  void add(int32_t id, int32_t target = -1) {
    batch_.input.ids.push_back(id);
    batch_.targets.push_back(target);
  }
  void add(const WordTokens& word, bool hidden = false) {
    for (const int32_t id : word.ids) hidden ? add(frame_.mask, id) : add(id);
  }
  void end() {
    if (frame_.sep >= 0) add(frame_.sep);
    lengths_.push_back(static_cast<int32_t>(batch_.input.ids.size() - begin_));
  }
  int32_t& first_target() { return batch_.targets[begin_]; }
  Batch take() {
    batch_.input.segments = Segments::of_lengths(lengths_);
    return std::move(batch_);
  }

 private:
  const Frame& frame_;
  Batch batch_;
  std::vector<int32_t> lengths_;
  size_t begin_ = 0;
};

// Selects the words to hide, out of `words`.
std::vector<bool> choose_hidden(int64_t words, double share, RandomStream& random) {
  std::vector<bool> hidden(static_cast<size_t>(words));
  std::vector<int64_t> order(static_cast<size_t>(words));
  std::iota(order.begin(), order.end(), 0);
  const int64_t wanted = std::max<int64_t>(1, std::llround(share * static_cast<double>(words)));
  for (int64_t i = 0; i < std::min(wanted, words); ++i) {
    std::swap(order[i], order[i + static_cast<int64_t>(random.below(words - i))]);
    hidden[order[i]] = true;
  }
  return hidden;
}

}  // namespace

const LabelledText& LabelledText::of(const Job& job, const TokenizerTrainerOptions& tokenizer) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<LabelledText>> all;
  const std::lock_guard lock(mutex);
  std::unique_ptr<LabelledText>& found =
      all[fmt::format("{}|{}|{}", job.scratch.string(), static_cast<int>(tokenizer.pipeline), tokenizer.vocab_size.value_or(0))];
  if (!found) found.reset(new LabelledText(job, tokenizer));
  return *found;
}

LabelledText::LabelledText(const Job& job, const TokenizerTrainerOptions& tokenizer) {
  Lines training, test;
  if (job.data.classification_train.empty()) {
    const NumberSets numbers = choose_numbers(6000, 1);
    training = spelled_numbers(numbers.train);
    test = spelled_numbers(numbers.test);
  } else {
    const LabelledLines lines = read_labelled_lines(job.data.classification_train);
    const std::vector<std::string> names = label_names(lines);
    training = numbered(lines, names);
    test = numbered(read_labelled_lines(job.data.classification_test), names);
    classes_ = static_cast<int>(names.size());
  }
  tokenizer_ = std::make_unique<Tokenizer>(train_tokenizer(job.cancellable(tokenizer), training.texts));
  training_ = examples_of(training, *tokenizer_);
  test_ = examples_of(test, *tokenizer_);
  training_texts_ = std::move(training.texts);
}

Batch label_batch(std::span<const LabelledText::Example* const> examples, const Frame& frame) {
  Writer writer(frame);
  for (const auto* example : examples) {
    writer.begin();
    const int64_t words = fitting(*example, frame);
    for (int64_t i = 0; i < words; ++i) writer.add(example->words[i]);
    writer.first_target() = example->label;
    writer.end();
  }
  return writer.take();
}

Batch masked_batch(std::span<const LabelledText::Example* const> examples, const Frame& frame, double share, RandomStream random,
                   std::vector<const WordTokens*>* hidden) {
  Writer writer(frame);
  for (const auto* example : examples) {
    const int64_t words = fitting(*example, frame);
    const std::vector<bool> chosen = choose_hidden(words, share, random);
    writer.begin();
    for (int64_t i = 0; i < words; ++i) {
      writer.add(example->words[i], chosen[i]);
      if (chosen[i] && hidden) hidden->push_back(&example->words[i]);
    }
    writer.end();
  }
  return writer.take();
}

}  // namespace qkv::lab
