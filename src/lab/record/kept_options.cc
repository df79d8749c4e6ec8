#include "lab/record/kept_options.h"

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"

namespace qkv::lab {
namespace {

struct KeptPath {
  const char* name;
  std::filesystem::path Data::*path;
};
constexpr KeptPath kPaths[] = {{"translation_source", &Data::translation_source},
                               {"translation_target", &Data::translation_target},
                               {"text", &Data::text},
                               {"classification_train", &Data::classification_train},
                               {"classification_test", &Data::classification_test}};

std::filesystem::path file_in(const std::filesystem::path& directory) { return directory / "run.json"; }

}  // namespace

void keep_options(const RunOptions& options) {
  nlohmann::ordered_json json{{"experiments", options.experiments}, {"effort", options.effort}, {"seeds", options.seeds}};
  for (const auto& [name, path] : kPaths) {
    if (const auto& file = options.data.*path; !file.empty()) json[name] = std::filesystem::absolute(file).string();
  }
  std::filesystem::create_directories(options.output);
  write_file_atomically(file_in(options.output), json.dump(1) + "\n");
}

RunOptions kept_options(const std::filesystem::path& directory) {
  const std::filesystem::path file = file_in(directory);
  if (!std::filesystem::exists(file)) {
    fail(ErrorCode::bad_input, "{} does not exist; only a record that qkv lab run began can go on", file.string());
  }
  RunOptions options;
  options.output = directory;
  try {
    const auto json = nlohmann::json::parse(read_file(file));
    options.experiments = json.at("experiments").get<std::vector<std::string>>();
    options.effort = json.at("effort").get<double>();
    options.seeds = json.at("seeds").get<int>();
    for (const auto& [name, path] : kPaths) options.data.*path = json.value(name, "");
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::bad_input, "{} is no list of options of qkv lab run; give them again, without --resume", file.string());
  }
  if (!(options.effort >= 0.001 && options.effort <= 100) || options.seeds < 0 || options.seeds > 1000) {
    fail(ErrorCode::bad_input, "{} has an effort or a number of seeds that qkv lab run does not take", file.string());
  }
  return options;
}

}  // namespace qkv::lab
