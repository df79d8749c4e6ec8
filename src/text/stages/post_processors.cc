#include "text/stages/post_processors.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/json.h"

namespace qkv {
namespace {

using Parts = std::vector<EncodedText>;
using Inputs = std::span<const std::string_view>;

// Calls change(tokens) for the tokens of a text and of its overflows.
template <typename Change>
void for_each_part(EncodedText& text, Change&& change) {
  change(text.tokens);
  for (std::vector<EncodedToken>& tokens : text.overflowing) change(tokens);
}

EncodedText special_tokens(const std::vector<int32_t>& ids, int32_t type_id) {
  EncodedText text;
  for (const int32_t id : ids) text.tokens.push_back({.id = id, .type_id = type_id});
  return text;
}

void set_type_ids(EncodedText& text, int32_t type_id) {
  for (EncodedToken& token : text.tokens) token.type_id = type_id;
}

// Excludes white space at the ends of tokens from their offsets, for byte-level tokenizers.
class OffsetTrimmer {
 public:
  // add_prefix_space: a single space at the front of the first token may have been added.
  explicit OffsetTrimmer(bool add_prefix_space) : add_prefix_space_(add_prefix_space) {}

  void trim(Parts& parts, Inputs inputs) const {
    for (EncodedText& part : parts) {
      for_each_part(part, [&](std::vector<EncodedToken>& tokens) {
        for (size_t i = 0; i < tokens.size(); ++i) {
          if (tokens[i].sequence >= 0) trim(tokens[i], i == 0, inputs[static_cast<size_t>(tokens[i].sequence)]);
        }
      });
    }
  }

 private:
  void trim(EncodedToken& token, bool first, std::string_view input) const {
    auto& [begin, end] = token.offsets;
    if (!(add_prefix_space_ && (first || begin == 0) && token.leading_spaces == 1)) {
      for (uint32_t i = 0; i < token.leading_spaces && begin < end; ++i) begin += utf8_length(input[begin]);
    }
    size_t last = end;
    for (uint32_t i = 0; i < token.trailing_spaces; ++i) {
      if (last == 0) return;  // the text itself has fewer characters
      do --last;
      while ((static_cast<unsigned char>(input[last]) & 0xC0) == 0x80);
    }
    end = std::max(last, begin);
  }

  bool add_prefix_space_;
};

// Special tokens and texts in a given order: one order for a single text, one for a pair.
class TemplateProcessing final : public PostProcessor {
 public:
  struct Piece {
    int text = -1;             // 0: the first, 1: the second, -1: special tokens
    std::vector<int32_t> ids;  // these
    int32_t type_id = 0;
  };

  TemplateProcessing(std::vector<Piece> single, std::vector<Piece> pair) : single_(std::move(single)), pair_(std::move(pair)) {}

  void process(std::vector<int32_t>& ids) const override {
    std::vector<int32_t> result;
    for (const Piece& piece : single_) {
      const std::vector<int32_t>& source = piece.text < 0 ? piece.ids : ids;
      result.insert(result.end(), source.begin(), source.end());
    }
    ids = std::move(result);
  }

  void process(Parts& parts, Inputs, bool add_special_tokens) const override {
    if (parts.size() > 2)
      fail(ErrorCode::unsupported, "the tokenizer's post-processor has a template after another one, which qkv does not have");
    if (parts.size() == 2 && pair_.empty())
      fail(ErrorCode::unsupported, "the tokenizer's post-processor has no template for a pair of texts");
    Parts result;
    for (const Piece& piece : parts.size() == 2 ? pair_ : single_) {
      if (piece.text >= 0) {
        EncodedText& text = result.emplace_back(parts[static_cast<size_t>(piece.text)]);
        set_type_ids(text, piece.type_id);
      } else if (add_special_tokens) {
        result.push_back(special_tokens(piece.ids, piece.type_id));
      }
    }
    parts = std::move(result);
  }

  size_t added_tokens(bool pair) const override {
    size_t count = 0;
    for (const Piece& piece : pair ? pair_ : single_) count += piece.ids.size();
    return count;
  }

 private:
  std::vector<Piece> single_, pair_;
};

// [CLS] A [SEP], followed by B [SEP] for a pair.
class BertProcessing final : public PostProcessor {
 public:
  BertProcessing(int32_t cls, int32_t sep) : cls_(cls), sep_(sep) {}

  void process(std::vector<int32_t>& ids) const override {
    ids.insert(ids.begin(), cls_);
    ids.push_back(sep_);
  }

  void process(Parts& parts, Inputs, bool add_special_tokens) const override {
    if (!add_special_tokens) return;
    for (size_t i = 0; i < parts.size(); ++i) {
      for_each_part(parts[i], [&](std::vector<EncodedToken>& tokens) {
        if (i == 0) tokens.insert(tokens.begin(), EncodedToken{.id = cls_});
        tokens.push_back({.id = sep_, .type_id = i == 0 ? 0 : 1});
      });
    }
  }

  size_t added_tokens(bool pair) const override { return pair ? 3 : 2; }

 private:
  int32_t cls_, sep_;
};

// <s> A </s>, followed by </s> B </s> for a pair; all types are 0.
class RobertaProcessing final : public PostProcessor {
 public:
  RobertaProcessing(int32_t cls, int32_t sep, std::optional<OffsetTrimmer> trimmer) : cls_(cls), sep_(sep), trimmer_(trimmer) {}

  void process(std::vector<int32_t>& ids) const override {
    ids.insert(ids.begin(), cls_);
    ids.push_back(sep_);
  }

  void process(Parts& parts, Inputs inputs, bool add_special_tokens) const override {
    if (trimmer_) trimmer_->trim(parts, inputs);
    for (size_t i = 0; i < parts.size(); ++i) {
      set_type_ids(parts[i], 0);
      if (!add_special_tokens) continue;
      for_each_part(parts[i], [&](std::vector<EncodedToken>& tokens) {
        for (EncodedToken& token : tokens) token.type_id = 0;
        tokens.insert(tokens.begin(), EncodedToken{.id = i == 0 ? cls_ : sep_});
        tokens.push_back({.id = sep_});
      });
    }
  }

  size_t added_tokens(bool pair) const override { return pair ? 4 : 2; }

 private:
  int32_t cls_, sep_;
  std::optional<OffsetTrimmer> trimmer_;
};

// ByteLevel only affects offsets.
class ByteLevelProcessing final : public PostProcessor {
 public:
  explicit ByteLevelProcessing(std::optional<OffsetTrimmer> trimmer) : trimmer_(trimmer) {}
  void process(std::vector<int32_t>&) const override {}
  void process(Parts& parts, Inputs inputs, bool) const override {
    if (trimmer_) trimmer_->trim(parts, inputs);
  }
  size_t added_tokens(bool) const override { return 0; }

 private:
  std::optional<OffsetTrimmer> trimmer_;
};

class PostProcessorSequence final : public PostProcessor {
 public:
  explicit PostProcessorSequence(std::vector<std::unique_ptr<PostProcessor>> steps) : steps_(std::move(steps)) {}
  void process(std::vector<int32_t>& ids) const override {
    for (const auto& step : steps_) step->process(ids);
  }
  void process(Parts& parts, Inputs inputs, bool add_special_tokens) const override {
    for (const auto& step : steps_) step->process(parts, inputs, add_special_tokens);
  }
  size_t added_tokens(bool pair) const override {
    size_t count = 0;
    for (const auto& step : steps_) count += step->added_tokens(pair);
    return count;
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> steps_;
};

int32_t id_of(const JsonNode& node, int32_t vocab_size) {
  const int64_t id = node.integer();
  if (id < 0 || id >= vocab_size) node.fail("is " + std::to_string(id) + ", but there are only ids below " + std::to_string(vocab_size));
  return static_cast<int32_t>(id);
}

int32_t type_id_of(const JsonNode& node) {
  const int64_t id = node.at("type_id").integer();
  if (id < 0 || id > INT32_MAX) node.at("type_id").fail("is out of range");
  return static_cast<int32_t>(id);
}

// The pieces of "single" or "pair", which must contain each text once.
std::vector<TemplateProcessing::Piece> template_pieces(const JsonNode& node, const char* key, int texts, int32_t vocab_size) {
  std::vector<TemplateProcessing::Piece> pieces;
  int seen[2] = {0, 0};
  for (const JsonNode& part : node.at(key).items()) {
    TemplateProcessing::Piece& piece = pieces.emplace_back();
    if (const auto text = part.find("Sequence")) {
      const std::string name = text->at("id").string();
      if (name != "A" && name != "B") text->at("id").fail("must be \"A\" or \"B\"");
      piece.text = name == "A" ? 0 : 1;
      piece.type_id = type_id_of(*text);
      ++seen[piece.text];
    } else {
      const JsonNode special = part.at("SpecialToken");
      piece.type_id = type_id_of(special);
      const JsonNode ids = node.at("special_tokens").at(special.at("id").string()).at("ids");
      for (const JsonNode& id : ids.items()) piece.ids.push_back(id_of(id, vocab_size));
    }
  }
  if (seen[0] != 1 || seen[1] != texts - 1) {
    node.at(key).fail_unsupported(texts == 1 ? "must hold the text A once and no other" : "must hold the texts A and B once each");
  }
  return pieces;
}

std::unique_ptr<PostProcessor> make_template(const JsonNode& node, int32_t vocab_size) {
  std::vector<TemplateProcessing::Piece> single = template_pieces(node, "single", 1, vocab_size), pair;
  const auto given = node.find("pair");
  if (given && !given->items().empty()) pair = template_pieces(node, "pair", 2, vocab_size);
  return std::make_unique<TemplateProcessing>(std::move(single), std::move(pair));
}

// ["[SEP]", 102]
int32_t named_id(const JsonNode& node, int32_t vocab_size) {
  if (node.items().size() != 2) node.fail("must be a token and its id");
  return id_of(node.item(1), vocab_size);
}

std::optional<OffsetTrimmer> trimmer_of(const JsonNode& node) {
  if (!node.boolean_or("trim_offsets", true)) return std::nullopt;
  return OffsetTrimmer(node.boolean_or("add_prefix_space", true));
}

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor(const JsonNode& node, int32_t vocab_size) {
  const std::string type = node.type();
  const auto cls = [&] { return named_id(node.at("cls"), vocab_size); };
  const auto sep = [&] { return named_id(node.at("sep"), vocab_size); };
  if (type == "TemplateProcessing") return make_template(node, vocab_size);
  if (type == "BertProcessing") return std::make_unique<BertProcessing>(cls(), sep());
  if (type == "RobertaProcessing") return std::make_unique<RobertaProcessing>(cls(), sep(), trimmer_of(node));
  if (type == "ByteLevel") return std::make_unique<ByteLevelProcessing>(trimmer_of(node));
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PostProcessor>> steps;
    for (const JsonNode& step : node.at("processors").items()) steps.push_back(make_post_processor(step, vocab_size));
    return std::make_unique<PostProcessorSequence>(std::move(steps));
  }
  node.fail_unsupported("is a post-processor of the kind \"" + type + "\", which qkv does not have");
}

}  // namespace qkv
