#include "text/files/gguf_vocabulary.h"

#include <cctype>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "text/files/gguf_pre_tokenizers.h"
#include "text/files/sentencepiece_file.h"
#include "text/files/sentencepiece_json.h"
#include "text/files/token_limits.h"
#include "text/files/tokenizer_text.h"
#include "text/files/vocab_files.h"
#include "text/token_models/sentencepiece_symbols.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

constexpr const char* kTokens = "tokenizer.ggml.tokens";

class GgufVocabulary {
 public:
  GgufVocabulary(std::string_view bytes, const std::string& file) : in_(bytes, file) {
    const auto tokens = in_.strings(kTokens);
    if (tokens.empty()) fail(ErrorCode::bad_input, "{}: holds no vocabulary: it has no \"{}\"", file, kTokens);
    if (tokens.size() > kMaxTokens) fail(ErrorCode::bad_input, "{}: has {} tokens, more than {}", file, tokens.size(), kMaxTokens);
    for (const std::string_view token : tokens) {
      check_token(token, tokens_.size(), file);
      tokens_.emplace_back(token);
    }
    types_ = in_.integers("tokenizer.ggml.token_type");
    if (types_.empty()) types_.assign(tokens_.size(), static_cast<int32_t>(PieceType::normal));
    check_count("tokenizer.ggml.token_type", types_.size());
    for (int32_t& type : types_) {
      if (type < 0 || type > 6) fail(ErrorCode::bad_input, "{}: a token is of the unknown type {}", file, type);
      if (type == 0) type = static_cast<int32_t>(PieceType::normal);  // "undefined"
    }
  }

  std::string to_json() const {
    const std::string model(in_.string("tokenizer.ggml.model").value_or(""));
    if (model == "llama") return sentencepiece(SentencePieceModel::Kind::bpe);
    if (model == "t5") return sentencepiece(SentencePieceModel::Kind::unigram);
    if (model == "gpt2") return byte_level();
    if (model == "bert") return bert();
    fail(ErrorCode::unsupported, "{}: the vocabulary is of the kind \"{}\"; qkv knows llama, t5, gpt2 and bert", in_.file(),
         shortened(model));
  }

 private:
  void check_count(const char* key, size_t count) const {
    if (count != tokens_.size())
      fail(ErrorCode::bad_input, "{}: \"{}\" has {} values for {} tokens", in_.file(), key, count, tokens_.size());
  }

  // The id under a key, or -1.
  int32_t id(const std::string& name) const {
    const std::string key = "tokenizer.ggml." + name;
    const auto id = in_.integer(key);
    if (!id || *id == 0xFFFFFFFF) return -1;
    if (*id < 0 || *id >= static_cast<int64_t>(tokens_.size())) {
      fail(ErrorCode::bad_input, "{}: \"{}\" is {}, but there are only ids below {}", in_.file(), key, *id, tokens_.size());
    }
    return static_cast<int32_t>(*id);
  }
  bool flag(const std::string& name, bool otherwise) const { return in_.boolean("tokenizer.ggml." + name).value_or(otherwise); }

  std::string sentencepiece(SentencePieceModel::Kind kind) const {
    SentencePieceModel model;
    model.kind = kind;
    const std::vector<float> scores = in_.floats("tokenizer.ggml.scores");
    check_count("tokenizer.ggml.scores", scores.size());
    int32_t unknown = id("unknown_token_id");
    if (unknown < 0) unknown = kind == SentencePieceModel::Kind::bpe ? 0 : 2;
    size_t bytes = 0;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      auto type = static_cast<PieceType>(types_[i]);
      if (static_cast<size_t>(unknown) == i)
        type = PieceType::unknown;
      else if (type == PieceType::unknown)
        type = PieceType::control;
      bytes += type == PieceType::byte;
      model.pieces.push_back({tokens_[i], scores[i], type});
    }
    model.byte_fallback = bytes == 256;
    model.add_dummy_prefix = flag("add_space_prefix", true);
    model.prefix = SentencePieceModel::Prefix::each;  // as llama.cpp has it
    model.remove_extra_whitespaces = flag("remove_extra_whitespaces", false);
    model.character_map = in_.raw_bytes("tokenizer.ggml.precompiled_charsmap");
    check_sentencepiece(model, in_.file());
    SentencePieceSurroundings around;
    around.control_in_text = true;
    around.user_defined_in_text = true;
    around.rstrip = tokens_that_strip_what_follows();
    const bool llama = kind == SentencePieceModel::Kind::bpe;
    if (flag("add_bos_token", llama)) around.before = id("bos_token_id") >= 0 || !llama ? id("bos_token_id") : 1;
    if (flag("add_eos_token", !llama)) around.behind = id("eos_token_id");
    return sentencepiece_to_json(model, around, in_.file());
  }

  // Special tokens of Phi-3 absorb the white space behind them. The file does not say this; only the name of the model identifies it.
  std::vector<bool> tokens_that_strip_what_follows() const {
    std::string name(in_.string("general.name").value_or(""));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (name.find("phi-3") == std::string::npos && name.find("phi3") == std::string::npos) return {};
    std::vector<bool> strips(tokens_.size());
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const auto type = static_cast<PieceType>(types_[i]);
      const bool named =
          type == PieceType::control || type == PieceType::user_defined || type == PieceType::unknown || tokens_[i] == "</s>";
      strips[i] = named && tokens_[i] != "<unk>" && tokens_[i] != "<s>" && tokens_[i] != "<|endoftext|>";
    }
    return strips;
  }

  std::vector<AddedToken> added_tokens() const {
    std::vector<AddedToken> added;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const auto type = static_cast<PieceType>(types_[i]);
      if (tokens_[i].empty() || (type != PieceType::control && type != PieceType::user_defined && type != PieceType::unknown)) continue;
      added.push_back(
          {.id = static_cast<int32_t>(i), .content = tokens_[i], .normalized = false, .special = type != PieceType::user_defined});
    }
    return added;
  }

  std::string byte_level() const {
    const std::string pre(in_.string("tokenizer.ggml.pre").value_or("default"));
    const GgufPreTokenizer* cut = find_gguf_pre_tokenizer(pre);
    if (!cut) {
      fail(ErrorCode::unsupported, "{}: \"tokenizer.ggml.pre\" is \"{}\", a way to cut text that qkv does not know; it knows {}",
           in_.file(), shortened(pre), gguf_pre_tokenizer_names());
    }
    ordered_json parts = ordered_json::array();
    for (const std::string_view pattern : cut->patterns) {
      parts.push_back({{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
    }
    parts.push_back({{"type", "ByteLevel"},
                     {"add_prefix_space", flag("add_space_prefix", false)},
                     {"trim_offsets", true},
                     {"use_regex", cut->patterns.empty()}});
    ordered_json stages;
    stages["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", parts}};
    stages["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
    std::vector<SpecialId> before, behind;
    const auto put = [&](std::vector<SpecialId>& where, const char* name) {
      if (const int32_t special = id(name); special >= 0) where.push_back({tokens_[static_cast<size_t>(special)], special});
    };
    if (flag("add_bos_token", cut->add_bos)) put(before, "bos_token_id");
    if (flag("add_eos_token", false)) put(behind, "eos_token_id");
    stages["post_processor"] = make_template(before, behind);
    std::vector<AddedToken> added = added_tokens();
    for (AddedToken& token : added) {
      token.lstrip = (cut->lstrip_mask && token.content == "<mask>") || (pre == "modern-bert" && token.content == "[MASK]");
    }
    TokenizerText text(added, stages);
    text.plain_bpe(cut->ignore_merges);
    text.vocabulary(tokens_);
    text.merges(tokens_, read_merge_lines(in_.strings("tokenizer.ggml.merges"), tokens_, in_.file(), "merge", 0));
    return std::move(text).finish();
  }

  // The GGUF file marks the beginnings of words with U+2581 and continuations with nothing; names in brackets are unchanged.
  std::string bert() const {
    std::vector<std::string> tokens;
    tokens.reserve(tokens_.size());
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const std::string& token = tokens_[i];
      const bool named = (token.starts_with('[') && token.ends_with(']')) || static_cast<PieceType>(types_[i]) == PieceType::control;
      if (token.starts_with(kSpaceSymbol)) {
        tokens.push_back(token.substr(kSpaceSymbol.size()));
      } else {
        tokens.push_back(named ? token : "##" + token);
      }
    }
    BertOptions options;
    options.lowercase = flag("normalizer.lowercase", true);
    if (const auto strip = in_.boolean("tokenizer.ggml.normalizer.strip_accents")) options.strip_accents = *strip ? 1 : 0;
    const auto name = [&](std::initializer_list<const char*> keys, std::string& token) {
      for (const char* key : keys) {
        if (const int32_t special = id(key); special >= 0) {
          token = tokens[static_cast<size_t>(special)];
          return;
        }
      }
    };
    name({"unknown_token_id"}, options.unk);
    name({"cls_token_id", "bos_token_id"}, options.cls);
    name({"seperator_token_id", "separator_token_id", "eos_token_id"}, options.sep);  // llama.cpp spells it like the first
    return bert_to_json(tokens, added_tokens(), options, in_.file());
  }

  GgufMetadata in_;
  std::vector<std::string> tokens_;
  std::vector<int32_t> types_;
};

}  // namespace

std::string gguf_to_json(std::string_view bytes, const std::string& file) { return GgufVocabulary(bytes, file).to_json(); }

}  // namespace qkv
