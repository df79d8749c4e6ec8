#include "text/decoders.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "text/byte_fallback.h"
#include "text/byte_level.h"
#include "text/metaspace.h"
#include "text/normalizers.h"
#include "text/utf8.h"

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

// Bytes that stand for themselves, <0xE4><0xBA><0x8C>, become characters. A run of them that is no UTF-8 becomes one U+FFFD per byte.
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

// Takes up to `start` copies of a character from the front of each token and up to `stop` from its end.
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
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Decoder>> parts;
    for (const JsonNode& part : node.at("decoders").items()) parts.push_back(make_decoder(part));
    return std::make_unique<DecoderSequence>(std::move(parts));
  }
  node.fail_unsupported("is a decoder of the kind \"" + type + "\", which qkv does not have");
}

}  // namespace qkv
