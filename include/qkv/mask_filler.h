// Fills in the hidden tokens of texts, as "the [MASK] sat on the mat", with the directory of a masked language model (BertForMaskedLM and
// the like), as written by qkv train --task mlm and transformers' save_pretrained. Thread safety: one MaskFiller may be used from any
// number of threads; its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

struct FillMaskOptions {
  int64_t top_k = 5;  // tokens for each mask, at least 1
  // Choose among these tokens only. A word that is no token stands for its first token, with a warning. Empty: all tokens.
  std::vector<std::string> targets;
  int64_t batch_tokens = 8192;  // tokens per batch, at least 1; a single text may have more
  const CancellationToken* cancellation = nullptr;
};

struct MaskCandidate {
  int32_t token = 0;
  std::string text;      // of the token alone
  double score = 0;      // its probability among all tokens, 0 to 1
  std::string sequence;  // the text with the token in place of this mask; special tokens are left out unless there are other masks
};

struct FilledText {
  std::vector<std::vector<MaskCandidate>> masks;  // for each mask of the text in order, the likeliest tokens first
  bool cut = false;  // true if the text has more tokens than the model takes, so that only the first ones were read
};

class QKV_API MaskFiller {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported if the model fills in no masks, bad_input or io for its
  // files, also if the tokenizer has no mask.
  static MaskFiller open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  MaskFiller(MaskFiller&&) noexcept;
  MaskFiller& operator=(MaskFiller&&) noexcept;
  ~MaskFiller();

  const std::string& mask() const;  // the token to write into texts: "[MASK]" or "<mask>"
  int64_t max_tokens() const;       // largest number of tokens of a text, including special ones

  // One result per text in order, as transformers' FillMaskPipeline gives them; a result does not depend on the other texts. Invalid UTF-8
  // is read as U+FFFD; special tokens spelled out in a text are special tokens. Throws qkv::Error: OptionError (invalid_argument) for
  // options, interrupted if it was cancelled.
  std::vector<FilledText> fill(std::span<const std::string> texts, const FillMaskOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit MaskFiller(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
