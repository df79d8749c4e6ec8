// qkv inspect: describes a directory and verifies it.

#include "qkv/inspect.h"
#include "base/error.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/letters.h"
#include "cli/output.h"
#include "formats/json.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const std::vector<NamedValue>& values) {
  ordered_json out = ordered_json::object();
  for (const auto& [name, value] : values) out[name] = ordered_json::parse(value);
  return out;
}

void add_model(const InspectedModel& model, ordered_json& out) {
  out["architecture"] = model.architecture;
  out["model_type"] = model.model_type;
  if (!model.use.empty()) out["use"] = model.use;
  if (!model.config.empty()) out["config"] = to_json(model.config);
  if (!model.unused_keys.empty()) out["unused_keys"] = model.unused_keys;
  if (model.parameters > 0) out["parameters"]["total"] = model.parameters;
  for (const auto& [part, count] : model.parts) out["parameters"]["parts"][part] = count;
  out["weights"] = {{"tensors", model.tensors}, {"dtype", model.dtypes}, {"files", model.files}};
  for (const auto& [type, count] : model.values_by_dtype) out["weights"]["values"][type] = count;
  if (model.parameters > 0) {
    const NeededMemory& needed = model.memory;
    out["memory"] = {{"running_f32", needed.running_f32}, {"running_bf16", needed.running_bf16}, {"training", needed.training}};
    if (needed.per_cached_token > 0) out["memory"]["per_cached_token"] = needed.per_cached_token;
  }
  if (!model.labels.empty()) out["config"]["labels"] = model.labels;
  if (model.generation) out["generation"] = to_json(*model.generation);
  if (model.verified_values) out["verified"]["values"] = *model.verified_values;
}

ordered_json to_json(const InspectedDirectory& directory) {
  ordered_json out;
  out["path"] = directory.path.string();
  if (directory.not_supported) out["not_supported"] = *directory.not_supported;
  if (directory.model) add_model(*directory.model, out);
  if (directory.tokenizer_vocab_size) out["tokenizer"]["vocab_size"] = *directory.tokenizer_vocab_size;
  for (const InspectedChatTemplate& each : directory.chat_templates) out["chat_templates"][each.name] = each.fault.value_or("usable");
  if (directory.checkpoints) {
    ordered_json& checkpoints = out["checkpoints"];
    if (directory.checkpoints->latest) checkpoints["latest"] = *directory.checkpoints->latest;
    checkpoints["list"] = ordered_json::array();
    for (const auto& [name, bytes] : directory.checkpoints->list) checkpoints["list"].push_back({{"name", name}, {"bytes", bytes}});
  }
  out["files"] = ordered_json::array();
  for (const auto& [name, bytes] : directory.files) out["files"].push_back({{"name", name}, {"bytes", bytes}});
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

void print_weights(const ordered_json& weights) {
  print_table("weights", {{"tensors", weights["tensors"]}, {"files", weights["files"]}});
  if (!weights.contains("values")) return;
  for (const auto& [type, count] : weights["values"].items()) print("  {:<26} {:>15} values\n", type, grouped(count.get<int64_t>()));
}

void print_memory(const ordered_json& memory) {
  print("memory\n");
  const auto line = [&](const char* key, std::string_view label, std::string_view note) {
    if (memory.contains(key)) print("  {:<26} {:>15} bytes{}\n", label, grouped(memory[key].get<int64_t>()), note);
  };
  line("running_f32", "running, f32", "");
  line("running_bf16", "running, bf16", "");
  line("per_cached_token", "each cached token, f32", "");
  line("training", "training", " and the activations of a batch");
}

void print_description(const ordered_json& d, bool verify) {
  if (d.contains("not_supported")) {
    print("not supported: {}\n", plain(d["not_supported"]));
    if (d.contains("architecture")) print("{}\n", plain(d["architecture"]));
    if (d.contains("weights")) print_weights(d["weights"]);
  }
  if (d.contains("config")) {
    // Networks whose layers differ are described by the keys of their class, which has none for the place of norms.
    const ordered_json& config = d["config"];
    const std::string norm = config.contains("norm_position") ? fmt::format(" ({}-norm)", plain(config["norm_position"])) : "";
    print("{}{}: {}\n", plain(d["architecture"]), norm, plain(d["use"]));
    print_table("config", d["config"]);
    print("parameters                   {:>15}\n", grouped(d["parameters"]["total"].get<int64_t>()));
    for (const auto& [part, count] : d["parameters"]["parts"].items()) print("  {:<26} {:>15}\n", part, grouped(count.get<int64_t>()));
    print_weights(d["weights"]);
    print_memory(d["memory"]);
    if (d.contains("unused_keys")) print("not understood in config.json\n  {}\n", plain(d["unused_keys"]));
    if (d.contains("generation")) print_table("generation", d["generation"]);
  }
  if (d.contains("tokenizer")) print_table("tokenizer", d["tokenizer"]);
  if (d.contains("chat_templates")) print_table("chat templates", d["chat_templates"]);
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
  command->add_option("DIR", arguments->directory, "Model directory, as qkv train or transformers' save_pretrained wrote it");
  command->add_option(with_letter("--model"), arguments->directory, "The directory, as other commands name it")->type_name("DIR");
  command->add_flag("--json", arguments->json, "Print a JSON object");
  command->add_flag("--verify", arguments->verify, "Read every weight (finite?) and recompute the checksums of all checkpoints");
  command->footer("Exit code 1 and one line where a file is damaged. Example: qkv inspect my-model --verify");
  command->callback([arguments] {
    QKV_REQUIRE(!arguments->directory.empty(), "name a directory: qkv inspect DIR");
    ProgressLine line;
    line.begin((arguments->verify ? "reading all of " : "reading ") + arguments->directory);
    const ordered_json description = to_json(inspect_directory(arguments->directory, {.verify = arguments->verify}));
    line.clear();
    if (arguments->json) {
      print("{}\n", description.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    } else {
      print_description(description, arguments->verify);
    }
  });
}

}  // namespace qkv
