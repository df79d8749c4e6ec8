#include "io/weight_files.h"

#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "formats/json_file.h"
#include "io/pytorch_file.h"
#include "io/safetensors.h"

namespace qkv {
namespace {

// The names of transformers' files, the best first: a whole file, and the index of shards.
struct Format {
  const char *whole, *index;
  OpenTensorFile open;
};
constexpr Format kFormats[] = {
    {"model.safetensors", "model.safetensors.index.json", open_safetensors},
    {"pytorch_model.bin", "pytorch_model.bin.index.json", open_pytorch},
};

[[noreturn]] void fail_without_weights(const std::filesystem::path& directory) {
  for (const char* other : {"tf_model.h5", "flax_model.msgpack"}) {
    if (!is_there(directory / other)) continue;
    fail(ErrorCode::unsupported, "{} has {} but no {}; open it with transformers and save it again with save_pretrained",
         directory.string(), other, kFormats[0].whole);
  }
  fail(ErrorCode::io, "{} has no {}; name the directory of a trained model", directory.string(), kFormats[0].whole);
}

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

WeightFiles::WeightFiles(const std::filesystem::path& directory) {
  for (const Format& format : kFormats) {
    if (path_ = directory / format.whole; is_there(path_)) {
      add_all(format.open(path_));
      return;
    }
    if (path_ = directory / format.index; is_there(path_)) {
      open_shards(directory, format.open);
      return;
    }
  }
  fail_without_weights(directory);
}

WeightFiles::WeightFiles(TensorFile file) : path_(file.path()) { add_all(std::move(file)); }

void WeightFiles::add_all(TensorFile file) {
  files_.push_back(std::make_unique<TensorFile>(std::move(file)));
  for (const auto& [name, entry] : files_.back()->entries()) weights_[name] = {files_.back().get(), &entry};
}

void WeightFiles::open_shards(const std::filesystem::path& directory, OpenTensorFile open) {
  const nlohmann::json index = read_json_object(path_);
  const auto weight_map = index.find("weight_map");
  if (weight_map == index.end() || !weight_map->is_object())
    fail(ErrorCode::bad_input, "{}: there is no object \"weight_map\"", path_.string());
  std::map<std::string, const TensorFile*> opened;
  for (const auto& [name, file] : weight_map->items()) {
    if (!file.is_string() || !is_plain_file_name(file.get<std::string>())) {
      fail(ErrorCode::bad_input, "{}: weight_map gives no file of this directory for \"{}\"", path_.string(), shortened(name));
    }
    const TensorFile*& shard = opened[file.get<std::string>()];
    if (!shard) {
      files_.push_back(std::make_unique<TensorFile>(open(directory / file.get<std::string>())));
      shard = files_.back().get();
    }
    const auto found = shard->entries().find(name);
    if (found == shard->entries().end()) {
      fail(ErrorCode::bad_input, "{} has no tensor \"{}\", which {} says is there", shard->path().string(), shortened(name),
           path_.filename().string());
    }
    weights_[name] = {shard, &found->second};
  }
}

std::vector<std::filesystem::path> WeightFiles::files() const {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : files_) paths.push_back(file->path());
  return paths;
}

int64_t WeightFiles::values() const {
  int64_t sum = 0;
  for (const auto& [name, weight] : weights_) sum += count_values(weight.entry->shape);
  return sum;
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
