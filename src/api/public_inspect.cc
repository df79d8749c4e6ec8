// inspect_directory() of the public API.
#include <algorithm>
#include <charconv>
#include <map>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hub_cache.h"
#include "base/log.h"
#include "chat/template_files.h"
#include "formats/gguf.h"
#include "formats/gguf_path.h"
#include "formats/json.h"
#include "formats/marian_directory.h"
#include "models/config_reader.h"
#include "models/generation_config.h"
#include "models/model_directory.h"
#include "models/parameter_count.h"
#include "nn/uniform_config.h"
#include "qkv/chat.h"
#include "qkv/inspect.h"
#include "qkv/tokenizer.h"
#include "train/output/checkpoint.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// Size in bytes of a file, or of all files below a directory. A running training may remove files meanwhile.
int64_t bytes_below(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    const auto size = fs::file_size(path, error);
    return error ? 0 : static_cast<int64_t>(size);
  }
  int64_t sum = 0;
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    if (entry->is_regular_file(gone)) sum += static_cast<int64_t>(entry->file_size(gone));
  }
  return sum;
}

std::vector<NamedValue> named_values(const ordered_json& object) {
  std::vector<NamedValue> values;
  for (const auto& [key, value] : object.items())
    values.emplace_back(key, value.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  return values;
}

// Lists every setting of the network, also if its own class leaves some out.
ordered_json describe_config(const TransformerConfig& c, const Architecture& architecture) {
  ordered_json out;
  if (is_uniform(c)) {
    architectures().back().write_config(c, out);  // qkv's own class lists every setting
  } else {
    architecture.write_config(c, out);
  }
  out["pad_token_id"] = token_id_json(c.pad_token_id);
  if (!c.has_decoder()) return out;
  out["eos_token_id"] = token_ids_json(c.eos_token_ids);
  out["decoder_start_token_id"] = token_id_json(c.decoder_start_token_id);
  return out;
}

// Describes the generation settings; token ids are in the config.
ordered_json describe_generation(const ModelDirectory& opened) {
  ordered_json out = generation_json(opened.generation(), opened.config());
  for (const char* key : {"pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"}) out.erase(key);
  return out;
}

void describe_weights(const WeightFiles& files, InspectedModel& out) {
  std::map<std::string, int64_t> types;
  for (const auto& [name, weight] : files.all()) types[weight.entry->dtype] += count_values(weight.entry->shape);
  out.tensors = std::ssize(files.all());
  for (const auto& [type, count] : types) {
    out.dtypes.push_back(type);
    out.values_by_dtype.emplace_back(type, count);
  }
  for (const fs::path& file : files.files()) out.files.push_back(file.filename().string());
}

NeededMemory needed_memory(const Model& model) {
  int64_t matrices = 0, others = 0;  // only matrices are packed and may be bf16
  for (const Parameter& parameter : model.parameters.all()) {
    (parameter.decay && parameter.value.shape().size() == 2 ? matrices : others) += parameter.value.numel();
  }
  NeededMemory needed;
  needed.running_f32 = 4 * (matrices + others);
  needed.running_bf16 = 2 * matrices + 4 * others;
  needed.training = 16 * (matrices + others) + 4 * matrices;  // packed for the forward and the backward product
  for (const LayerConfig& layer : model.config.decoder) needed.per_cached_token += 2 * 4 * int64_t{layer.attention.key_value_size()};
  return needed;
}

// What can be said of a model that qkv cannot run.
InspectedModel inspect_files(const fs::path& path) {
  const ModelFiles files = open_model_files(path);
  InspectedModel out;
  const std::vector<std::string> classes = files.config.texts("architectures");
  if (!classes.empty()) out.architecture = classes.front();
  if (files.config.is_text("model_type")) out.model_type = files.config.text("model_type");
  describe_weights(files.open_weights(), out);
  return out;
}

InspectedModel inspect_model(const ModelDirectory& opened, const InspectOptions& options) {
  const std::unique_ptr<Model> model = opened.make_model(DType::f32, Device::cpu);
  InspectedModel out{.architecture = std::string(opened.architecture().class_name),
                     .model_type = std::string(opened.architecture().model_type),
                     .use = std::string(use_of(opened.config())),
                     .config = named_values(describe_config(opened.config(), opened.architecture())),
                     .unused_keys = opened.unused_keys(),
                     .labels = opened.labels(),
                     .parameters = model->parameters.count(),
                     .memory = needed_memory(*model)};
  for (const auto& [part, count] : count_by_part(model->parameters)) out.parts.emplace_back(part, count);
  describe_weights(opened.weights(), out);
  if (!opened.config().has_head()) out.generation = named_values(describe_generation(opened));
  if (options.verify) {
    out.verified_values = opened.verify_weights();
    throw_if_cancelled(options.cancellation);
    opened.read_weights(*model);
  }
  return out;
}

// Names of the checkpoints, oldest first.
std::vector<std::string> checkpoint_names(const fs::path& directory) {
  constexpr std::string_view prefix = "step-";
  std::vector<std::pair<int64_t, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    int64_t step = 0;
    if (!name.starts_with(prefix)) continue;
    const auto [stop, wrong] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), step);
    if (wrong == std::errc() && stop == name.data() + name.size()) found.emplace_back(step, name);
  }
  if (error) fail(ErrorCode::io, "cannot list {}: {}", directory.string(), error.message());
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& [step, name] : found) names.push_back(std::move(name));
  return names;
}

InspectedCheckpoints inspect_checkpoints(const fs::path& directory, const InspectOptions& options) {
  InspectedCheckpoints out;
  if (is_there(directory / "latest")) {
    const std::string latest = read_file(directory / "latest").substr(0, 100);
    out.latest = latest.substr(0, latest.find('\n'));
  }
  for (const std::string& name : checkpoint_names(directory)) {
    throw_if_cancelled(options.cancellation);
    if (options.verify) verify_checkpoint(directory / name);
    out.list.push_back({name, bytes_below(directory / name)});
  }
  return out;
}

std::vector<InspectedChatTemplate> inspect_chat_templates(const fs::path& directory) {
  std::vector<InspectedChatTemplate> out;
  if (find_chat_templates(directory).templates.empty()) return out;
  const ChatTemplate chat = ChatTemplate::load(directory);
  for (const std::string& name : chat.names()) out.push_back({name, chat.fault(name)});
  return out;
}

std::vector<NamedCount> list_files(const fs::path& directory) {
  if (is_file(directory)) return {{directory.filename().string(), bytes_below(directory)}};
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) paths.push_back(entry->path());
  if (error) fail(ErrorCode::io, "cannot list {}: {}", directory.string(), error.message());
  std::sort(paths.begin(), paths.end());
  std::vector<NamedCount> files;
  for (const fs::path& path : paths) {
    std::error_code ignored;
    files.emplace_back(path.filename().string() + (fs::is_directory(path, ignored) ? "/" : ""), bytes_below(path));
  }
  return files;
}

bool has_vocabulary(const fs::path& gguf) {
  const MappedFile mapped(gguf);
  return GgufMetadata(mapped.text(), gguf.string()).has("tokenizer.ggml.tokens");
}

}  // namespace

InspectedDirectory inspect_directory(const fs::path& path, const InspectOptions& options) {
  const fs::path directory = model_directory_at(path), gguf = find_gguf(directory);
  const bool model =
      !gguf.empty() || is_there(directory / "config.json") || is_there(directory / "model.safetensors") || find_marian(directory);
  const bool tokenizer = is_there(directory / "tokenizer.json") || (!gguf.empty() && has_vocabulary(gguf));
  const bool checkpoints = is_there(directory / "checkpoints");
  InspectedDirectory out{.path = directory};
  int32_t model_tokens = INT32_MAX;
  if (model || (!tokenizer && !checkpoints)) {
    try {
      const ModelDirectory opened(path);
      out.model = inspect_model(opened, options);
      model_tokens = opened.config().vocab_size;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      out.not_supported = error.what();
      out.model = inspect_files(path);
    }
  }
  if (tokenizer) {
    out.tokenizer_vocab_size = Tokenizer::load(directory).vocab_size();
    if (*out.tokenizer_vocab_size > model_tokens) {
      log_warning("{} has {} tokens, the model's vocab_size is {}; texts with the last ones cannot be translated",
                  (gguf.empty() ? directory / "tokenizer.json" : gguf).string(), *out.tokenizer_vocab_size, model_tokens);
    }
  }
  std::error_code ignored;
  const fs::path templates = fs::is_directory(directory, ignored) ? directory : gguf;
  if (!templates.empty()) out.chat_templates = inspect_chat_templates(templates);
  if (checkpoints) out.checkpoints = inspect_checkpoints(directory / "checkpoints", options);
  out.files = list_files(directory);
  return out;
}

}  // namespace qkv
