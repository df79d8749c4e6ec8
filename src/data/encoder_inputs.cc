#include "data/encoder_inputs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

const EncodeOptions kAsText{.special_tokens_as_text = true, .find_tags = true};

EncoderInputs encode_texts(const Tokenizer& tokenizer, std::span<const std::string> texts, int64_t max_tokens) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  EncoderInputs inputs{.ids = tokenizer.encode_batch(views, kAsText), .cut = std::vector<bool>(texts.size())};
  for (size_t i = 0; i < inputs.ids.size(); ++i) {
    std::vector<int32_t>& ids = inputs.ids[i];
    if (std::ssize(ids) <= max_tokens) continue;
    EncodeOptions options = kAsText;
    options.truncation = Truncation{.max_length = static_cast<size_t>(max_tokens)};
    ids = tokenizer.encode(views[i], options);
    inputs.cut[i] = true;
  }
  return inputs;
}

EncoderInputs encode_pairs(const Tokenizer& tokenizer, std::span<const std::string> texts, std::span<const std::string> seconds,
                           int64_t max_tokens) {
  EncodeOptions options = kAsText;
  options.truncation = Truncation{.max_length = static_cast<size_t>(max_tokens), .overflowing = true};
  using Ids = std::vector<std::vector<int32_t>>;
  EncoderInputs inputs{Ids(texts.size()), Ids(texts.size()), std::vector<bool>(texts.size())};
  std::vector<uint8_t> cut(texts.size());  // bits of a vector<bool> cannot be written by several threads
  parallel_for(std::ssize(texts), [&](int64_t at) {
    const auto i = static_cast<size_t>(at);
    Encoding encoding = tokenizer.encode_pair(texts[i], seconds[i], options);
    cut[i] = !encoding.overflowing.empty();
    inputs.ids[i] = std::move(encoding.ids);
    inputs.token_types[i] = std::move(encoding.type_ids);
  });
  for (size_t i = 0; i < cut.size(); ++i) inputs.cut[i] = cut[i] != 0;
  if (!TokenizerAccess::gives_token_types(tokenizer)) inputs.token_types = {};
  return inputs;
}

}  // namespace

int64_t EncoderInputs::count_cut() const { return std::count(cut.begin(), cut.end(), true); }

EncoderInputs encode_for_classifier(const Tokenizer& tokenizer, std::span<const std::string> texts, std::span<const std::string> seconds,
                                    int64_t max_tokens, LabelRow row) {
  QKV_REQUIRE(max_tokens >= 2, "[classifier] {} tokens are too few for a text", max_tokens);
  QKV_REQUIRE(seconds.empty() || seconds.size() == texts.size(), "[classifier] {} first texts and {} second ones", texts.size(),
              seconds.size());
  EncoderInputs inputs = seconds.empty() ? encode_texts(tokenizer, texts, max_tokens) : encode_pairs(tokenizer, texts, seconds, max_tokens);
  for (const std::vector<int32_t>& ids : inputs.ids) {
    if (row == LabelRow::first && (ids.empty() || !tokenizer.is_special(ids.front()))) {
      fail(ErrorCode::bad_input, "the tokenizer puts no [CLS] token before a text; a classification needs it");
    }
  }
  return inputs;
}

}  // namespace qkv
