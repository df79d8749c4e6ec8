#include "data/text_corpus.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "base/cancellation.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "data/block_hash.h"
#include "data/sealed_file.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

// Content of the sealed file: tokens (int32, directly after the magic), zeros up to a multiple of 8 bytes, then for each document the index
// of its first token (uint64), and finally the index of the last token. Numbers: tokens, documents, bytes of text.
constexpr std::string_view kMagic("qkvtext\2", 8);

constexpr size_t kTaskBytes = size_t{1} << 16;  // of text that one thread tokenizes at a time
constexpr size_t kTasksPerRound = 32;           // between two checks of the interrupt flag; their tokens are held until they are written

// The result of one task: tokens, and the positions of separators in them.
struct TokenizedText {
  std::vector<int32_t> ids;
  std::vector<size_t> ends;
  std::string error;
};

TokenizedText tokenize(const Tokenizer& tokenizer, std::string_view text, std::string_view separator) {
  TokenizedText out;
  while (!text.empty()) {
    const size_t end = separator.empty() ? text.size() : std::min(text.find(separator), text.size());
    const EncodeOptions as_text{.add_special_tokens = false, .special_tokens_as_text = true, .find_tags = true};
    const std::vector<int32_t> ids = tokenizer.encode(text.substr(0, end), as_text);
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    if (end == text.size()) break;
    out.ends.push_back(out.ids.size());
    text.remove_prefix(end + separator.size());
  }
  return out;
}

// The error message; empty for valid UTF-8. `task` lies in the source's text.
std::string invalid_utf8(const TextSource& source, std::string_view task) {
  const size_t valid = valid_utf8_prefix(task);
  if (valid == task.size()) return "";
  const TextSource::Place place = source.place(static_cast<size_t>(task.data() + valid - source.text().data()));
  return fmt::format("{}:{}: invalid UTF-8 (byte 0x{:02x}); convert the file to UTF-8, with iconv for example", place.name, place.line,
                     static_cast<unsigned char>(task[valid]));
}

// Writes the tokens of documents with an end-of-text token before the first and after each, or of one text without any.
class TokenWriter {
 public:
  TokenWriter(const SealedFile::Append& append, int32_t end) : file_(kMagic, append), end_(end) {
    if (end_ >= 0) put(std::span(&end_, 1));
  }
  void add(const TokenizedText& text) {
    size_t done = 0;
    for (const size_t end : text.ends) {
      put(std::span(text.ids).subspan(done, end - done));
      end_document();
      done = end;
    }
    put(std::span(text.ids).subspan(done));
  }
  int64_t finish(uint64_t fingerprint, size_t text_bytes) {
    end_document();
    const auto documents = static_cast<int64_t>(starts_.size());
    starts_.push_back(tokens_ > 0 ? tokens_ - 1 : 0);
    file_.align(sizeof(uint64_t));
    file_.put(starts_.data(), starts_.size() * sizeof(uint64_t));
    file_.finish(fingerprint, {static_cast<int64_t>(tokens_), documents, static_cast<int64_t>(text_bytes), 0});
    return documents;
  }

 private:
  void put(std::span<const int32_t> ids) {
    file_.put(ids.data(), ids.size_bytes());
    tokens_ += ids.size();
  }
  // Several separators in a row count once.
  void end_document() {
    const bool empty = end_ >= 0 ? tokens_ == start_ + 1 : tokens_ == 0;
    if (empty) return;
    starts_.push_back(start_);
    if (end_ >= 0) put(std::span(&end_, 1));
    start_ = tokens_ - 1;
  }

  SealedFile::Writer file_;
  const int32_t end_;    // -1: none is written
  uint64_t tokens_ = 0;  // written
  uint64_t start_ = 0;   // of the document being written
  std::vector<uint64_t> starts_;
};

void write_tokens(const TextCorpusOptions& options, const Tokenizer& tokenizer, int32_t end, uint64_t fingerprint) {
  write_file_atomically(options.cache, [&](const auto& append) {
    TokenWriter writer(append, end);
    const TextSource& source = options.text.source;
    const std::string_view text = view_of(options.text);
    for (std::string_view rest = text; !rest.empty();) {
      throw_if_cancelled(options.cancellation);
      std::vector<std::string_view> tasks;
      const size_t round_begin = static_cast<size_t>(rest.data() - source.text().data());
      while (!rest.empty() && tasks.size() < kTasksPerRound) {
        tasks.push_back(rest.substr(0, text_cut(rest, kTaskBytes, options.separator)));
        rest.remove_prefix(tasks.back().size());
      }
      std::vector<TokenizedText> parts(tasks.size());
      parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) {
        const auto at = static_cast<size_t>(i);
        parts[at].error = invalid_utf8(source, tasks[at]);
        if (parts[at].error.empty()) parts[at] = tokenize(tokenizer, tasks[at], options.separator);
      });
      for (const TokenizedText& part : parts) {
        if (!part.error.empty()) fail(ErrorCode::bad_input, "{}", part.error);
        writer.add(part);
      }
      source.release(round_begin, static_cast<size_t>(rest.data() - source.text().data()));
    }
    if (writer.finish(fingerprint, text.size()) == 0) {
      fail(ErrorCode::bad_input, "{} has no text between its separators", options.text.source.name());
    }
  });
}

uint64_t fingerprint_of(const TextCorpusOptions& options, const Tokenizer& tokenizer) {
  return std::hash<std::string>()(fmt::format("{} {} {} {}", content_hash(options.text), options.separator, options.end_token,
                                              std::hash<std::string>()(TokenizerAccess::json(tokenizer))));
}

[[noreturn]] void fail_no_separator(const std::string& name, std::string_view separator) {
  std::string shown(separator);
  for (size_t at = 0; (at = shown.find('\n', at)) != std::string::npos; at += 2) shown.replace(at, 1, "\\n");
  fail(ErrorCode::bad_input, "{}: the document separator \"{}\" does not occur in it", name, shown);
}

}  // namespace

struct TextCorpus::Impl {
  SealedFile file;
  std::span<const int32_t> tokens;
  std::span<const uint64_t> starts;  // one more than there are documents
  int32_t end = -1, start = -1;      // tokens around documents; -1: none

  SealedFile::State open(const std::filesystem::path& path, uint64_t fingerprint, int32_t vocab_size);
  bool is_sound(int32_t vocab_size) const;
};

SealedFile::State TextCorpus::Impl::open(const std::filesystem::path& path, uint64_t fingerprint, int32_t vocab_size) {
  const SealedFile::State state = SealedFile::open(path, kMagic, fingerprint, file);
  if (state != SealedFile::State::good) return state;
  const size_t content = file.content_end() - kMagic.size();
  const auto count = static_cast<uint64_t>(file.numbers()[0]), documents = static_cast<uint64_t>(file.numbers()[1]);
  if (count == 0 || count > content / sizeof(int32_t) || documents == 0 || documents > count) return SealedFile::State::damaged;
  const size_t token_bytes = (count * sizeof(int32_t) + 7) / 8 * 8;
  if (content != token_bytes + (documents + 1) * sizeof(uint64_t)) return SealedFile::State::damaged;
  tokens = {reinterpret_cast<const int32_t*>(file.data() + kMagic.size()), count};
  starts = {reinterpret_cast<const uint64_t*>(file.data() + kMagic.size() + token_bytes), documents + 1};
  return is_sound(vocab_size) ? state : SealedFile::State::damaged;
}

bool TextCorpus::Impl::is_sound(int32_t vocab_size) const {
  if (starts.front() != 0 || starts.back() != tokens.size() - 1 || !std::is_sorted(starts.begin(), starts.end())) return false;
  constexpr size_t kBlock = kHashBlock / sizeof(int32_t);
  std::atomic<bool> sound{true};
  parallel_for(static_cast<int64_t>((tokens.size() + kBlock - 1) / kBlock), [&](int64_t i) {
    const size_t begin = static_cast<size_t>(i) * kBlock, count = std::min(kBlock, tokens.size() - begin);
    uint32_t largest = 0;  // a negative id is the largest of all
    for (const int32_t id : tokens.subspan(begin, count)) largest = std::max(largest, static_cast<uint32_t>(id));
    if (largest >= static_cast<uint32_t>(vocab_size)) sound = false;
    const size_t offset = kMagic.size() + begin * sizeof(int32_t);
    file.release(offset, offset + count * sizeof(int32_t));
  });
  return sound;
}

TextCorpus TextCorpus::build(const TextCorpusOptions& given, const Tokenizer& tokenizer) {
  TextCorpusOptions options = given;
  options.text = opened(given.text, {.cancellation = given.cancellation});
  QKV_CHECK(!options.cache.empty(), "[TextCorpus] no name for the token cache is given");
  const uint64_t fingerprint = fingerprint_of(options, tokenizer);
  const int32_t of_tokenizer = options.end_token >= 0 ? options.end_token : end_of_text_token(tokenizer);
  const int32_t end = options.separator.empty() ? -1 : of_tokenizer;
  if (!options.separator.empty() && end < 0) {
    fail_option(ErrorCode::bad_input, "the tokenizer has no token <|endoftext|> to end a document with; leave out `document_separator`");
  }
  auto impl = std::make_unique<Impl>();
  open_or_make(
      options.cache, [&] { return impl->open(options.cache, fingerprint, tokenizer.vocab_size()); },
      [&] { write_tokens(options, tokenizer, end, fingerprint); });
  impl->end = end;
  impl->start = options.start_token;
  return TextCorpus(std::move(impl));
}

TextCorpus::TextCorpus(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextCorpus::TextCorpus(TextCorpus&&) noexcept = default;
TextCorpus& TextCorpus::operator=(TextCorpus&&) noexcept = default;
TextCorpus::~TextCorpus() = default;

int64_t TextCorpus::documents() const { return static_cast<int64_t>(impl_->starts.size()) - 1; }
std::span<const int32_t> TextCorpus::document(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  return impl_->tokens.subspan(impl_->starts[i], impl_->starts[i + 1] + 1 - impl_->starts[i]);
}
std::span<const int32_t> TextCorpus::tokens() const { return impl_->tokens; }
int32_t TextCorpus::first_input(int64_t index) const {
  const int32_t token = impl_->tokens[static_cast<size_t>(index)];
  return impl_->start >= 0 && token == impl_->end ? impl_->start : token;
}
int64_t TextCorpus::text_bytes() const { return impl_->file.numbers()[2]; }

int32_t end_of_text_token(const Tokenizer& tokenizer) {
  for (const char* name : {"<|endoftext|>", "</s>", "[SEP]"}) {
    if (const int32_t id = tokenizer.token_to_id(name); id >= 0) return id;
  }
  return -1;
}

uint64_t content_hash(const TextPart& part) {
  const TextPart text = opened(part);
  text.source.check(TextShape::whole);
  const std::string_view content = view_of(text);
  if (content.empty()) fail(ErrorCode::bad_input, "{} is empty; it needs text", text.source.name());
  const auto offset = static_cast<size_t>(content.data() - text.source.text().data());
  return hash_blocks(content, [&](size_t begin, size_t end) { text.source.release(offset + begin, offset + end); });
}

void check_separator(const TextSource& source, std::string_view separator) {
  if (separator.empty()) return;
  if (source.opened().text().find(separator) == std::string_view::npos) fail_no_separator(source.name(), separator);
}

TextSplit split_text(const TextSource& given, double fraction, std::string_view separator) {
  const TextSource source = given.opened();
  const std::string_view text = source.text();
  source.check(TextShape::whole);
  check_separator(source, separator);
  const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  std::vector<int64_t> characters((text.size() + kHashBlock - 1) / kHashBlock);  // in each block
  hash_blocks(
      text, [&](size_t begin, size_t end) { source.release(begin, end); },
      [&](int64_t i, std::string_view block) {
        characters[static_cast<size_t>(i)] = std::count_if(block.begin(), block.end(), is_first_byte);
      });
  int64_t left = 0;
  for (const int64_t count : characters) left += count;
  left = static_cast<int64_t>(static_cast<double>(left) * (1 - fraction));
  size_t block = 0;
  while (block < characters.size() && left >= characters[block]) left -= characters[block++];
  size_t place = std::min(block * kHashBlock, text.size());
  for (; place < text.size(); ++place) {
    if (is_first_byte(text[place]) && left-- == 0) break;
  }
  if (!separator.empty()) {
    const size_t found = text.find(separator, place);
    place = found == std::string_view::npos ? text.size() : found + separator.size();
  }
  if (!separator.empty() && place == text.size()) {
    fail(ErrorCode::bad_input, "{}: no document begins in the last {} of the text, which is kept to validate on; name a text of its own",
         source.name(), fraction);
  }
  if (place == 0 || place == text.size()) {
    fail(ErrorCode::bad_input, "{} cannot be split into text to train on and {} of it to validate on; it is too short", source.name(),
         fraction);
  }
  return {{source, 0, place}, {source, place, text.size()}};
}

}  // namespace qkv
