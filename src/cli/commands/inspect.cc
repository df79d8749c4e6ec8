// qkv inspect: what is in a directory, and whether it is whole.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "models/config_reader.h"
#include "models/generation_config.h"
#include "models/model_directory.h"
#include "models/parameter_count.h"
#include "nn/uniform_config.h"
#include "qkv/tokenizer.h"
#include "train/output/checkpoint.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// Bytes of a file, or of all files below a directory; a running training may take some away meanwhile.
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

// Every choice of the network, whatever class it was opened as.
ordered_json describe_config(const TransformerConfig& c, const Architecture& architecture) {
  ordered_json out;
  if (is_uniform(c)) {
    architectures().back().write_config(c, out);  // ours names every choice
  } else {
    architecture.write_config(c, out);
  }
  out["pad_token_id"] = token_id_json(c.pad_token_id);
  if (!c.has_decoder()) return out;
  out["eos_token_id"] = token_ids_json(c.eos_token_ids);
  out["decoder_start_token_id"] = token_id_json(c.decoder_start_token_id);
  return out;
}

// The ids of tokens are the config's.
ordered_json describe_generation(const ModelDirectory& opened) {
  ordered_json out = generation_json(opened.generation(), opened.config());
  for (const char* key : {"pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"}) out.erase(key);
  return out;
}

ordered_json describe_weights(const WeightFiles& files) {
  std::map<std::string, int64_t> types;
  for (const auto& [name, weight] : files.all()) ++types[weight.entry->dtype];
  ordered_json out = {{"tensors", files.all().size()}, {"dtype", ordered_json::array()}, {"files", ordered_json::array()}};
  for (const auto& [type, count] : types) out["dtype"].push_back(type);
  for (const fs::path& file : files.files()) out["files"].push_back(file.filename().string());
  return out;
}

void describe_model(const fs::path& directory, bool verify, ordered_json& out) {
  const ModelDirectory opened(directory);
  const std::unique_ptr<Model> model = opened.make_model(DType::f32, Device::cpu);
  out["architecture"] = opened.architecture().class_name;
  out["model_type"] = opened.architecture().model_type;
  out["config"] = describe_config(opened.config(), opened.architecture());
  if (const std::vector<std::string> unused = opened.unused_keys(); !unused.empty()) out["unused_keys"] = unused;
  out["parameters"]["total"] = model->parameters.count();
  for (const auto& [part, count] : count_by_part(model->parameters)) out["parameters"]["parts"][part] = count;
  out["weights"] = describe_weights(opened.weights());
  if (!opened.labels().empty()) out["config"]["labels"] = opened.labels();
  if (opened.config().has_decoder()) out["generation"] = describe_generation(opened);
  if (verify) {
    out["verified"]["values"] = opened.verify_weights();
    opened.read_weights(*model);
  }
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

void describe_checkpoints(const fs::path& directory, bool verify, ordered_json& out) {
  if (is_there(directory / "latest")) {
    std::string latest = read_file(directory / "latest").substr(0, 100);
    out["latest"] = latest.substr(0, latest.find('\n'));
  }
  out["list"] = ordered_json::array();
  for (const std::string& name : checkpoint_names(directory)) {
    if (verify) verify_checkpoint(directory / name);
    out["list"].push_back({{"name", name}, {"bytes", bytes_below(directory / name)}});
  }
}

ordered_json describe_files(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) paths.push_back(entry->path());
  if (error) fail(ErrorCode::io, "cannot list {}: {}", directory.string(), error.message());
  std::sort(paths.begin(), paths.end());
  ordered_json files = ordered_json::array();
  for (const fs::path& path : paths) {
    std::error_code ignored;
    files.push_back({{"name", path.filename().string() + (fs::is_directory(path, ignored) ? "/" : "")}, {"bytes", bytes_below(path)}});
  }
  return files;
}

ordered_json describe_directory(const fs::path& directory, bool verify) {
  const bool model = is_there(directory / "config.json") || is_there(directory / "model.safetensors");
  const bool tokenizer = is_there(directory / "tokenizer.json"), checkpoints = is_there(directory / "checkpoints");
  ordered_json out;
  out["path"] = directory.string();
  if (model || (!tokenizer && !checkpoints)) describe_model(directory, verify, out);
  if (tokenizer) {
    const int32_t size = Tokenizer::load(directory).vocab_size();
    out["tokenizer"]["vocab_size"] = size;
    if (model && size > out["config"]["vocab_size"].get<int32_t>()) {
      log_warning("{} has {} tokens, the model's vocab_size is {}; texts with the last ones cannot be translated",
                  (directory / "tokenizer.json").string(), size, out["config"]["vocab_size"].get<int32_t>());
    }
  }
  if (checkpoints) describe_checkpoints(directory / "checkpoints", verify, out["checkpoints"]);
  out["files"] = describe_files(directory);
  return out;
}

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), 1, ',');
  return digits;
}

std::string plain(const ordered_json& value) {
  if (value.is_string()) return one_line(value.get<std::string>());
  if (value.is_null()) return "none";
  if (!value.is_array()) return value.dump();
  std::string list;
  for (const ordered_json& item : value) list += (list.empty() ? "" : ", ") + plain(item);
  return list.empty() ? "none" : list;
}

void print_table(const std::string& title, const ordered_json& values) {
  print("{}\n", title);
  for (const auto& [key, value] : values.items()) print("  {:<26} {}\n", key, plain(value));
}

void print_description(const ordered_json& d, bool verify) {
  if (d.contains("config")) {
    print("{} ({}-norm)\n", plain(d["architecture"]), plain(d["config"]["norm_position"]));
    print_table("config", d["config"]);
    print("parameters                   {:>15}\n", grouped(d["parameters"]["total"].get<int64_t>()));
    for (const auto& [part, count] : d["parameters"]["parts"].items()) print("  {:<26} {:>15}\n", part, grouped(count.get<int64_t>()));
    print_table("weights", d["weights"]);
    if (d.contains("generation")) print_table("generation", d["generation"]);
  }
  if (d.contains("tokenizer")) print_table("tokenizer", d["tokenizer"]);
  if (d.contains("checkpoints")) {
    const ordered_json& checkpoints = d["checkpoints"];
    print("checkpoints{}\n", checkpoints["list"].empty() ? ": none yet" : "");
    for (const ordered_json& each : checkpoints["list"]) {
      const bool latest = checkpoints.contains("latest") && checkpoints["latest"] == each["name"];
      print("  {:<26} {:>15} bytes{}\n", plain(each["name"]), grouped(each["bytes"].get<int64_t>()), latest ? "  latest" : "");
    }
  }
  print("files\n");
  for (const ordered_json& file : d["files"]) print("  {:<26} {:>15} bytes\n", plain(file["name"]), grouped(file["bytes"].get<int64_t>()));
  if (!verify) return;
  if (d.contains("verified")) print("verified: all {} values of the weights are finite\n", grouped(d["verified"]["values"].get<int64_t>()));
  if (d.contains("checkpoints")) print("verified: the checksums of {} checkpoints\n", d["checkpoints"]["list"].size());
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  struct Arguments {
    std::string directory;
    bool json = false, verify = false;
  };
  CLI::App* command = app.add_subcommand("inspect", "Show what is in a model or training directory, and whether it is whole");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("DIR", arguments->directory, "Model directory, as qkv train or transformers' save_pretrained wrote it")->required();
  command->add_flag("--json", arguments->json, "Print a JSON object");
  command->add_flag("--verify", arguments->verify, "Read every weight (finite?) and recompute the checksums of all checkpoints");
  command->footer("Exit code 1 and one line where a file is damaged. Example: qkv inspect my-model --verify");
  command->callback([arguments] {
    const ordered_json description = describe_directory(arguments->directory, arguments->verify);
    if (arguments->json) {
      print("{}\n", description.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    } else {
      print_description(description, arguments->verify);
    }
  });
}

}  // namespace qkv
