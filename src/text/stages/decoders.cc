#include "text/stages/decoders.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "formats/json.h"
#include "text/stages/byte_level.h"
#include "text/stages/metaspace.h"
#include "text/stages/normalizers.h"
#include "text/token_models/byte_fallback.h"

namespace qkv {
namespace {

class ReplaceDecoder final : public Decoder {
 public:
  ReplaceDecoder(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) token = replace_all(token, pattern_, content_);
  }

 private:
  Regex pattern_;
  std::string content_;
};

// Byte tokens, <0xE4><0xBA><0x8C>, become characters. A run of them that is invalid UTF-8 becomes one U+FFFD per byte.
class ByteFallbackDecoder final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override {
    std::vector<std::string> result;
    std::string run;
    const auto flush = [&] {
      if (run.empty()) return;
      if (is_valid_utf8(run)) {
        result.push_back(run);
      } else {
        result.insert(result.end(), run.size(), "\xEF\xBF\xBD");
      }
      run.clear();
    };
    for (std::string& token : tokens) {
      const int byte = byte_of_token(token);
      if (byte >= 0) {
        run.push_back(static_cast<char>(byte));
      } else {
        flush();
        result.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(result);
  }
};

class FuseDecoder final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all.append(token);
    tokens.assign(1, std::move(all));
  }
};

// Removes up to `start` copies of a character from the front of each token and up to `stop` from its end.
class StripDecoder final : public Decoder {
 public:
  StripDecoder(std::string content, size_t start, size_t stop) : content_(std::move(content)), start_(start), stop_(stop) {}
  void decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (size_t i = 0; i < start_ && rest.starts_with(content_); ++i) rest.remove_prefix(content_.size());
      for (size_t i = 0; i < stop_ && rest.ends_with(content_); ++i) rest.remove_suffix(content_.size());
      if (rest.size() < token.size()) token = std::string(rest);
    }
  }

 private:
  std::string content_;
  size_t start_, stop_;
};

// Replaces every occurrence of one text by another; an empty one occurs before each character and at the end.
void replace_text(std::string& text, std::string_view from, std::string_view by) {
  std::string result;
  size_t begin = 0;
  if (from.empty()) {
    for (; begin < text.size(); begin += utf8_length(text[begin])) result.append(by).append(text, begin, utf8_length(text[begin]));
    result.append(by);
  } else {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, begin)) {
      result.append(text, begin, at - begin).append(by);
      begin = at + from.size();
    }
    if (begin == 0) return;
    result.append(text, begin);
  }
  text = std::move(result);
}

// Removes spaces that tokenization put before punctuation and English contractions.
void clean_up(std::string& text) {
  constexpr std::pair<const char*, const char*> kReplacements[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                                                   {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                                                   {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, by] : kReplacements) replace_text(text, from, by);
}

// Puts a space before each token but the first, or removes the prefix, ##, if the token begins with it.
class WordPieceDecoder final : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void decode(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) token.starts_with(prefix_) ? token.erase(0, prefix_.size()) : token.insert(0, 1, ' ');
      if (cleanup_) clean_up(token);
    }
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

// The suffix of a word's last token, </w>, becomes a space, or nothing at the end of the text.
class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void decode(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) replace_text(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  }

 private:
  std::string suffix_;
};

// Connectionist temporal classification (Graves et al. 2006): keeps one of equal tokens in a row and removes the blank.
class CtcDecoder final : public Decoder {
 public:
  CtcDecoder(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}
  void decode(std::vector<std::string>& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) {
      replace_text(token, pad_, "");
      if (!cleanup_) continue;
      clean_up(token);
      replace_text(token, delimiter_, " ");
    }
    std::erase_if(tokens, [](const std::string& token) { return token.empty(); });
  }

 private:
  std::string pad_, delimiter_;
  bool cleanup_;
};

class DecoderSequence final : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> parts) : parts_(std::move(parts)) {}
  void decode(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->decode(tokens);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

std::unique_ptr<Decoder> make_strip(const JsonNode& node) {
  const auto count = [&](const char* key) {
    const int64_t value = node.at(key).integer();
    if (value < 0) node.at(key).fail("must not be negative");
    return static_cast<size_t>(value);
  };
  const std::string content = node.at("content").string();
  if (content.empty() || utf8_length(content[0]) != content.size()) node.at("content").fail("must be one character");
  return std::make_unique<StripDecoder>(content, count("start"), count("stop"));
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const JsonNode& node) {
  const std::string type = node.type();
  if (type == "Metaspace") return make_metaspace_decoder(metaspace_options(node));
  if (type == "ByteLevel") return make_byte_level_decoder();
  if (type == "Replace") return std::make_unique<ReplaceDecoder>(pattern_of(node), node.at("content").string());
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Strip") return make_strip(node);
  if (type == "WordPiece") return std::make_unique<WordPieceDecoder>(node.at("prefix").string(), node.at("cleanup").boolean());
  if (type == "BPEDecoder") return std::make_unique<BpeDecoder>(node.at("suffix").string());
  if (type == "CTC") {
    return std::make_unique<CtcDecoder>(node.at("pad_token").string(), node.at("word_delimiter_token").string(),
                                        node.at("cleanup").boolean());
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Decoder>> parts;
    for (const JsonNode& part : node.at("decoders").items()) parts.push_back(make_decoder(part));
    return std::make_unique<DecoderSequence>(std::move(parts));
  }
  node.fail_unsupported("is a decoder of the kind \"" + type + "\", which qkv does not have");
}

}  // namespace qkv
