// convert_model() of the public API.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "api/convert_gguf.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hub_cache.h"
#include "base/log.h"
#include "base/option_error.h"
#include "chat/template_files.h"
#include "embed/sentence_files.h"
#include "formats/gguf_path.h"
#include "formats/json.h"
#include "models/model_directory.h"
#include "models/save_format.h"
#include "qkv/convert.h"
#include "qkv/tokenizer.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

// The type that most values have.
SafetensorsType type_of(const WeightFiles& weights) {
  std::map<std::string, int64_t> values;
  for (const auto& [name, weight] : weights.all()) values[weight.entry->dtype] += count_values(weight.entry->shape);
  const auto most = std::max_element(values.begin(), values.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == values.end()) return SafetensorsType::f32;
  return most->first == "BF16" ? SafetensorsType::bf16 : most->first == "F16" ? SafetensorsType::f16 : SafetensorsType::f32;
}

SafetensorsType written_type(WeightType wanted, const WeightFiles& weights) {
  switch (wanted) {
    case WeightType::f32: return SafetensorsType::f32;
    case WeightType::bf16: return SafetensorsType::bf16;
    case WeightType::f16: return SafetensorsType::f16;
    case WeightType::q8_0:
    case WeightType::q4_0: fail_option(ErrorCode::invalid_argument, "`dtype`: quantized types are written into a file NAME.gguf only");
    case WeightType::file: break;
  }
  return type_of(weights);
}

// GGUF's name of the type.
std::string_view type_in_gguf(WeightType wanted, const WeightFiles& weights) {
  if (wanted == WeightType::q8_0) return "Q8_0";
  if (wanted == WeightType::q4_0) return "Q4_0";
  const SafetensorsType type = written_type(wanted, weights);
  return type == SafetensorsType::bf16 ? "BF16" : type == SafetensorsType::f16 ? "F16" : "F32";
}

// Values of bf16 stay bf16 in memory if they are written so.
std::unique_ptr<Model> read_model(const ModelDirectory& opened, bool keep_bf16) {
  const bool bf16 = keep_bf16 && type_of(opened.weights()) == SafetensorsType::bf16;
  std::unique_ptr<Model> model = opened.make_model(bf16 ? DType::bf16 : DType::f32, Device::cpu);
  opened.read_weights(*model);
  return model;
}

// A directory under a temporary name beside its own, which it takes at the end; removed where that is not reached.
class NewDirectory {
 public:
  explicit NewDirectory(const fs::path& path) : path_(without_slash(path)), temporary_(path_) {
    if (is_there(path_) && !is_empty_directory(path_)) {
      fail_option(ErrorCode::invalid_argument, "{} exists already; name a new directory", path_.string());
    }
    check_can_write_in(path_.parent_path(), path_.string());
    temporary_ += ".tmp";
    std::error_code error;
    for (int i = 0; is_there(temporary_); ++i) temporary_ = path_.string() + fmt::format(".tmp-{}", i);
    fs::create_directories(temporary_, error);
    if (error) fail(ErrorCode::io, "cannot make the directory {}: {}", temporary_.string(), error.message());
  }
  ~NewDirectory() {
    std::error_code ignored;
    if (!done_) fs::remove_all(temporary_, ignored);
  }
  NewDirectory(const NewDirectory&) = delete;
  NewDirectory& operator=(const NewDirectory&) = delete;

  const fs::path& path() const { return temporary_; }
  void put_in_place() {
    sync_directory(temporary_);
    std::error_code error;
    fs::rename(temporary_, path_, error);  // replaces an empty directory
    if (error) fail(ErrorCode::io, "cannot rename {} to {}: {}", temporary_.string(), path_.string(), error.message());
    done_ = true;
    sync_directory(path_.parent_path());
  }

 private:
  static fs::path without_slash(const fs::path& path) {
    const fs::path whole = fs::absolute(path).lexically_normal();
    return whole.has_filename() ? whole : whole.parent_path();
  }

  fs::path path_, temporary_;
  bool done_ = false;
};

void copy_whole(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  write_file_atomically(to, MappedFile(from).text());
}

// Files of transformers and sentence-transformers that belong to a model beside its weights and configuration.
bool goes_along(const std::string& name) {
  static const std::set<std::string> kNames = {
      "tokenizer.json",
      "tokenizer_config.json",
      "special_tokens_map.json",
      "added_tokens.json",
      "vocab.json",
      "vocab.txt",
      "merges.txt",
      "chat_template.jinja",
      "chat_template.json",
      "tekken.json",
      "modules.json",
      "sentence_bert_config.json",
      "config_sentence_transformers.json",
      "LICENSE",
      "LICENSE.txt",
  };
  return kNames.contains(name) || name.ends_with(".spm") || name.ends_with(".model") || name.ends_with(".tiktoken");
}

void copy_files_beside(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (fs::directory_iterator entry(from, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (goes_along(name) && is_file(entry->path())) copy_whole(entry->path(), to / name);
  }
  if (error) fail(ErrorCode::io, "cannot list {}: {}", from.string(), error.message());
}

// The modules behind the model in modules.json, with their weights as safetensors.
void copy_modules(const fs::path& from, const fs::path& to) {
  if (!is_file(from / "modules.json")) return;
  const SentenceDescription description = read_sentence_files(from);
  if (fs::absolute(description.model).lexically_normal() != fs::absolute(from / ".").lexically_normal() &&
      fs::absolute(description.model).lexically_normal() != fs::absolute(from).lexically_normal()) {
    fail(ErrorCode::unsupported, "{}: its model is in a directory of its own, {}; convert that one", from.string(),
         description.model.filename().string());
  }
  const nlohmann::json modules = nlohmann::json::parse(read_file(from / "modules.json"));  // read_sentence_files has checked it
  for (const nlohmann::json& module : modules) {
    const std::string name = module.at("path").get<std::string>();
    if (name.empty() || !is_file(from / name / "config.json")) continue;
    copy_whole(from / name / "config.json", to / name / "config.json");
    if (!is_there(from / name / "model.safetensors") && !is_there(from / name / "pytorch_model.bin")) continue;
    const WeightFiles weights(from / name);
    NamedTensors tensors;
    for (const auto& [weight, place] : weights.all()) {
      tensors.emplace_back(weight, Tensor::empty(place.entry->shape, DType::f32));
      weights.read(weight, tensors.back().second);
    }
    write_safetensors(to / name / "model.safetensors", tensors);
  }
}

// The chat templates and the roles of tokens in a GGUF file, as transformers' files.
void write_chat_files(const fs::path& gguf, const fs::path& to) {
  const ChatTemplateFiles chat = find_chat_templates(gguf);
  nlohmann::ordered_json config = nlohmann::ordered_json::parse(read_file(to / "tokenizer_config.json"));
  for (const auto& [role, token] : chat.special_tokens) config[role] = token;
  write_file_atomically(to / "tokenizer_config.json", config.dump(2) + "\n");
  for (const auto& [name, source] : chat.templates) {
    const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
    if (name.empty() || !plain) continue;  // no name of a file
    const fs::path file = name == "default" ? to / "chat_template.jinja" : to / "chat_templates" / (name + ".jinja");
    fs::create_directories(file.parent_path());
    write_file_atomically(file, source.text);
  }
}

// Copies the tokenizer's files, or writes a tokenizer.json where the model's format has none that transformers reads.
void write_tokenizer(const fs::path& from, const fs::path& directory, const fs::path& to) {
  const fs::path gguf = find_gguf(directory);
  if (!is_file(directory)) copy_files_beside(directory, to);
  if (gguf.empty() && is_file(directory / "config.json")) return;
  try {
    Tokenizer::load(from).save(to);
    if (!gguf.empty()) write_chat_files(gguf, to);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::bad_input) throw;
    log_warning("the tokenizer is left out: {}", error.what());
  }
}

ConvertedModel convert_to_file(const fs::path& from, const fs::path& to, const ConvertOptions& options) {
  QKV_CHECK_OPTION(options.max_shard_bytes == ConvertOptions().max_shard_bytes,
                   "a GGUF file is not divided; leave out the largest size of its files, or name a directory");
  if (is_there(to)) fail_option(ErrorCode::invalid_argument, "{} exists already; name a new file", to.string());
  check_can_write(to);
  const ModelDirectory opened(from);
  const std::string_view type = type_in_gguf(options.dtype, opened.weights());
  const std::unique_ptr<Model> model = read_model(opened, type == "BF16");
  convert_to_gguf(*model, from, type, to);
  return {.architecture = std::string(opened.architecture().class_name),
          .parameters = model->parameters.count(),
          .files = {{to.filename().string(), static_cast<int64_t>(fs::file_size(to))}}};
}

}  // namespace

ConvertedModel convert_model(const fs::path& from, const fs::path& to, const ConvertOptions& options) {
  QKV_CHECK_OPTION(options.max_shard_bytes >= 1, "`max_shard_bytes`: {} is too small; it must be at least 1", options.max_shard_bytes);
  if (is_gguf_name(to)) return convert_to_file(from, to, options);
  NewDirectory target(to);
  ConvertedModel result;
  const fs::path directory = model_directory_at(from);
  {
    const ModelDirectory opened(from);
    const SafetensorsType type = written_type(options.dtype, opened.weights());
    const std::unique_ptr<Model> model = read_model(opened, type == SafetensorsType::bf16);
    save_model(*model, target.path(), SaveFormat{type, options.max_shard_bytes});
    result.architecture = architecture_for(model->config, model->model_type).class_name;
    result.parameters = model->parameters.count();
  }
  write_tokenizer(from, directory, target.path());
  copy_modules(directory, target.path());
  for (const fs::directory_entry& entry : fs::directory_iterator(target.path())) {
    if (entry.is_regular_file()) result.files.emplace_back(entry.path().filename().string(), static_cast<int64_t>(entry.file_size()));
  }
  std::sort(result.files.begin(), result.files.end());
  target.put_in_place();
  return result;
}

}  // namespace qkv
