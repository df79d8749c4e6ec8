#include "models/gguf/gguf_files.h"

#include <utility>

#include "io/gguf_file.h"
#include "models/gguf/gguf_model.h"

namespace qkv {
namespace {

struct Opened {
  MappedFile mapping;
  GgufModel model;
};

Opened open(const std::filesystem::path& file) {
  MappedFile mapping(file);
  const GgufMetadata metadata(mapping.text(), file.string());
  GgufModel model = describe_gguf(metadata, gguf_entries(metadata));
  return {std::move(mapping), std::move(model)};
}

}  // namespace

ModelFiles open_gguf_files(const std::filesystem::path& file) {
  Opened opened = open(file);
  const auto open_weights = [file] {
    Opened again = open(file);
    return WeightFiles(TensorFile(file, std::move(again.mapping), std::move(again.model.tensors)));
  };
  return {file.parent_path(), ConfigReader(file.string(), std::move(opened.model.config)),
          ConfigReader(file.string(), std::move(opened.model.generation)), open_weights, &opened.model.architecture->layout};
}

}  // namespace qkv
