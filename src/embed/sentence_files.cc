#include "embed/sentence_files.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/hub_cache.h"
#include "base/log.h"
#include "embed/module_configs.h"
#include "formats/gguf.h"
#include "formats/gguf_path.h"
#include "formats/json.h"
#include "formats/json_file.h"
#include "formats/json_node.h"
#include "io/gguf_file.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

struct ModuleEntry {
  std::string type;  // as in the file
  std::string name;  // last part of the type if it is one of sentence-transformers, else empty
  fs::path directory;
};

// Directories of the Hub's cache hold links to files elsewhere, so only the path's text is checked.
fs::path path_inside(const fs::path& directory, const JsonNode& path) {
  const fs::path given(path.string());
  const bool leaves = given.is_absolute() || std::any_of(given.begin(), given.end(), [](const fs::path& part) { return part == ".."; });
  if (leaves) path.fail(fmt::format("is \"{}\", which leaves the directory of the model", shortened(path.string(), 100)));
  if (path.string().find('\0') != std::string::npos) path.fail("holds a zero byte");
  return given.empty() ? directory : directory / given;
}

std::vector<ModuleEntry> read_entries(const fs::path& directory) {
  const fs::path file = directory / "modules.json";
  const nlohmann::json json = parse_json(read_file(file), file.string());
  std::vector<ModuleEntry> entries;
  for (const JsonNode& item : JsonNode(json, file.string()).items()) {
    ModuleEntry entry{.type = item.type(), .name = {}, .directory = path_inside(directory, item.at("path"))};
    constexpr std::string_view kTheirs = "sentence_transformers.";
    if (entry.type.starts_with(kTheirs)) entry.name = entry.type.substr(entry.type.rfind('.') + 1);
    entries.push_back(std::move(entry));
  }
  if (entries.empty() || entries.front().name != "Transformer") {
    fail(ErrorCode::unsupported, "{}: the first module is {}; only sentence_transformers' Transformer is supported there", file.string(),
         entries.empty() ? "missing" : fmt::format("\"{}\"", shortened(entries.front().type, 100)));
  }
  return entries;
}

void read_modules(const fs::path& directory, SentenceDescription& result) {
  const std::vector<ModuleEntry> entries = read_entries(directory);
  const std::string file = (directory / "modules.json").string();
  result.model = entries.front().directory;
  for (size_t i = 1; i < entries.size(); ++i) {
    const auto& [type, name, place] = entries[i];
    if (name == "Dropout") continue;  // has no effect outside training
    if (name == "Pooling" && !result.pooling) {
      result.pooling = read_pooling(place);
      continue;
    }
    const bool known = name == "Dense" || name == "LayerNorm" || name == "Normalize";
    if (!known) {
      fail(ErrorCode::unsupported,
           "{}: module {}, \"{}\", is not supported; there are one Transformer, one Pooling, then Dense, LayerNorm, "
           "Normalize and Dropout of sentence_transformers",
           file, i, shortened(type, 100));
    }
    if (!result.pooling) {
      fail(ErrorCode::unsupported, "{}: {} stands before a Pooling; only modules on the vector of a text are supported", file, name);
    }
    if (name == "Dense") result.modules.emplace_back(read_dense(place));
    if (name == "LayerNorm") result.modules.emplace_back(read_layer_norm(place));
    if (name == "Normalize") result.modules.emplace_back(read_normalize(place));
  }
  if (!result.pooling) {
    fail(ErrorCode::bad_input,
         "{} names no Pooling module; without one, tokens have vectors but not the text (multi-vector and sparse "
         "models are not supported)",
         file);
  }
}

void read_prompts(const JsonNode& config, SentenceDescription& result) {
  if (const auto prompts = config.find("prompts")) {
    if (!prompts->value().is_object()) prompts->fail("must be an object of names and texts");
    for (const auto& [name, text] : prompts->value().items()) {
      if (text.is_null()) continue;
      result.prompts.emplace_back(name, prompts->at(name).string());
    }
  }
  const auto chosen = config.find("default_prompt_name");
  if (!chosen) return;
  result.default_prompt = chosen->string();
  const bool known =
      std::any_of(result.prompts.begin(), result.prompts.end(), [&](const auto& prompt) { return prompt.first == result.default_prompt; });
  if (!known) chosen->fail(fmt::format("is \"{}\", which is none of the prompts", shortened(result.default_prompt, 60)));
}

// Reads config_sentence_transformers.json: prompts, similarity and dimensions of the whole model.
void read_whole(const fs::path& directory, SentenceDescription& result) {
  const fs::path file = directory / "config_sentence_transformers.json";
  if (!is_there(file)) return;
  const nlohmann::json json = read_json_object(file);
  const JsonNode config(json, file.string());
  for (const auto& [key, value] : json.items()) {
    constexpr std::array kKnown = {"__version__", "prompts", "default_prompt_name", "model_type", "similarity_fn_name", "truncate_dim"};
    const bool known = std::find(kKnown.begin(), kKnown.end(), key) != kKnown.end();
    if (!known && !value.is_null()) log_warning("{}: \"{}\" is not known and has no effect", file.string(), shortened(key, 60));
  }
  const std::string kind = config.string_or("model_type", "SentenceTransformer");
  if (kind != "SentenceTransformer") config.at("model_type").fail_unsupported(fmt::format("\"{}\" is not supported", shortened(kind, 60)));
  read_prompts(config, result);
  if (const auto measure = config.find("similarity_fn_name")) {
    constexpr std::array<std::pair<const char*, Similarity>, 4> kMeasures = {{{"cosine", Similarity::cosine},
                                                                              {"dot", Similarity::dot},
                                                                              {"euclidean", Similarity::euclidean},
                                                                              {"manhattan", Similarity::manhattan}}};
    const std::string name = measure->string();
    const auto found = std::find_if(kMeasures.begin(), kMeasures.end(), [&](const auto& each) { return each.first == name; });
    if (found == kMeasures.end()) measure->fail_unsupported(fmt::format("\"{}\" is not supported", shortened(name, 60)));
    result.similarity = found->second;
  }
  if (const auto size = config.find("truncate_dim")) {
    result.truncate_dim = size->integer();
    if (result.truncate_dim < 1) size->fail("must be at least 1");
  }
}

constexpr std::array kGgufModes = {PoolingMode::mean, PoolingMode::cls, PoolingMode::lasttoken};  // from 1 on

constexpr std::array kGgufDense = {"dense_2", "dense_3"};  // in the order in which they are applied

// A GGUF file names its pooling; llama.cpp's programs then make vectors of length 1.
void read_gguf_pooling(const fs::path& file, SentenceDescription& result) {
  const MappedFile mapped(file);
  const GgufMetadata metadata(mapped.text(), file.string());
  const std::string key = std::string(metadata.string("general.architecture").value_or("")) + ".pooling_type";
  const int64_t type = metadata.integer(key).value_or(0);
  if (type == 0) return;  // none
  if (type < 0 || type > std::ssize(kGgufModes)) {
    fail(ErrorCode::unsupported, "{}: \"{}\" is {}; only 1 (mean), 2 (cls) and 3 (last) make vectors of texts", file.string(), key, type);
  }
  result.pooling = PoolingModule{.modes = {kGgufModes[static_cast<size_t>(type - 1)]}};
  const TensorFile::Entries tensors = gguf_entries(metadata);
  for (const char* name : kGgufDense) {
    const auto found = tensors.find(std::string(name) + ".weight");
    if (found == tensors.end()) continue;
    const Shape& shape = found->second.shape;
    if (shape.size() != 2) fail(ErrorCode::bad_input, "{}: tensor \"{}\" is {}, no matrix", file.string(), found->first, to_string(shape));
    result.modules.emplace_back(
        DenseModule{.directory = file, .tensor = name, .in = shape[1], .out = shape[0], .bias = false, .activation = Activation::none});
  }
  result.modules.emplace_back(NormalizeModule{});
}

}  // namespace

SentenceDescription read_sentence_files(const fs::path& path) {
  const fs::path directory = model_directory_at(path);
  SentenceDescription result;
  result.model = directory;
  if (is_there(directory / "modules.json")) {
    read_modules(directory, result);
  } else if (const fs::path gguf = find_gguf(directory); !gguf.empty()) {
    read_gguf_pooling(gguf, result);
  }
  read_transformer(result.model, result);
  read_whole(directory, result);
  return result;
}

std::vector<DenseModule> gguf_dense(const SentenceDescription& description) {
  std::vector<DenseModule> dense;
  for (size_t i = 0; i < description.modules.size(); ++i) {
    const auto* module = std::get_if<DenseModule>(&description.modules[i]);
    if (i + 1 == description.modules.size() && std::holds_alternative<NormalizeModule>(description.modules[i])) return dense;
    if (!module || module->bias || module->activation != Activation::none || i >= kGgufDense.size()) return {};
    dense.push_back(*module);
  }
  return {};
}

std::optional<uint32_t> gguf_pooling_type(const SentenceDescription& description, bool dense) {
  if (!description.pooling) return std::nullopt;
  const std::vector<PoolingMode>& modes = description.pooling->modes;
  const auto found = modes.size() == 1 ? std::find(kGgufModes.begin(), kGgufModes.end(), modes[0]) : kGgufModes.end();
  const size_t held = 1 + (dense ? gguf_dense(description).size() : 0);
  const bool all = description.modules.size() == held && std::holds_alternative<NormalizeModule>(description.modules.back());
  if (found == kGgufModes.end() || !all || !description.prompts.empty()) {
    log_warning("{}: GGUF knows one pooling (mean, cls, last token) and vectors of length 1; other modules and prompts are left out",
                description.model.string());
  }
  if (found == kGgufModes.end()) return std::nullopt;
  return static_cast<uint32_t>(found - kGgufModes.begin() + 1);
}

}  // namespace qkv
