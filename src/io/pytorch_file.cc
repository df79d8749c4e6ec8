// The formats are those of torch/serialization.py; the calls in the pickle are those of torch/_utils.py.
#include "io/pytorch_file.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/foreign_file.h"
#include "formats/pickle.h"
#include "formats/zip_archive.h"

namespace qkv {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kLongestPickle = size_t{32} << 20;  // 100,000 tensors take a quarter of it
constexpr int64_t kMostSharing = 16;
constexpr size_t kMostDimensions = 64;  // PyTorch's own limit

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor", kRebuildTensor2 = "torch._utils._rebuild_tensor_v2",
                           kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kGlobals[] = {
    kRebuildTensor2,         kRebuildParameter,     kRebuildTensor,      "torch.FloatStorage", "torch.HalfStorage",
    "torch.BFloat16Storage", "torch.DoubleStorage", "torch.LongStorage", "torch.IntStorage",   "torch.ShortStorage",
    "torch.CharStorage",     "torch.ByteStorage",   "torch.BoolStorage",
};

struct ElementType {
  std::string_view storage, dtype;
  int64_t bytes;
};
constexpr ElementType kElementTypes[] = {
    {"torch.FloatStorage", "F32", 4},  {"torch.HalfStorage", "F16", 2}, {"torch.BFloat16Storage", "BF16", 2},
    {"torch.DoubleStorage", "F64", 8}, {"torch.LongStorage", "I64", 8}, {"torch.IntStorage", "I32", 4},
    {"torch.ShortStorage", "I16", 2},  {"torch.CharStorage", "I8", 1},  {"torch.ByteStorage", "U8", 1},
    {"torch.BoolStorage", "BOOL", 1},
};

struct Storage {
  const ElementType* type = nullptr;
  int64_t count = 0;
  std::string_view bytes;
};

// Makes entries of the tensors in an unpickled state_dict.
class StateDict {
 public:
  // find_storage: the bytes of a storage by its key.
  using FindStorage = std::function<std::string_view(const std::string& key, int64_t bytes)>;
  StateDict(std::string file, FindStorage find_storage) : file_(std::move(file)), find_storage_(std::move(find_storage)) {}

  TensorFile::Entries read(const PickleValue& root, size_t file_size) {
    if (root.kind != Kind::dictionary) bad(fmt::format("it holds {}, not a dictionary of tensors", name_of(root.kind)));
    TensorFile::Entries entries;
    int64_t sum = 0;
    for (size_t i = 0; i < root.items.size(); i += 2) {
      const PickleValue& key = *root.items[i];
      if (key.kind != Kind::text) bad(fmt::format("a key of its dictionary is {}, not the name of a tensor", name_of(key.kind)));
      name_ = std::string(key.text);
      const StoredTensor tensor = read_tensor(*root.items[i + 1], true);
      const auto limit = static_cast<int64_t>(file_size) * kMostSharing;
      if (__builtin_add_overflow(sum, tensor.bytes, &sum) || sum > limit) {
        bad(fmt::format("its tensors together have more than {} times the bytes of the file", kMostSharing));
      }
      if (!entries.emplace(name_, tensor).second) bad(fmt::format("it has the tensor \"{}\" twice", shortened(name_, 100)));
    }
    return entries;
  }

 private:
  [[noreturn]] void bad(const std::string& what) const { fail(ErrorCode::bad_input, "{}: {}", file_, what); }
  [[noreturn]] void bad_tensor(std::string_view what) const { bad(fmt::format("tensor \"{}\" {}", shortened(name_, 100), what)); }

  int64_t integer(const PickleValue& value) const {
    if (value.kind != Kind::integer || value.integer < 0) bad_tensor("has a size, stride or offset that is no count");
    return value.integer;
  }
  Shape integers(const PickleValue& value) const {
    if (value.kind != Kind::tuple && value.kind != Kind::list) bad_tensor("has sizes or strides that are no tuple");
    if (value.items.size() > kMostDimensions) bad_tensor(fmt::format("has {} dimensions", value.items.size()));
    Shape numbers;
    for (const PickleValue* item : value.items) numbers.push_back(integer(*item));
    return numbers;
  }

  // A call of _rebuild_tensor_v2(storage, offset, sizes, strides, …), or of _rebuild_parameter(tensor, …).
  StoredTensor read_tensor(const PickleValue& value, bool may_be_parameter) {
    if (value.kind != Kind::call) bad_tensor(fmt::format("is {}; only dictionaries from names to tensors are read", name_of(value.kind)));
    const std::string_view function = value.items[0]->text;
    const std::vector<const PickleValue*>& arguments = value.items[1]->items;
    if (function == kRebuildParameter && may_be_parameter && !arguments.empty()) return read_tensor(*arguments[0], false);
    if ((function != kRebuildTensor && function != kRebuildTensor2) || arguments.size() < 4) {
      bad_tensor(fmt::format("is made by {} with {} arguments", function, arguments.size()));
    }
    return view(storage(*arguments[0]), integer(*arguments[1]), integers(*arguments[2]), integers(*arguments[3]));
  }

  // ("storage", type, key, device, number of values), and in old files None or the view of another storage.
  Storage storage(const PickleValue& value) {
    if (value.kind != Kind::persistent) bad_tensor("has no storage");
    const PickleValue& id = *value.items[0];
    const bool known = id.kind == Kind::tuple && id.items.size() >= 5 && id.items[0]->text == "storage" &&
                       id.items[1]->kind == Kind::global && id.items[2]->kind == Kind::text;
    if (!known) bad_tensor("has a storage that is not described as torch.save does it");
    if (id.items.size() > 5 && id.items[5]->kind != Kind::none) bad_tensor("has a storage that is a view of another one");
    const auto type = std::find_if(std::begin(kElementTypes), std::end(kElementTypes),
                                   [&](const ElementType& each) { return each.storage == id.items[1]->text; });
    if (type == std::end(kElementTypes)) bad_tensor("has a storage of an unknown type");
    Storage found{type, integer(*id.items[4]), {}};
    int64_t bytes = 0;
    if (__builtin_mul_overflow(found.count, type->bytes, &bytes)) bad_tensor("has a storage of more bytes than can be counted");
    found.bytes = find_storage_(std::string(id.items[2]->text), bytes);
    if (static_cast<int64_t>(found.bytes.size()) != bytes) {
      bad_tensor(
          fmt::format("has a storage of {} bytes, but the file holds {}; the file is damaged or was cut", bytes, found.bytes.size()));
    }
    return found;
  }

  StoredTensor view(const Storage& storage, int64_t offset, Shape shape, Shape strides) const {
    if (shape.size() != strides.size()) bad_tensor("has another number of strides than of sizes");
    const int64_t count = count_values(shape);
    if (count < 0) bad_tensor(fmt::format("is {}, more than can be counted", shortened(to_string(shape))));
    int64_t last = offset;
    bool fits = true;
    for (size_t i = 0; i < shape.size() && count > 0; ++i) {
      int64_t reach = 0;
      fits = fits && !__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) && !__builtin_add_overflow(last, reach, &last);
    }
    if (count > 0 ? !fits || last >= storage.count : offset > storage.count) {
      bad_tensor(fmt::format("is {} with strides {} from value {} on, its storage has {} values; the file is damaged",
                             shortened(to_string(shape)), shortened(to_string(strides)), offset, storage.count));
    }
    if (count > storage.count) bad_tensor(fmt::format("is {}, more than the {} values of its storage", to_string(shape), storage.count));
    StoredTensor tensor;
    tensor.dtype = storage.type->dtype;
    tensor.shape = std::move(shape);
    if (!is_contiguous(tensor.shape, strides)) tensor.strides = std::move(strides);
    tensor.data = storage.bytes.data() + offset * storage.type->bytes;
    tensor.bytes = (count > 0 ? last + 1 - offset : 0) * storage.type->bytes;
    return tensor;
  }

  static bool is_contiguous(const Shape& shape, const Shape& strides) {
    int64_t expected = 1;
    for (size_t i = shape.size(); i > 0; --i) {
      if (shape[i - 1] == 0) return true;
      if (shape[i - 1] != 1 && strides[i - 1] != expected) return false;
      expected *= shape[i - 1];
    }
    return true;
  }

  std::string file_;
  FindStorage find_storage_;
  std::string name_;  // of the tensor that is being read
};

[[noreturn]] void fail_big_endian(const std::string& file) {
  fail(ErrorCode::unsupported, "{}: its numbers are in big-endian order", file);
}

// PREFIX/data.pkl, PREFIX/data/KEY, PREFIX/byteorder; the prefix is the name that the file was written under.
TensorFile open_zip(const std::filesystem::path& path, MappedFile mapping) {
  const std::string file = path.string();
  const ZipArchive archive(mapping.text(), file);
  constexpr std::string_view kPickle = "data.pkl";
  const auto pickle = std::find_if(archive.members().begin(), archive.members().end(), [&](const auto& member) {
    return member.first == kPickle ||
           (member.first.ends_with(kPickle) && member.first.find('/') == member.first.size() - kPickle.size() - 1);
  });
  if (pickle == archive.members().end()) {
    fail(ErrorCode::bad_input, "{}: the zip archive has no data.pkl, so torch.save did not write it", file);
  }
  const std::string prefix = pickle->first.substr(0, pickle->first.size() - kPickle.size());
  const auto content = [&](const std::string& name) -> std::optional<std::string_view> {
    const auto found = archive.members().find(prefix + name);
    if (found == archive.members().end()) return std::nullopt;
    if (!found->second.stored) {
      fail(ErrorCode::unsupported, "{}: \"{}\" in the zip archive is compressed, which torch.save never does", file, found->first);
    }
    return found->second.packed;
  };
  if (const auto order = content("byteorder"); order && *order != "little") fail_big_endian(file);
  const std::string_view program = *content(std::string(kPickle));
  if (program.size() > kLongestPickle) {
    fail(ErrorCode::bad_input, "{}: its data.pkl has {} bytes, too many for a list of tensors", file, program.size());
  }
  PickleReader reader(program, file, kGlobals);
  StateDict state(file, [&](const std::string& key, int64_t) {
    const auto bytes = content("data/" + key);
    if (!bytes) fail(ErrorCode::bad_input, "{}: the zip archive lacks the storage \"{}\"; the file is damaged", file, shortened(key, 60));
    return *bytes;
  });
  TensorFile::Entries entries = state.read(reader.read(), mapping.size());
  return TensorFile(path, std::move(mapping), std::move(entries));
}

// Before PyTorch 1.6: five pickles (a number that marks the format, its version, sizes of integers, the state_dict, the storages' keys),
// then each storage as a count of values and the values.
TensorFile open_row_of_pickles(const std::filesystem::path& path, MappedFile mapping) {
  const std::string file = path.string();
  const std::string_view bytes = mapping.text();
  PickleReader reader(bytes.substr(0, kLongestPickle), file, kGlobals);
  constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c
  constexpr int64_t kVersion = 1001;
  if (reader.read().text != kMagic || reader.read().integer != kVersion) {
    fail(ErrorCode::bad_input, "{} is a pickle, but none of torch.save", file);
  }
  const std::vector<const PickleValue*>& system = reader.read().items;
  for (size_t i = 0; i + 1 < system.size(); i += 2) {
    if (system[i]->text == "little_endian" && system[i + 1]->integer == 0) fail_big_endian(file);
  }
  const PickleValue& root = reader.read();
  const PickleValue& keys = reader.read();
  if (keys.kind != Kind::list) fail(ErrorCode::bad_input, "{}: its list of storages is missing; the file is damaged", file);

  // A storage's size follows from its type, which the state_dict says, so the storages are found in their order.
  std::map<std::string, int64_t> sizes;
  const StateDict::FindStorage note_size = [&](const std::string& key, int64_t size) {
    if (const auto [place, added] = sizes.emplace(key, size); !added && place->second != size) {
      fail(ErrorCode::bad_input, "{}: the storage \"{}\" has two sizes; the file is damaged", file, shortened(key, 60));
    }
    // Any bytes of that size, if the file has as many.
    return bytes.substr(0, static_cast<size_t>(std::min<int64_t>(size, std::ssize(bytes))));
  };
  StateDict(file, note_size).read(root, bytes.size());
  std::map<std::string, std::string_view> storages;
  size_t at = reader.position();
  for (const PickleValue* key : keys.items) {
    const auto known = sizes.find(std::string(key->text));
    if (known == sizes.end())
      fail(ErrorCode::bad_input, "{}: no tensor uses the storage \"{}\"", file, shortened(std::string(key->text), 60));
    constexpr size_t kCount = 8;
    const auto size = static_cast<size_t>(known->second);
    if (bytes.size() - at < kCount || bytes.size() - at - kCount < size) {
      fail(ErrorCode::bad_input, "{}: it ends within the values of its tensors; it was cut or not wholly copied", file);
    }
    storages[known->first] = bytes.substr(at + kCount, size);
    at += kCount + size;
  }
  StateDict state(file, [&](const std::string& key, int64_t) {
    const auto found = storages.find(key);
    if (found == storages.end()) fail(ErrorCode::bad_input, "{}: the storage \"{}\" is missing", file, shortened(key, 60));
    return found->second;
  });
  TensorFile::Entries entries = state.read(root, bytes.size());
  return TensorFile(path, std::move(mapping), std::move(entries));
}

bool is_zip(std::string_view content) { return content.starts_with("PK\x03\x04"); }

}  // namespace

bool is_pytorch(std::string_view content) { return is_zip(content) || content.starts_with('\x80'); }

TensorFile open_pytorch(const std::filesystem::path& path) {
  MappedFile mapping(path);
  if (is_zip(mapping.text())) return open_zip(path, std::move(mapping));
  if (is_pytorch(mapping.text())) return open_row_of_pickles(path, std::move(mapping));
  const std::string_view kind = foreign_file(mapping.text().substr(0, 512));
  fail(ErrorCode::bad_input, "{} is no file of torch.save{}", path.string(), kind.empty() ? "" : fmt::format(" but {}", kind));
}

}  // namespace qkv
