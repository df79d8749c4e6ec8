#include "api/convert_gguf.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/hub_cache.h"
#include "base/log.h"
#include "chat/template_files.h"
#include "embed/module_weights.h"
#include "embed/sentence_files.h"
#include "models/gguf/write_gguf_model.h"
#include "qkv/tokenizer.h"
#include "text/files/gguf_vocabulary_writer.h"
#include "text/files/tokenizer_files.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

using TokenIds = std::map<std::string, int32_t, std::less<>>;  // by the names in tokenizer.ggml.*

// The ids that the model's configuration says. Tokens that end a text have several names.
TokenIds ids_of(const TransformerConfig& config, int32_t first_end) {
  TokenIds ids;
  if (config.pad_token_id >= 0) ids["padding_token_id"] = config.pad_token_id;
  if (!config.has_decoder()) return ids;
  if (config.decoder_start_token_id >= 0) ids["bos_token_id"] = config.decoder_start_token_id;
  std::vector<int32_t> ends = config.eos_token_ids;
  std::stable_partition(ends.begin(), ends.end(), [&](int32_t id) { return id == first_end; });
  constexpr const char* kNames[] = {"eos_token_id", "eot_token_id", "eom_token_id"};
  for (size_t i = 0; i < ends.size() && i < std::size(kNames); ++i) ids[kNames[i]] = ends[i];
  if (ends.size() > std::size(kNames)) {
    log_warning("{} tokens end a text, of which GGUF holds {}; the others are left out", ends.size(), std::size(kNames));
  }
  return ids;
}

// transformers' names of the roles of tokens, and GGUF's.
constexpr std::pair<std::string_view, const char*> kRoles[] = {{"bos_token", "bos_token_id"},     {"eos_token", "eos_token_id"},
                                                               {"unk_token", "unknown_token_id"}, {"pad_token", "padding_token_id"},
                                                               {"cls_token", "cls_token_id"},     {"sep_token", "seperator_token_id"},
                                                               {"mask_token", "mask_token_id"}};

void put_templates(const ChatTemplateFiles& files, GgufWriter& keys) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  std::vector<std::string> others;
  for (const auto& [name, source] : files.templates) {
    if (name == "default") {
      keys.string(kKey, source.text);
    } else {
      keys.string(std::string(kKey) + "." + name, source.text);
      others.push_back(name);
    }
  }
  if (!others.empty()) keys.strings("tokenizer.chat_templates", others);
}

// A SentencePiece model beside a tokenizer.json that GGUF cannot hold says the same tokenizer by its scores.
GgufVocabularyKeys vocabulary_of(const Tokenizer& tokenizer, const fs::path& from, int64_t count) {
  const fs::path pieces = model_directory_at(from) / "tokenizer.model";
  try {
    return write_gguf_vocabulary(TokenizerAccess::json(tokenizer), from.string(), count);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported || !is_file(pieces)) throw;
    const TokenizerFiles files = read_tokenizer_files(pieces);
    return write_gguf_vocabulary(files.json.text(), files.name, count);
  }
}

// The tokenizer, the roles of tokens and the chat templates.
void put_tokenizer(const Model& model, const fs::path& from, GgufWriter& keys) {
  const TransformerConfig& config = model.config;
  try {
    const Tokenizer tokenizer = Tokenizer::load(from);
    GgufVocabularyKeys vocabulary = vocabulary_of(tokenizer, from, config.vocab_size);
    const ChatTemplateFiles chat = find_chat_templates(model_directory_at(from));
    TokenIds roles;
    for (const auto& [role, content] : chat.special_tokens) {
      const auto found = std::find_if(std::begin(kRoles), std::end(kRoles), [&](const auto& each) { return each.first == role; });
      const int32_t id = found == std::end(kRoles) ? -1 : tokenizer.token_to_id(content);
      if (id >= 0 && id < config.vocab_size) roles[found->second] = id;
    }
    // Where two say the id of one role, the tokenizer's post-processor wins, then config.json, then tokenizer_config.json.
    const TokenIds& said = vocabulary.ids.contains("eos_token_id") ? vocabulary.ids : roles;
    const auto end = said.find("eos_token_id");
    vocabulary.ids.merge(ids_of(config, end == said.end() ? -1 : end->second));
    vocabulary.ids.merge(roles);
    keys.append(vocabulary.keys);
    for (const auto& [name, id] : vocabulary.ids) keys.integer("tokenizer.ggml." + name, static_cast<uint32_t>(id));
    put_templates(chat, keys);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::bad_input && error.code() != ErrorCode::io) throw;
    log_warning("the tokenizer is left out: {}", error.what());
    keys.string("tokenizer.ggml.model", "none");
    for (const auto& [name, id] : ids_of(config, -1)) keys.integer("tokenizer.ggml." + name, static_cast<uint32_t>(id));
  }
  if (config.token_types > 0) keys.integer("tokenizer.ggml.token_type_count", static_cast<uint32_t>(config.token_types));
}

// How token vectors become the vector of a text, of sentence encoders. Returns the tensors of dense modules, which llama.cpp knows of
// EmbeddingGemma alone.
NamedTensors put_pooling(const fs::path& from, std::string_view architecture, GgufWriter& keys) {
  const SentenceDescription description = read_sentence_files(from);
  const bool holds_dense = architecture == "gemma-embedding";
  const std::optional<uint32_t> type = gguf_pooling_type(description, holds_dense);
  if (!type) return {};
  keys.integer(std::string(architecture) + ".pooling_type", *type);
  NamedTensors tensors;
  const std::vector<DenseModule> modules = holds_dense ? gguf_dense(description) : std::vector<DenseModule>();
  for (size_t i = 0; i < modules.size(); ++i) {
    const std::string name = fmt::format("dense_{}", i + 2);  // numbered as the modules of EmbeddingGemma
    keys.integer(fmt::format("{}.{}_feat_in", architecture, name), static_cast<uint32_t>(modules[i].in));
    keys.integer(fmt::format("{}.{}_feat_out", architecture, name), static_cast<uint32_t>(modules[i].out));
    tensors.emplace_back(name + ".weight", read_dense_weights(modules[i]).weight);
  }
  return tensors;
}

}  // namespace

bool is_gguf_name(const fs::path& path) { return path.extension() == ".gguf"; }

void convert_to_gguf(const Model& model, const fs::path& from, std::string_view type, const fs::path& to) {
  const GgufArchitecture& architecture = gguf_architecture_for(model);
  const fs::path source = fs::absolute(model_directory_at(from)).lexically_normal();
  GgufWriter keys;
  keys.string("general.name", (source.has_filename() ? source : source.parent_path()).stem().string());
  const NamedTensors dense = put_pooling(from, architecture.name, keys);
  put_tokenizer(model, from, keys);
  write_gguf_model(model, architecture, keys, type, to, dense);
}

}  // namespace qkv
