#include "data/parallel_corpus.h"

#include <algorithm>
#include <utility>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "data/pair_file.h"
#include "data/text_pair.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

constexpr size_t kBlockBytes = size_t{8} << 20;  // of text, between two checks of the interrupt flag
constexpr int64_t kLinesPerTask = 256;

// The result of one task: the concatenated ids of the pairs it keeps, and a record each with `start` relative to its own first id.
struct TokenizedLines {
  std::vector<int32_t> ids;
  std::vector<PairRecord> pairs;
  int64_t too_long = 0, empty = 0;
  std::string error;
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos; }

class LineTokenizer {
 public:
  LineTokenizer(const Tokenizer& tokenizer, const ParallelCorpusOptions& options, const TextPair& text)
      : tokenizer_(tokenizer), options_(options), text_(text), end_(tokenizer.token_to_id("</s>")) {
    if (end_ < 0) fail(ErrorCode::bad_input, "the tokenizer has no token </s> to end a sentence with; train one with qkv tokenizer train");
    empty_length_ = encode("").size();
  }

  // Tokenizes lines [begin, end) of the block. Errors are kept, so that the first one in the file is reported, not the first in time.
  TokenizedLines run(const TextPair::Block& block, size_t begin, size_t end) const {
    TokenizedLines out;
    for (size_t i = begin; i < end; ++i) {
      const int64_t line = block.first_line + static_cast<int64_t>(i) + 1;
      if (!options_.allow_invalid_utf8) {
        out.error = invalid_utf8(text_.source(), block.source[i]);
        if (out.error.empty()) out.error = invalid_utf8(text_.target(), block.target[i]);
        if (!out.error.empty()) return out;
      }
      add_pair(out, block.source[i], block.target[i], line);
    }
    return out;
  }

 private:
  // Applies the tokenizer's template and appends </s> if that does not. A literal "</s>" in the line is text.
  std::vector<int32_t> encode(std::string_view line) const {
    std::vector<int32_t> ids = tokenizer_.encode(line, {.special_tokens_as_text = true, .find_tags = true});
    if (ids.empty() || ids.back() != end_) ids.push_back(end_);
    return ids;
  }

  void add_pair(TokenizedLines& out, std::string_view source, std::string_view target, int64_t line) const {
    if (is_blank(source) || is_blank(target)) {
      ++out.empty;
      return;
    }
    const std::vector<int32_t> a = encode(source), b = encode(target);
    if (std::min(a.size(), b.size()) <= empty_length_) {  // for example white space beyond ASCII
      ++out.empty;
      return;
    }
    if (std::max(a.size(), b.size()) > static_cast<size_t>(options_.max_tokens)) {
      ++out.too_long;
      return;
    }
    out.pairs.push_back({out.ids.size(), line, static_cast<uint32_t>(a.size()), static_cast<uint32_t>(b.size())});
    out.ids.insert(out.ids.end(), a.begin(), a.end());
    out.ids.insert(out.ids.end(), b.begin(), b.end());
  }

  static std::string invalid_utf8(const TextSource& source, std::string_view line) {
    const size_t valid = valid_utf8_prefix(line);
    if (valid == line.size()) return "";
    const TextSource::Place place = source.place(static_cast<size_t>(line.data() - source.text().data()));
    return fmt::format("{}:{}: invalid UTF-8 (byte 0x{:02x} after {} good ones); convert the file to UTF-8, with iconv for example",
                       place.name, place.line, static_cast<unsigned char>(line[valid]), valid);
  }

  const Tokenizer& tokenizer_;
  const ParallelCorpusOptions& options_;
  const TextPair& text_;
  int32_t end_;
  size_t empty_length_ = 0;  // ids of an empty line: </s>, and whatever the template adds
};

// Hashes everything that the ids depend on: texts, options, tokenizer.
uint64_t fingerprint_of(const TextPair& text, const ParallelCorpusOptions& options, const Tokenizer& tokenizer) {
  return std::hash<std::string>()(fmt::format("{} {} {} {}", text.content_hash(), options.max_tokens, options.allow_invalid_utf8,
                                              std::hash<std::string>()(TokenizerAccess::json(tokenizer))));
}

void write_pair_file(const ParallelCorpusOptions& options, const LineTokenizer& tokenizer, TextPair& text, uint64_t fingerprint) {
  write_file_atomically(options.cache, [&](const auto& append) {
    PairFile::Writer writer(append);
    int64_t too_long = 0, empty = 0;
    TextPair::Block block;
    std::vector<TokenizedLines> parts;
    while (text.next(block, kBlockBytes)) {
      throw_if_cancelled(options.cancellation);
      const auto lines = static_cast<int64_t>(block.source.size());
      parts.assign(static_cast<size_t>((lines + kLinesPerTask - 1) / kLinesPerTask), {});
      parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t i) {
        parts[static_cast<size_t>(i)] =
            tokenizer.run(block, static_cast<size_t>(i * kLinesPerTask), static_cast<size_t>(std::min(lines, (i + 1) * kLinesPerTask)));
      });
      for (const TokenizedLines& part : parts) {
        if (!part.error.empty()) fail(ErrorCode::bad_input, "{}", part.error);
        for (const PairRecord& pair : part.pairs) {
          const std::span<const int32_t> ids = std::span(part.ids).subspan(pair.start, size_t{pair.source} + pair.target);
          writer.add(pair.line, ids.first(pair.source), ids.last(pair.target));
        }
        too_long += part.too_long;
        empty += part.empty;
      }
    }
    if (writer.pairs() == 0) {
      fail(ErrorCode::bad_input, "no pair of {} and {} can be used: {} are longer than {} tokens, {} have an empty side",
           options.source.name(), options.target.name(), too_long, options.max_tokens, empty);
    }
    writer.finish(fingerprint, too_long, empty);
  });
}

}  // namespace

struct ParallelCorpus::Impl {
  PairFile file;
};

ParallelCorpus ParallelCorpus::build(const ParallelCorpusOptions& options, const Tokenizer& tokenizer) {
  QKV_CHECK(!options.cache.empty(), "[ParallelCorpus] no name for the token cache is given");
  QKV_REQUIRE(options.max_tokens >= 2, "[ParallelCorpus] max_tokens is {}; a sentence has at least one token and </s>", options.max_tokens);
  TextPair text(options.source, options.target);
  if (text.lines() > INT32_MAX) {
    fail(ErrorCode::unsupported, "{} has {} lines; at most {} pairs fit in one corpus", options.source.name(), text.lines(), INT32_MAX);
  }
  const LineTokenizer lines(tokenizer, options, text);
  const uint64_t fingerprint = fingerprint_of(text, options, tokenizer);
  auto impl = std::make_unique<Impl>();
  open_or_make(
      options.cache, [&] { return PairFile::open(options.cache, fingerprint, tokenizer.vocab_size(), impl->file); },
      [&] { write_pair_file(options, lines, text, fingerprint); });
  return ParallelCorpus(std::move(impl));
}

ParallelCorpus::ParallelCorpus(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ParallelCorpus::ParallelCorpus(ParallelCorpus&&) noexcept = default;
ParallelCorpus& ParallelCorpus::operator=(ParallelCorpus&&) noexcept = default;
ParallelCorpus::~ParallelCorpus() = default;

int64_t ParallelCorpus::size() const { return impl_->file.counts().pairs; }
std::span<const int32_t> ParallelCorpus::source(int64_t pair) const { return impl_->file.source(pair); }
std::span<const int32_t> ParallelCorpus::target(int64_t pair) const { return impl_->file.target(pair); }
int64_t ParallelCorpus::line(int64_t pair) const { return impl_->file.record(pair).line; }
int64_t ParallelCorpus::too_long() const { return impl_->file.counts().too_long; }
int64_t ParallelCorpus::empty() const { return impl_->file.counts().empty; }

}  // namespace qkv
