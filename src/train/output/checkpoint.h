// Checkpoints that survive a kill at any moment and detect flipped bits.
//
// A checkpoint is a directory step-N with safetensors files, state.json, and checksums.json, which has the size and CRC-32Cs of each file.
// It is written as .step-N.tmp, synced and renamed; then the file `latest`, which names the newest checkpoint, is replaced atomically.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace qkv {

// One safetensors file of a checkpoint.
struct CheckpointPart {
  std::string file;
  std::vector<std::pair<std::string, Tensor>> tensors;
};

// Writes `directory`/step-N, updates `latest`, then removes all but the `keep` newest checkpoints. On failure (for example a full disk),
// the earlier checkpoints and `latest` are unchanged and no temporary file remains.
void save_checkpoint(const std::filesystem::path& directory, int64_t step, const std::string& state, std::span<const CheckpointPart> parts,
                     int64_t keep, const std::function<void(const std::filesystem::path&)>& add = {});

// The checkpoint that `latest` names, or the newest one if that is missing; nullopt if there is none. Completes or reverts the operations
// that a kill interrupted.
std::optional<std::filesystem::path> find_checkpoint(const std::filesystem::path& directory);

// Recomputes all checksums. Throws Error(bad_input) with one line: the damaged file, the position in it, and how to continue.
void verify_checkpoint(const std::filesystem::path& checkpoint);

// Reads state.json, or the values of all parts into their existing tensors. Neither verifies checksums.
std::string read_checkpoint_state(const std::filesystem::path& checkpoint);
void load_checkpoint(const std::filesystem::path& checkpoint, std::span<const CheckpointPart> parts);

}  // namespace qkv
