// Labels the tokens or words of texts, such as names of people and places, with the directory of a token classifier as transformers'
// save_pretrained writes it (BertForTokenClassification and the like). Thread safety: one Tagger may be used from any number of threads;
// its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

// How labels of tokens become spans: the strategies of transformers' TokenClassificationPipeline.
enum class Aggregation {
  none,     // every token by itself
  simple,   // neighbouring tokens of one entity are joined
  first,    // a word has the label of its first token, then neighbouring words of one entity are joined
  average,  // a word has the label whose mean probability over its tokens is largest
  max,      // a word has the label of its surest token
};

struct TagOptions {
  Aggregation aggregation = Aggregation::simple;
  bool outside = false;           // also tokens and words with the label "O", which belong to no entity
  std::optional<int64_t> stride;  // texts longer than the model takes are read in windows; each repeats so many tokens of the one before
                                  // it. Empty: 128, at most half a window
  int64_t batch_tokens = 8192;    // tokens per batch, at least 1; a single window may have more
  const CancellationToken* cancellation = nullptr;
};

struct TaggedSpan {
  std::string label;          // with Aggregation::none one of Tagger::labels(), otherwise without "B-", "I-" and the like
  double score = 0;           // probability of the label, 0 to 1; that of a span is the mean over its tokens or words
  size_t begin = 0, end = 0;  // bytes of the text, [begin, end)
};

class QKV_API Tagger {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported if the model does not label tokens, bad_input or io for
  // its files.
  static Tagger open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Tagger(Tagger&&) noexcept;
  Tagger& operator=(Tagger&&) noexcept;
  ~Tagger();

  const std::vector<std::string>& labels() const;  // names from id2label of config.json
  int64_t max_tokens() const;                      // tokens of a window, including special ones

  // The spans of each text in order. Labels may follow IOB, IOB2 or BIOES ("E-" and "S-", also spelled "L-" and "U-"); one without a prefix
  // continues an entity of the same name. A text's spans do not depend on the other texts. Invalid UTF-8 is read as U+FFFD; special tokens
  // spelled out in a text are ordinary characters. Throws qkv::Error: OptionError (invalid_argument) for options, interrupted if it was
  // cancelled.
  std::vector<std::vector<TaggedSpan>> tag(std::span<const std::string> texts, const TagOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Tagger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
