// Models in the files of Marian itself (Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in C++"), as OPUS-MT
// publishes them: the weights and model.yml in an .npz, and decoder.yml beside it.
#pragma once

#include "formats/marian_directory.h"
#include "models/model_files.h"

namespace qkv {

// The files as those of transformers' MarianMTModel: names, config.json and the added "<pad>" are those of transformers'
// convert_marian_to_pytorch.py. Throws Error(unsupported) that names a setting which MarianMTModel does not have.
ModelFiles open_marian(const MarianDirectory& directory);

}  // namespace qkv
