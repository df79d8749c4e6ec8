// Files of torch.save that hold tensors: pytorch_model.bin.
#pragma once

#include <filesystem>
#include <string_view>

#include "io/tensor_file.h"

namespace qkv {

// Opens what torch.save(state_dict) wrote: a zip archive, or the pickles in a row of PyTorch before 1.6. Nothing of it is run: the pickle
// may have dictionaries and tensors (_rebuild_tensor_v2, _rebuild_parameter, storages) alone, and what else it names is refused by that
// name. Views (strides, offsets) and storages that several tensors share are checked against the storages' sizes. All tensors together
// have at most 16 times the bytes of the file.
TensorFile open_pytorch(const std::filesystem::path& path);

// Does a file begin as torch.save's do?
bool is_pytorch(std::string_view content);

}  // namespace qkv
