#include "train/process_agreement.h"

#include <vector>

#include "base/files.h"
#include "base/option_error.h"
#include "base/split.h"
#include "base/text_source.h"
#include "data/block_hash.h"
#include "qkv/version.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

constexpr int64_t kSlices = 16;

int64_t recorded_slices(const TrainingState& state) {
  const auto found = state.options.find("slices");
  return found == state.options.end() ? 1 : std::stoll(found->second);
}

// A line "name<tab>value" for each thing that must be equal.
std::string facts(const TrainingState& state, const std::string& checkpoint) {
  std::string text = fmt::format("version of qkv\t{}\n", QKV_VERSION);
  std::error_code error;
  if (const auto program = std::filesystem::read_symlink("/proc/self/exe", error); !error) {
    const MappedFile file(program);
    text += fmt::format("program\tbuild {:016x}\n", hash_file(file, file.size()));
  }
  text += fmt::format("instruction set\t{}\n", state.isa);
  for (const auto& [name, value] : state.options) text += fmt::format("option --{}\t{}\n", name, escape(value));
  for (const auto& [name, value] : state.inputs) text += fmt::format("{}\tcontent {}\n", name, value);
  return text + fmt::format("checkpoint\t{}\n", checkpoint.empty() ? "none" : fmt::format("content {:016x}", hash_block(checkpoint)));
}

// The part of a message that says how to remove a difference.
const char* remedy(const std::string& name) {
  if (name == "instruction set") return "choose hosts of one kind, or set QKV_ISA to the lesser one for all";
  if (name == "version of qkv" || name == "program") return "run the same program on all hosts";
  if (name.starts_with("option")) return "give all processes the same options";
  if (name == "checkpoint") return "all hosts must see the same `--output`";
  return "all hosts must see the same files";
}

}  // namespace

void choose_slices(TrainOptions& options, const std::optional<TrainingState>& before, const ProcessGroup& group) {
  if (options.slices == 0) options.slices = before ? recorded_slices(*before) : group.launched() ? kSlices : 1;
  if (options.slices % group.size() == 0) return;
  if (before && options.slices == 1) {
    fail_option(
        ErrorCode::invalid_argument,
        "this training began without slices, which several processes divide among them; give `slices` {} to go on with {} processes, "
        "with weights that differ in their last bits from here on",
        kSlices, group.size());
  }
  std::string possible;
  for (int64_t count = 1; count <= options.slices; count *= 2) possible += (count == 1 ? "" : ", ") + std::to_string(count);
  fail_option(ErrorCode::invalid_argument, "{} processes do not divide the {} slices of an update (`slices`); possible: {}", group.size(),
              options.slices, possible);
}

void check_shared_texts(const TrainOptions& options, const ProcessGroup& group) {
  if (group.size() == 1) return;
  for (const TrainOption& option : train_option_table()) {
    if (!option.several) continue;
    for (const std::string& path : split(option.get(options), kBetweenFiles)) {
      if (path.empty() || !is_read_once(path)) continue;
      fail_option(ErrorCode::invalid_argument, "`{}` {}: only one of {} processes could read a pipe; write the text to a file",
                  option.field, path, group.size());
    }
  }
}

void check_agreement(ProcessGroup& group, const TrainingState& state, const std::string& checkpoint) {
  if (group.size() == 1) return;
  const std::vector<std::string> all = group.gather(facts(state, checkpoint));
  const std::vector<std::string> expected = split(all.front(), '\n');
  for (size_t process = 1; process < all.size(); ++process) {
    if (all[process] == all.front()) continue;
    const std::vector<std::string> found = split(all[process], '\n');
    for (size_t i = 0; i < std::min(expected.size(), found.size()); ++i) {
      if (found[i] == expected[i]) continue;
      const std::string name = expected[i].substr(0, expected[i].find('\t'));
      const auto value = [](const std::string& line) { return line.substr(line.find('\t') + 1); };
      const auto rank = static_cast<int>(process);
      fail(ErrorCode::bad_input, "the {} is not the same in all processes: {} in {}, {} in {}; {}", name, value(expected[i]), group.name(0),
           value(found[i]), group.name(rank), remedy(name));
    }
    fail(ErrorCode::bad_input, "{} has other options than {}", group.name(static_cast<int>(process)), group.name(0));
  }
}

}  // namespace qkv
