// Fine-tuning on conversations: a language model learns the tokens of the assistant's answers, as its chat template writes them; the other
// tokens are only read (Ouyang et al. 2022, section 3.2, supervised fine-tuning).
#include <atomic>
#include <optional>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/number_text.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "chat/answer_tokens.h"
#include "chat/template_files.h"
#include "data/block_hash.h"
#include "data/held_out.h"
#include "evaluate/answer_batches.h"
#include "models/model_directory.h"
#include "train/tasks/encoder_network.h"
#include "train/tasks/training_task.h"

namespace qkv {
namespace {

// A conversation in each line.
struct Conversations {
  TextSource source;
  std::vector<size_t> lines;  // offsets of those that are not blank

  std::string_view line(size_t i) const {
    size_t offset = lines[i];
    return take_line(source.text(), offset);
  }
  uint64_t hash() const {
    uint64_t hash = 0;
    for (size_t i = 0; i < lines.size(); ++i) hash = combine_hashes(hash, hash_block(line(i)));
    return hash;
  }
};

Conversations read_conversations(const TextSource& given) {
  Conversations result{.source = given.opened()};
  result.source.check(TextShape::lines);
  const std::string_view text = result.source.text();
  for (size_t offset = 0; offset < text.size();) {
    const size_t begin = offset;
    const std::string_view line = take_line(text, offset);
    if (line.find_first_not_of(" \t") != std::string_view::npos) result.lines.push_back(begin);
  }
  if (result.lines.empty())
    fail(ErrorCode::bad_input, "{} is empty; each line must be a conversation, {{\"messages\": [...]}}", given.name());
  return result;
}

// Takes some of the conversations away to validate on.
Conversations hold_out(Conversations& training, int64_t count, uint64_t seed) {
  const auto visit = [&](const std::function<void(std::string_view)>& show) {
    for (size_t i = 0; i < training.lines.size(); ++i) show(training.line(i));
  };
  Conversations validation{.source = training.source};
  std::vector<size_t> rest;
  const std::vector<int64_t> chosen = choose_held_out(visit, count, seed, training.source.name());
  for (size_t i = 0; i < training.lines.size(); ++i) {
    const bool held_out = std::binary_search(chosen.begin(), chosen.end(), static_cast<int64_t>(i));
    (held_out ? validation.lines : rest).push_back(training.lines[i]);
  }
  training.lines = std::move(rest);
  return validation;
}

class ChatTask final : public TrainingTask {
 public:
  ChatTask(const TrainOptions& options, const TextSourceOptions& texts)
      : options_(options),
        chat_(options.chat_template.empty() ? ChatTemplate::load(options.init) : ChatTemplate::load(options.init, options.chat_template)),
        training_(read_conversations(open_text(options.train_file, texts, "train-file.text"))) {
    if (const auto fault = chat_.fault("default")) fail(ErrorCode::unsupported, "{}", *fault);
    validation_ = options.valid_split > 0 ? hold_out(training_, options.valid_split, static_cast<uint64_t>(options.seed))
                                          : read_conversations(open_text(options.valid_file, texts, "valid-file.text"));
  }

  std::map<std::string, std::string> inputs() const override {
    return {{"training file", fmt::format("{:016x}", training_.hash())},
            {"validation file", fmt::format("{:016x}", validation_.hash())},
            {"chat template", fmt::format("{:016x}", hash_block(template_text()))}};
  }
  bool keeps_texts() const override { return training_.source.kept() || validation_.source.kept(); }

  Tokenizer train_tokenizer(const Progress&) const override {
    QKV_CHECK(false, "[chat] the tokenizer is that of the pretrained model");
    return Tokenizer::load(options_.init);
  }
  SpecialTokens special_tokens(const Tokenizer&) const override { return {}; }

  void adapt(TransformerConfig& config) const override {
    if (options_.context <= config.max_position_embeddings) return;
    fail_option(ErrorCode::bad_input, "`init` {}: the model has {} positions, fewer than `context` {}", options_.init.string(),
                config.max_position_embeddings, options_.context);
  }

  std::map<std::string, std::string> files() const override { return {{"chat_template.jinja", template_text()}}; }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path&, const Report& report) const override {
    TrainingData data;
    data.batches = std::make_unique<AnswerSource>(tokenize(training_, tokenizer, "training", report), options_.batch_tokens,
                                                  static_cast<uint64_t>(options_.seed));
    data.validation = std::make_unique<AnswerValidation>(tokenize(validation_, tokenizer, "validation", report), run_options(options_));
    return data;
  }

 private:
  std::string template_text() const {
    if (!options_.chat_template.empty()) return read_input(options_.chat_template);
    const ChatTemplateFiles files = find_chat_templates(options_.init);
    const auto found = files.templates.find("default");
    if (found == files.templates.end()) {
      fail_option(ErrorCode::unsupported,
                  "`init` {}: none of its chat templates is the default one, with which conversations are read; "
                  "give one as `chat_template`",
                  options_.init.string());
    }
    return found->second.text;
  }

  std::vector<AnswerTokens> answers_of(const Conversations& conversations, size_t i, const Tokenizer& tokenizer) const {
    try {
      const std::string_view line = conversations.line(i);
      if (!is_valid_utf8(line)) fail(ErrorCode::bad_input, "it is not valid UTF-8");
      return tokenize_answers(chat_, tokenizer, line);
    } catch (const Error& error) {
      const TextSource::Place place = conversations.source.place(conversations.lines[i]);
      fail(error.code(), "{}:{}: {}", place.name, place.line, error.what());
    }
  }

  // Tokens of the answers are what the rows before them predict. At most `context` rows are read.
  LabelledTexts tokenize(const Conversations& conversations, const Tokenizer& tokenizer, const char* what, const Report& report) const {
    std::vector<std::vector<AnswerTokens>> found(conversations.lines.size());
    parallel_for(std::ssize(found), [&](int64_t i) {
      throw_if_cancelled(options_.cancellation);
      found[static_cast<size_t>(i)] = answers_of(conversations, static_cast<size_t>(i), tokenizer);
    });
    LabelledTexts texts;
    int64_t learned = 0, without = 0;
    for (std::vector<AnswerTokens>& sequences : found) {
      for (AnswerTokens& tokens : sequences) {
        const auto limit = static_cast<size_t>(options_.context);
        const bool cut = tokens.ids.size() > limit + 1;
        if (cut) tokens.ids.resize(limit + 1);
        std::vector<int32_t> rows, targets;
        for (size_t at = 1; at < tokens.ids.size(); ++at) {
          if (!tokens.is_answer[at]) continue;
          rows.push_back(static_cast<int32_t>(at) - 1);
          targets.push_back(tokens.ids[at]);
        }
        without += rows.empty();
        if (rows.empty()) continue;
        tokens.ids.pop_back();
        learned += std::ssize(rows);
        std::vector<int32_t> types(tokens.ids.size());
        texts.add(std::move(tokens.ids), std::move(types), cut, std::move(rows), std::move(targets));
      }
    }
    if (texts.size() == 0) {
      fail_option(ErrorCode::bad_input, "{}: no answer begins in the first {} tokens of a conversation; give a larger `context`",
                  conversations.source.name(), options_.context);
    }
    std::string message = fmt::format("{}: {} conversations, {} tokens, {} of them in answers", what,
                                      with_commas(std::ssize(conversations.lines)), with_commas(texts.tokens()), with_commas(learned));
    if (texts.cut()) message += fmt::format("; {} cut to {} tokens", with_commas(texts.cut()), options_.context);
    if (without) message += fmt::format("; {} left out, whose answers come later", with_commas(without));
    report(message);
    return texts;
  }

  const TrainOptions& options_;
  ChatTemplate chat_;
  Conversations training_, validation_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_chat_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<ChatTask>(options, texts);
}

}  // namespace qkv
