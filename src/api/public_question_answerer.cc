// qkv::QuestionAnswerer of the public API.
#include <algorithm>
#include <mutex>
#include <numeric>
#include <utility>

#include "api/model_checks.h"
#include "base/error.h"
#include "evaluate/encoder_outputs.h"
#include "predict/answers.h"
#include "predict/option_table.h"
#include "predict/windows.h"
#include "qkv/question_answerer.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

const EncodeOptions kAsText{.special_tokens_as_text = true, .find_tags = true};

}  // namespace

struct QKV_INTERNAL QuestionAnswerer::Impl {
  ModelParts parts;
  std::mutex busy;  // one call at a time: each uses all threads

  int64_t max_tokens() const { return parts.model->config.max_position_embeddings; }
  Windows windows(std::span<const Question> questions, const AnswerOptions& options) const;
  std::vector<Answer> answers(const Question& question, const Windows& windows, size_t begin, size_t end,
                              std::span<const std::vector<float>> logits, const AnswerOptions& options) const;
};

QuestionAnswerer::QuestionAnswerer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
QuestionAnswerer::QuestionAnswerer(QuestionAnswerer&&) noexcept = default;
QuestionAnswerer& QuestionAnswerer::operator=(QuestionAnswerer&&) noexcept = default;
QuestionAnswerer::~QuestionAnswerer() = default;

QuestionAnswerer QuestionAnswerer::open(const std::filesystem::path& directory, InferenceType dtype) {
  return QuestionAnswerer(std::unique_ptr<Impl>(new Impl{open_head(directory, dtype, {Head::question_answering}, "finds no answers"), {}}));
}

int64_t QuestionAnswerer::max_tokens() const { return impl_->max_tokens(); }

Windows QuestionAnswerer::Impl::windows(std::span<const Question> questions, const AnswerOptions& options) const {
  const int64_t window = std::min(options.window, max_tokens());
  const int64_t special = std::ssize(parts.tokenizer.encode_pair("", "").ids);
  return make_windows(parts.tokenizer, questions.size(), [&](size_t i) {
    EncodeOptions alone = kAsText;
    alone.add_special_tokens = false;
    const int64_t question = std::ssize(parts.tokenizer.encode(questions[i].question, alone));
    const int64_t room = window - special - question;
    if (room < 1) {
      fail(ErrorCode::bad_input, "the question \"{}\" has {} tokens, which leaves no room for its text in a window of {}",
           shortened(questions[i].question, 60), question, window);
    }
    size_t stride = stride_of_windows(options.stride, options.stride ? room : window);
    if (std::cmp_greater_equal(stride, room)) stride = static_cast<size_t>(room / 2);  // a long question
    EncodeOptions encode = kAsText;
    encode.truncation = Truncation{
        .max_length = static_cast<size_t>(window), .stride = stride, .overflowing = true, .strategy = Truncation::Strategy::only_second};
    return parts.tokenizer.encode_pair(questions[i].question, questions[i].context, encode);
  });
}

// The answers to a question whose windows are [begin, end).
std::vector<Answer> QuestionAnswerer::Impl::answers(const Question& question, const Windows& windows, size_t begin, size_t end,
                                                    std::span<const std::vector<float>> logits, const AnswerOptions& options) const {
  std::vector<ByteRange> words;
  if (!options.split_words) words = TokenizerAccess::word_ranges(parts.tokenizer, question.context, kAsText);
  AnswerList list(question.context, words, options);
  for (size_t i = begin; i < end; ++i) {
    const Encoding& window = windows.encodings[i];
    if (window.ids.empty()) return {};
    list.add(window, logits[i], window.special_tokens_mask.front() != 0);
  }
  return list.best();
}

std::vector<std::vector<Answer>> QuestionAnswerer::answer(std::span<const Question> questions, const AnswerOptions& options) const {
  check_ranges(answer_option_table(), options);
  const std::lock_guard lock(impl_->busy);
  const Windows windows = impl_->windows(questions, options);
  std::vector<std::vector<int32_t>> rows;
  for (const Encoding& window : windows.encodings) {
    std::vector<int32_t>& all = rows.emplace_back(window.ids.size());
    std::iota(all.begin(), all.end(), 0);
  }
  const Model& model = *impl_->parts.model;
  std::vector<std::vector<float>> logits(rows.size());
  for_each_output(model.network, windows.inputs, rows,
                  {.batch_tokens = options.batch_tokens, .dtype = activation_type(model), .cancellation = options.cancellation},
                  [&](size_t window, std::span<const float> outputs) { logits[window].assign(outputs.begin(), outputs.end()); });
  std::vector<std::vector<Answer>> result;
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    for (end = begin; end < rows.size() && windows.text_of[end] == windows.text_of[begin]; ++end) continue;
    result.push_back(impl_->answers(questions[windows.text_of[begin]], windows, begin, end, logits, options));
  }
  return result;
}

}  // namespace qkv
