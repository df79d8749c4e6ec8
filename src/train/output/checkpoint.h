// Checkpoints that survive a kill at any moment and a bit that flipped.
//
// A checkpoint is a directory step-N: safetensors files, state.json, and checksums.json with the size and CRC-32Cs of each of them. It is
// written as .step-N.tmp, synced and renamed; then the file `latest`, which holds the name of the newest one, is replaced atomically.
#pragma once

#include <cstdint>
#include <filesystem>
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

// Writes `directory`/step-N and points `latest` to it, then removes all but the `keep` newest checkpoints. Where it fails (a full disk),
// the earlier checkpoints and the pointer are as before and nothing temporary is left.
void save_checkpoint(const std::filesystem::path& directory, int64_t step, const std::string& state, std::span<const CheckpointPart> parts,
                     int64_t keep);

// The checkpoint that `latest` names; where there is no such directory, the newest one; nothing where there is none. Finishes or undoes
// what a kill left half-done.
std::optional<std::filesystem::path> find_checkpoint(const std::filesystem::path& directory);

// Recomputes all checksums. Throws Error(bad_input) with one line that names the damaged file, the place in it and how to go on.
void verify_checkpoint(const std::filesystem::path& checkpoint);

// state.json; and the values of all parts, into the memory that their tensors have. Neither verifies checksums.
std::string read_checkpoint_state(const std::filesystem::path& checkpoint);
void load_checkpoint(const std::filesystem::path& checkpoint, std::span<const CheckpointPart> parts);

}  // namespace qkv
