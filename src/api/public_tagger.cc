// qkv::Tagger of the public API.
#include <mutex>
#include <numeric>

#include "api/model_checks.h"
#include "evaluate/encoder_outputs.h"
#include "predict/entities.h"
#include "predict/option_table.h"
#include "predict/windows.h"
#include "qkv/tagger.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {

struct QKV_INTERNAL Tagger::Impl {
  ModelParts parts;
  int64_t room = 0;                   // tokens of a window that a text fills
  bool marked_continuations = false;  // TokenizerAccess::marks_continuations
  std::mutex busy;                    // one call at a time: each uses all threads

  Windows windows(std::span<const std::string> texts, const TagOptions& options) const;
  // The spans in one window; `logits` of its tokens that are not special.
  std::vector<TaggedSpan> spans(const Encoding& window, std::span<const int32_t> rows, std::span<const float> logits, std::string_view text,
                                const TagOptions& options) const;
};

Tagger::Tagger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tagger::Tagger(Tagger&&) noexcept = default;
Tagger& Tagger::operator=(Tagger&&) noexcept = default;
Tagger::~Tagger() = default;

Tagger Tagger::open(const std::filesystem::path& directory, InferenceType dtype) {
  std::unique_ptr<Impl> impl(new Impl{open_head(directory, dtype, {Head::token_classification}, "labels no tokens")});
  impl->room = room_for_text(impl->parts, directory);
  impl->marked_continuations = TokenizerAccess::marks_continuations(impl->parts.tokenizer);
  return Tagger(std::move(impl));
}

const std::vector<std::string>& Tagger::labels() const { return impl_->parts.model->labels; }
int64_t Tagger::max_tokens() const { return impl_->parts.model->config.max_position_embeddings; }

Windows Tagger::Impl::windows(std::span<const std::string> texts, const TagOptions& options) const {
  const EncodeOptions encode{.special_tokens_as_text = true,
                             .find_tags = true,
                             .truncation = Truncation{.max_length = static_cast<size_t>(parts.model->config.max_position_embeddings),
                                                      .stride = stride_of_windows(options.stride, room),
                                                      .overflowing = true}};
  return make_windows(parts.tokenizer, texts.size(), [&](size_t i) { return parts.tokenizer.encode_with_offsets(texts[i], encode); });
}

std::vector<TaggedSpan> Tagger::Impl::spans(const Encoding& window, std::span<const int32_t> rows, std::span<const float> logits,
                                            std::string_view text, const TagOptions& options) const {
  const size_t labels = parts.model->labels.size();
  const std::vector<bool> continued = continued_words(parts.tokenizer, window, text, marked_continuations);
  std::vector<TokenScores> tokens;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto at = static_cast<size_t>(rows[i]);
    tokens.push_back({window.offsets[at], continued[at], softmax(logits.subspan(i * labels, labels))});
  }
  std::vector<TaggedSpan> found = find_spans(tokens, parts.model->labels, options.aggregation);
  if (!options.outside) std::erase_if(found, [](const TaggedSpan& span) { return span.label == "O"; });
  return found;
}

std::vector<std::vector<TaggedSpan>> Tagger::tag(std::span<const std::string> texts, const TagOptions& options) const {
  check_ranges(tag_option_table(), options);
  const std::lock_guard lock(impl_->busy);
  const Windows windows = impl_->windows(texts, options);
  std::vector<std::vector<int32_t>> rows(windows.encodings.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<uint8_t>& special = windows.encodings[i].special_tokens_mask;
    for (size_t at = 0; at < special.size(); ++at) {
      if (special[at] == 0) rows[i].push_back(static_cast<int32_t>(at));
    }
  }
  const Model& model = *impl_->parts.model;
  std::vector<std::vector<TaggedSpan>> found(rows.size());
  for_each_output(model.network, windows.inputs, rows,
                  {.batch_tokens = options.batch_tokens, .dtype = activation_type(model), .cancellation = options.cancellation},
                  [&](size_t window, std::span<const float> logits) {
                    found[window] = impl_->spans(windows.encodings[window], rows[window], logits, texts[windows.text_of[window]], options);
                  });
  std::vector<std::vector<TaggedSpan>> result(texts.size());
  for (size_t begin = 0, end = 0; begin < found.size(); begin = end) {
    std::vector<TaggedSpan>& spans = result[windows.text_of[begin]];
    for (end = begin; end < found.size() && windows.text_of[end] == windows.text_of[begin]; ++end) {
      spans.insert(spans.end(), found[end].begin(), found[end].end());
    }
    if (end - begin > 1) spans = merge_windows(std::move(spans));
  }
  return result;
}

}  // namespace qkv
