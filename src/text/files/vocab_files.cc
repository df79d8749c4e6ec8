#include "text/files/vocab_files.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/error.h"
#include "formats/json.h"
#include "formats/json_node.h"
#include "text/files/bpe_json.h"
#include "text/files/token_limits.h"
#include "text/files/tokenizer_text.h"
#include "text/unicode/split_patterns.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

enum class Kind { gpt2, roberta, qwen2, clip };

Kind kind_of(const TokenizerConfig& config, const Vocabulary& vocabulary) {
  const std::string& name = config.tokenizer_class();
  for (const std::string_view roberta : {"Roberta", "Bart", "Longformer", "LED"}) {
    if (name.starts_with(roberta)) return Kind::roberta;
  }
  if (name.starts_with("Qwen2")) return Kind::qwen2;
  if (name.starts_with("CLIP")) return Kind::clip;
  if (name.empty() && vocabulary.id("<s>") >= 0 && vocabulary.id("</s>") >= 0) return Kind::roberta;
  return Kind::gpt2;
}

std::map<std::string, std::string> default_roles(Kind kind) {
  switch (kind) {
    case Kind::roberta:
      return {{"bos_token", "<s>"},   {"cls_token", "<s>"},   {"eos_token", "</s>"},   {"sep_token", "</s>"},
              {"unk_token", "<unk>"}, {"pad_token", "<pad>"}, {"mask_token", "<mask>"}};
    case Kind::clip: return {{"bos_token", "<|startoftext|>"}, {"eos_token", "<|endoftext|>"}};
    default: return {{"eos_token", "<|endoftext|>"}};
  }
}

constexpr int kAllSpaces = 1'000'000;  // more than any text has at one end

ordered_json byte_level(bool prefix_space, bool trim_offsets, bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix_space}, {"trim_offsets", trim_offsets}, {"use_regex", use_regex}};
}

ordered_json split_then_bytes(std::string_view pattern, const char* behavior, bool invert, const ordered_json& bytes) {
  const ordered_json split = {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", behavior}, {"invert", invert}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
}

// [CLS] text [SEP], processed as in RoBERTa.
ordered_json roberta_processing(const Vocabulary& vocabulary, const std::string& cls, const std::string& sep, bool trim_offsets,
                                bool prefix_space, const std::string& file) {
  for (const std::string& token : {cls, sep}) {
    if (vocabulary.id(token) < 0)
      fail(ErrorCode::bad_input, "{}: has no token \"{}\", which is put around each text", file, shortened(token));
  }
  return {{"type", "RobertaProcessing"},
          {"sep", {sep, vocabulary.id(sep)}},
          {"cls", {cls, vocabulary.id(cls)}},
          {"trim_offsets", trim_offsets},
          {"add_prefix_space", prefix_space}};
}

ordered_json stages_of(Kind kind, const TokenizerConfig& config, const Vocabulary& vocabulary, const std::string& file) {
  const bool prefix_space = config.flag("add_prefix_space", false);
  ordered_json stages;
  stages["decoder"] = byte_level(true, true, true);
  switch (kind) {
    case Kind::roberta:
      stages["pre_tokenizer"] = byte_level(prefix_space, true, true);
      stages["post_processor"] =
          roberta_processing(vocabulary, config.token("cls_token", "<s>"), config.token("sep_token", "</s>"), true, prefix_space, file);
      break;
    case Kind::clip: {
      // Words end with "</w>", which becomes a space except at the ends of the text.
      const ordered_json word_end = {{"type", "Replace"}, {"pattern", {{"String", "</w>"}}}, {"content", " "}};
      const ordered_json ends = {{"type", "Strip"}, {"content", " "}, {"start", kAllSpaces}, {"stop", kAllSpaces}};
      stages["decoder"] = {{"type", "Sequence"}, {"decoders", {byte_level(true, true, true), word_end, ends}}};
      const ordered_json spaces = {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}};
      stages["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, spaces, {{"type", "Lowercase"}}}}};
      stages["pre_tokenizer"] = split_then_bytes(patterns::kClip, "Removed", true, byte_level(false, true, true));
      stages["post_processor"] = roberta_processing(vocabulary, config.token("bos_token", "<|startoftext|>"),
                                                    config.token("eos_token", "<|endoftext|>"), false, false, file);
      break;
    }
    case Kind::qwen2:
      stages["normalizer"] = {{"type", "NFC"}};
      stages["pre_tokenizer"] = split_then_bytes(patterns::kQwen2, "Isolated", false, byte_level(prefix_space, true, false));
      stages["post_processor"] = byte_level(true, false, true);
      break;
    case Kind::gpt2: {
      stages["pre_tokenizer"] = byte_level(prefix_space, true, true);
      stages["post_processor"] = byte_level(true, false, true);
      const std::string bos = config.token("bos_token", "<|endoftext|>");
      if (config.flag("add_bos_token", false)) {
        if (vocabulary.id(bos) < 0) fail(ErrorCode::bad_input, "{}: has no token \"{}\", which begins each text", file, shortened(bos));
        const SpecialId before[] = {{bos, vocabulary.id(bos)}};
        stages["post_processor"] = make_template(before, {});
      }
      break;
    }
  }
  return stages;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

MergePairs read_merge_lines(const std::vector<std::string_view>& lines, const std::vector<std::string>& tokens, const std::string& file,
                            const char* line_name, size_t first_number) {
  std::unordered_map<std::string_view, int32_t> ids;
  ids.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) ids.emplace(tokens[id], static_cast<int32_t>(id));
  }
  MergePairs pairs;
  pairs.reserve(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      fail(ErrorCode::bad_input, "{}: {} {} is not two tokens with a space between them", file, line_name, first_number + i);
    }
    int32_t parts[2];
    const std::string_view names[2] = {line.substr(0, space), line.substr(space + 1)};
    for (size_t k = 0; k < 2; ++k) {
      const auto found = ids.find(names[k]);
      if (found == ids.end()) {
        fail(ErrorCode::bad_input, "{}: {} {} joins \"{}\", which is not in the vocabulary", file, line_name, first_number + i,
             shortened(names[k]));
      }
      parts[k] = found->second;
    }
    pairs.emplace_back(parts[0], parts[1]);
  }
  return pairs;
}

std::string vocab_json_to_json(const NamedText& vocab, const NamedText& merges, const TokenizerConfig& config) {
  const nlohmann::json document = parse_json(vocab.text, vocab.file);
  const Vocabulary vocabulary = read_vocabulary(JsonNode(document, vocab.file));
  if (!is_valid_utf8(merges.text)) fail(ErrorCode::bad_input, "{}: is not valid UTF-8", merges.file);
  std::vector<std::string> tokens;
  tokens.reserve(static_cast<size_t>(vocabulary.size()));
  for (int32_t id = 0; id < vocabulary.size(); ++id) tokens.push_back(vocabulary.token(id));
  const Kind kind = kind_of(config, vocabulary);
  std::vector<AddedToken> added = config.added_tokens(default_roles(kind), [&](const std::string& token) { return vocabulary.id(token); });
  for (AddedToken& token : added) {
    if (kind == Kind::roberta && token.content == config.token("mask_token", "<mask>")) token.lstrip = true;
  }
  TokenizerText text(added, stages_of(kind, config, vocabulary, vocab.file));
  ordered_json unk;
  if (kind == Kind::clip) unk = config.token("unk_token", "<|endoftext|>");
  text.model({{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", unk},
              {"continuing_subword_prefix", ""},
              {"end_of_word_suffix", kind == Kind::clip ? "</w>" : ""},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", false}});
  text.vocabulary(tokens);
  text.merges(tokens, read_merge_lines(lines_of(merges.text), tokens, merges.file, "line", 1));
  return std::move(text).finish();
}

std::string bert_to_json(const std::vector<std::string>& tokens, const std::vector<AddedToken>& added, const BertOptions& options,
                         const std::string& file) {
  std::vector<SpecialId> around;
  for (const std::string& name : {options.cls, options.sep}) {
    const auto found = std::find(tokens.begin(), tokens.end(), name);
    if (found == tokens.end()) fail(ErrorCode::bad_input, "{}: has no token \"{}\", which is put around each text", file, shortened(name));
    around.push_back({name, static_cast<int32_t>(found - tokens.begin())});
  }
  ordered_json stages;
  ordered_json strip;
  if (options.strip_accents >= 0) strip = options.strip_accents == 1;
  stages["normalizer"] = {{"type", "BertNormalizer"},
                          {"clean_text", true},
                          {"handle_chinese_chars", options.chinese_characters},
                          {"strip_accents", strip},
                          {"lowercase", options.lowercase}};
  stages["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  stages["post_processor"] = make_template({around.data(), 1}, {around.data() + 1, 1});
  stages["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  TokenizerText text(added, stages);
  text.model({{"type", "WordPiece"}, {"unk_token", options.unk}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", 100}});
  text.vocabulary(tokens);
  return std::move(text).finish();
}

namespace {

// A line of RWKV's vocabulary: an id, a Python literal of text or bytes, the number of bytes.
bool is_rwkv_line(std::string_view line) {
  const size_t digits = line.find_first_not_of("0123456789"), last = line.find_last_of("'\"");
  if (digits == 0 || digits == std::string_view::npos || last == std::string_view::npos || last + 2 >= line.size()) return false;
  std::string_view literal = line.substr(digits);
  if (!literal.starts_with(' ')) return false;
  literal.remove_prefix(literal.starts_with(" b") ? 2 : 1);
  const bool number_behind = line[last + 1] == ' ' && line.find_first_not_of("0123456789", last + 2) == std::string_view::npos;
  return (literal.starts_with('\'') || literal.starts_with('"')) && number_behind;
}

}  // namespace

std::string vocab_txt_to_json(const NamedText& vocab, const TokenizerConfig& config) {
  std::vector<std::string> tokens;
  std::unordered_map<std::string, size_t> ids;
  for (const std::string_view line : lines_of(vocab.text)) {
    if (tokens.empty() && is_rwkv_line(line)) {
      fail(ErrorCode::unsupported,
           "{}: is a vocabulary of RWKV (an id, a literal and a length in each line), which qkv does not have; BERT's "
           "vocab.txt has a token in each line",
           vocab.file);
    }
    if (tokens.size() >= kMaxTokens) fail(ErrorCode::bad_input, "{}: has more than {} lines", vocab.file, kMaxTokens);
    check_token(line, tokens.size(), vocab.file);
    if (!line.empty()) {
      const auto [other, fresh] = ids.emplace(line, tokens.size());
      if (!fresh) {
        tokens[other->second].clear();
        other->second = tokens.size();
      }
    }
    tokens.emplace_back(line);
  }
  BertOptions options;
  options.lowercase = config.flag("do_lower_case", true);
  options.chinese_characters = config.flag("tokenize_chinese_chars", true);
  if (config.has_flag("strip_accents")) options.strip_accents = config.flag("strip_accents", false) ? 1 : 0;
  options.unk = config.token("unk_token", "[UNK]");
  options.cls = config.token("cls_token", "[CLS]");
  options.sep = config.token("sep_token", "[SEP]");
  const auto id_of = [&](const std::string& token) {
    const auto found = ids.find(token);
    return found == ids.end() ? -1 : static_cast<int32_t>(found->second);
  };
  const std::map<std::string, std::string> roles = {
      {"unk_token", "[UNK]"}, {"sep_token", "[SEP]"}, {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"}, {"mask_token", "[MASK]"}};
  return bert_to_json(tokens, config.added_tokens(roles, id_of), options, vocab.file);
}

}  // namespace qkv
