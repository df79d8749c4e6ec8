#include "io/weight_files.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "formats/json_file.h"

namespace qkv {
namespace {

constexpr const char* kWhole = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

[[noreturn]] void fail_without_weights(const std::filesystem::path& directory) {
  for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"}) {
    if (!is_there(directory / other)) continue;
    fail(ErrorCode::unsupported, "{} has {} but no {}; open it with transformers and save it again with save_pretrained",
         directory.string(), other, kWhole);
  }
  fail(ErrorCode::io, "{} has no {}; name the directory of a trained model", directory.string(), kWhole);
}

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

WeightFiles::WeightFiles(const std::filesystem::path& directory) : path_(directory / kWhole) {
  if (is_there(path_)) {
    files_.push_back(path_);
    readers_.push_back(std::make_unique<SafetensorsReader>(path_));
    for (const auto& [name, entry] : readers_[0]->entries()) weights_[name] = {readers_[0].get(), &entry};
    return;
  }
  path_ = directory / kIndex;
  if (!is_there(path_)) fail_without_weights(directory);
  open_parts(directory);
}

void WeightFiles::open_parts(const std::filesystem::path& directory) {
  const nlohmann::json index = read_json_object(path_);
  const auto weight_map = index.find("weight_map");
  if (weight_map == index.end() || !weight_map->is_object())
    fail(ErrorCode::bad_input, "{}: there is no object \"weight_map\"", path_.string());
  std::map<std::string, const SafetensorsReader*> opened;
  for (const auto& [name, file] : weight_map->items()) {
    if (!file.is_string() || !is_plain_file_name(file.get<std::string>())) {
      fail(ErrorCode::bad_input, "{}: weight_map gives no file of this directory for \"{}\"", path_.string(), shortened(name));
    }
    const std::filesystem::path part = directory / file.get<std::string>();
    const SafetensorsReader*& reader = opened[file.get<std::string>()];
    if (!reader) {
      readers_.push_back(std::make_unique<SafetensorsReader>(part));
      files_.push_back(part);
      reader = readers_.back().get();
    }
    const auto found = reader->entries().find(name);
    if (found == reader->entries().end()) {
      fail(ErrorCode::bad_input, "{} has no tensor \"{}\", which {} says is there", part.string(), shortened(name), kIndex);
    }
    weights_[name] = {reader, &found->second};
  }
}

const WeightFiles::Weight* WeightFiles::find(const std::string& name) const {
  const auto found = weights_.find(name);
  return found == weights_.end() ? nullptr : &found->second;
}

void WeightFiles::read(const std::string& name, const Tensor& out) const {
  const Weight* weight = find(name);
  if (!weight) fail(ErrorCode::bad_input, "{} has no tensor \"{}\"", path_.string(), name);
  Shape with_one = out.shape();
  with_one.insert(with_one.begin(), 1);
  if (weight->entry->shape != with_one) return weight->file->read(name, out);
  const Tensor row = Tensor::empty(with_one, out.dtype(), out.device());
  weight->file->read(name, row);
  out.copy_from(row.reshaped(out.shape()));
}

}  // namespace qkv
