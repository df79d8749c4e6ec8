#include "train/output/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "io/safetensors.h"
#include "train/output/checksum.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
constexpr const char* kState = "state.json";
constexpr const char* kChecksums = "checksums.json";
constexpr const char* kLatest = "latest";

// Returns N for "step-N", otherwise -1.
int64_t step_of(const std::string& name) {
  constexpr std::string_view prefix = "step-";
  int64_t step = -1;
  if (!name.starts_with(prefix)) return -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, step);
  return error == std::errc() && stop == end ? step : -1;
}

std::string name_of_step(int64_t step) { return fmt::format("step-{}", step); }

void rename_synced(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail(ErrorCode::io, "cannot rename {} to {}: {}", from.string(), to.string(), error.message());
  sync_directory(to.parent_path());
}

void remove_quietly(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// Steps of the checkpoints in a directory, newest first.
std::vector<int64_t> steps_in(const fs::path& directory) {
  std::vector<int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (const int64_t step = step_of(entry->path().filename().string()); step >= 0) steps.push_back(step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

// The text of checksums.json for the files of a checkpoint. Equal files give equal text, so a comparison detects damage.
std::string checksums_text(const fs::path& checkpoint) {
  nlohmann::json files = nlohmann::json::object();
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoint)) {
    const std::string name = entry.path().filename().string();
    if (name == kChecksums) continue;
    const FileChecksum sum = checksum_file(entry.path());
    nlohmann::json chunks = nlohmann::json::array();
    for (const uint32_t chunk : sum.chunks) chunks.push_back(fmt::format("{:08x}", chunk));
    files[name] = {{"bytes", sum.bytes}, {"crc32c", std::move(chunks)}};
  }
  return nlohmann::json{{"chunk_bytes", FileChecksum::kChunk}, {"files", std::move(files)}}.dump(1) + "\n";
}

// Advice for a damaged checkpoint.
std::string way_on(const fs::path& checkpoint) {
  const int64_t own = step_of(checkpoint.filename().string());
  for (const int64_t step : steps_in(checkpoint.parent_path())) {
    if (step != own) return fmt::format("delete {} to resume from {}", checkpoint.string(), name_of_step(step));
  }
  return fmt::format("delete {} to start from the beginning", checkpoint.string());
}

[[noreturn]] void fail_damaged(const fs::path& checkpoint, const std::string& file, const std::string& what) {
  fail(ErrorCode::bad_input, "{} is damaged: {}; {}", (checkpoint / file).string(), what, way_on(checkpoint));
}

// Reports the first difference between the recorded and the actual checksums.
[[noreturn]] void report_damage(const fs::path& checkpoint, const std::string& recorded, const std::string& actual) {
  const auto said = nlohmann::json::parse(recorded, nullptr, false);
  const auto found = nlohmann::json::parse(actual);
  if (!said.is_object() || !said.contains("files") || !said["files"].is_object())
    fail_damaged(checkpoint, kChecksums, "it is not what qkv wrote");
  for (const auto& [name, entry] : said["files"].items()) {
    if (!found["files"].contains(name)) fail_damaged(checkpoint, name, "it is missing");
    const auto& now = found["files"][name];
    if (entry == now) continue;
    if (!entry.is_object() || !entry.contains("crc32c") || !entry["crc32c"].is_array())
      fail_damaged(checkpoint, kChecksums, "it is not what qkv wrote");
    if (entry.value("bytes", nlohmann::json()) != now["bytes"]) {
      fail_damaged(checkpoint, name,
                   fmt::format("it has {} bytes instead of {}", now["bytes"].dump(), entry.value("bytes", nlohmann::json()).dump()));
    }
    for (size_t i = 0; i < std::min(entry["crc32c"].size(), now["crc32c"].size()); ++i) {
      if (entry["crc32c"][i] == now["crc32c"][i]) continue;
      const int64_t begin = static_cast<int64_t>(i) * FileChecksum::kChunk,
                    end = std::min(begin + FileChecksum::kChunk, now["bytes"].get<int64_t>());
      fail_damaged(checkpoint, name, fmt::format("the checksum of bytes {} to {} is wrong", begin, end - 1));
    }
  }
  fail_damaged(checkpoint, kChecksums, "it is not what qkv wrote");
}

// Renames before removing, so that a kill at any time never leaves a partial checkpoint under its name.
void remove_checkpoint(const fs::path& directory, int64_t step) {
  const fs::path leaving = directory / fmt::format(".{}.removed", name_of_step(step));
  remove_quietly(leaving);
  std::error_code error;
  fs::rename(directory / name_of_step(step), leaving, error);
  if (!error) remove_quietly(leaving);
}

void write_parts(const fs::path& temporary, const std::string& state, std::span<const CheckpointPart> parts,
                 const std::function<void(const fs::path&)>& add) {
  for (const CheckpointPart& part : parts) write_safetensors(temporary / part.file, part.tensors);
  if (add) add(temporary);
  write_file_atomically(temporary / kState, state);
  write_file_atomically(temporary / kChecksums, checksums_text(temporary));
  sync_directory(temporary);
}

}  // namespace

void save_checkpoint(const fs::path& directory, int64_t step, const std::string& state, std::span<const CheckpointPart> parts, int64_t keep,
                     const std::function<void(const fs::path&)>& add) {
  const fs::path target = directory / name_of_step(step);
  const fs::path temporary = directory / fmt::format(".{}.tmp", name_of_step(step));
  const fs::path replaced = directory / fmt::format(".{}.replaced", name_of_step(step));
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail(ErrorCode::io, "cannot make {}: {}", directory.string(), error.message());
  remove_quietly(temporary);
  fs::create_directory(temporary, error);
  if (error) fail(ErrorCode::io, "cannot make {}: {}", temporary.string(), error.message());
  try {
    write_parts(temporary, state, parts, add);
    if (fs::exists(target)) rename_synced(target, replaced);  // after a kill here, find_checkpoint moves it back
    rename_synced(temporary, target);
    write_file_atomically(directory / kLatest, name_of_step(step) + "\n");
    sync_directory(directory);
  } catch (...) {
    remove_quietly(temporary);
    throw;
  }
  remove_quietly(replaced);
  const std::vector<int64_t> steps = steps_in(directory);
  for (size_t i = static_cast<size_t>(std::max<int64_t>(keep, 1)); i < steps.size(); ++i) {
    if (steps[i] != step) remove_checkpoint(directory, steps[i]);
  }
}

std::optional<fs::path> find_checkpoint(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> left_over;
  // A directory that cannot be listed is an error; treating it as empty would restart the training.
  if (fs::directory_iterator(directory, error); error && error != std::errc::no_such_file_or_directory) {
    fail(ErrorCode::io, "cannot list {}: {}", directory.string(), error.message());
  }
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().starts_with(".step-") || entry->path().filename().string().find(".tmp-") != std::string::npos) {
      left_over.push_back(entry->path());
    }
  }
  for (const fs::path& path : left_over) {
    const std::string stem = path.stem().string().substr(1);  // ".step-N.replaced" -> "step-N"
    if (path.extension() == ".replaced" && step_of(stem) >= 0 && !fs::exists(directory / stem)) {
      rename_synced(path, directory / stem);
    } else {
      remove_quietly(path);
    }
  }
  if (fs::exists(directory / kLatest, error)) {
    std::string name = read_file(directory / kLatest);
    while (!name.empty() && name.back() == '\n') name.pop_back();
    if (step_of(name) >= 0 && fs::is_directory(directory / name, error)) return directory / name;
  }
  const std::vector<int64_t> steps = steps_in(directory);
  if (steps.empty()) return std::nullopt;
  return directory / name_of_step(steps.front());
}

void verify_checkpoint(const fs::path& checkpoint) {
  if (!fs::exists(checkpoint / kChecksums)) fail_damaged(checkpoint, kChecksums, "it is missing");
  const std::string recorded = read_file(checkpoint / kChecksums);
  const std::string actual = checksums_text(checkpoint);
  if (recorded != actual) report_damage(checkpoint, recorded, actual);
}

std::string read_checkpoint_state(const fs::path& checkpoint) { return read_file(checkpoint / kState); }

void load_checkpoint(const fs::path& checkpoint, std::span<const CheckpointPart> parts) {
  for (const CheckpointPart& part : parts) {
    const TensorFile reader = open_safetensors(checkpoint / part.file);
    for (const auto& [name, tensor] : part.tensors) {
      reader.read(name, tensor);
      tensor.touch();
    }
  }
}

}  // namespace qkv
