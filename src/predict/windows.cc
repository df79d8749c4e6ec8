#include "predict/windows.h"

#include <algorithm>
#include <utility>

#include "base/option_error.h"
#include "base/parallel.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {

Windows make_windows(const Tokenizer& tokenizer, size_t count, const std::function<Encoding(size_t text)>& encode) {
  std::vector<Encoding> texts(count);
  parallel_for(static_cast<int64_t>(count), [&](int64_t i) { texts[static_cast<size_t>(i)] = encode(static_cast<size_t>(i)); });
  Windows windows;
  const auto add = [&](size_t text, Encoding&& encoding) {
    windows.inputs.ids.push_back(encoding.ids);
    windows.inputs.token_types.push_back(encoding.type_ids);
    windows.text_of.push_back(text);
    windows.encodings.push_back(std::move(encoding));
  };
  for (size_t i = 0; i < count; ++i) {
    std::vector<Encoding> more = std::exchange(texts[i].overflowing, {});
    add(i, std::move(texts[i]));
    for (Encoding& each : more) add(i, std::move(each));
  }
  if (!TokenizerAccess::gives_token_types(tokenizer)) windows.inputs.token_types = {};
  windows.inputs.cut.resize(windows.inputs.ids.size());
  return windows;
}

size_t stride_of_windows(const std::optional<int64_t>& stride, int64_t room) {
  if (!stride) return static_cast<size_t>(std::min<int64_t>(128, room / 2));
  QKV_CHECK_OPTION(*stride >= 0 && *stride < room, "`stride` {}: a window has room for {} tokens of a text, so it must be 0 to {}", *stride,
                   room, room - 1);
  return static_cast<size_t>(*stride);
}

}  // namespace qkv
