#include "io/pytorch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/temporary_directory.h"
#include "formats/zip_archive.h"
#include "io/test_tensor_file.h"
#include "io/weight_files.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

class PytorchFile : public testing::Test {
 protected:
  std::string message(const std::string& content) { return error_of(open_pytorch, path_, content); }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "pytorch_model.bin";
};

// The values are those of tools/golden/weight_files.py.
TEST_F(PytorchFile, ViewsSharedStoragesAndEveryTypeAreRead) {
  for (const char* name : {"zip.bin", "zip4.bin", "legacy.bin"}) {
    const TensorFile file = open_pytorch(kWeightFiles / name);
    EXPECT_THAT(values_of(file, "matrix"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)) << name;
    EXPECT_THAT(values_of(file, "transposed"), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
    EXPECT_EQ(file.entries().at("tied").data, file.entries().at("matrix").data);
    EXPECT_THAT(values_of(file, "row"), ElementsAre(4, 5, 6, 7));
    EXPECT_THAT(values_of(file, "every_second"), ElementsAre(1, 3, 5, 7, 9, 11));
    EXPECT_THAT(values_of(file, "parameter"), ElementsAre(7.5f, 7.5f, 7.5f, 7.5f));
    EXPECT_THAT(values_of(file, "scalar"), ElementsAre(-3));
    EXPECT_EQ(file.entries().at("empty").shape, (Shape{0, 5}));
    EXPECT_EQ(file.entries().at("permuted").shape, (Shape{4, 2, 3}));
    std::vector<float> permuted;
    for (int k = 0; k < 4; ++k) {
      for (int i = 0; i < 6; ++i) permuted.push_back(static_cast<float>(4 * i + k));
    }
    EXPECT_THAT(values_of(file, "permuted"), ElementsAreArray(permuted));
    for (const char* type : {"f64", "f16", "bf16", "i8", "u8", "i16", "i32", "i64"}) {
      EXPECT_THAT(values_of(file, type), ElementsAre(1, 2, 100)) << type;
    }
    EXPECT_THAT(values_of(file, "bool"), ElementsAre(0, 1, 1));
  }
}

TEST_F(PytorchFile, CallsAreRefusedByName) {
  EXPECT_THAT(message(read_file(kWeightFiles / "call.bin")), HasSubstr("its pickle asks Python for posix.system"));
  EXPECT_THAT(message(read_file(kWeightFiles / "nested.bin")),
              HasSubstr("tensor \"state_dict\" is a dictionary; only dictionaries from names"));
  std::string opcode = read_file(kWeightFiles / "legacy.bin");
  opcode.replace(opcode.find("ctorch._utils\n_rebuild_tensor_v2\n"), 1, "i");  // INST, which calls at once
  EXPECT_THAT(message(opcode), HasSubstr("the operation 0x69 is none of a pickle of tensors"));
}

TEST_F(PytorchFile, CutsAndFlippedBitsAreRefusedOrHarmless) {
  for (const char* name : {"zip.bin", "legacy.bin"}) {
    const std::string whole = read_file(kWeightFiles / name);
    ASSERT_EQ(message(whole), "");
    for (size_t size = 0; size + 22 < whole.size(); size += 61) EXPECT_NE(message(whole.substr(0, size)), "") << name << " " << size;
    for (size_t bit = 0; bit < 8 * whole.size(); bit += 47) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      message(flipped);
    }
  }
}

std::string integer(int64_t number) { return "\x8a\x08" + std::string(reinterpret_cast<const char*>(&number), 8); }
std::string integers(std::initializer_list<int64_t> numbers) {
  std::string text = "(";
  for (const int64_t number : numbers) text += integer(number);
  return text + "t";
}
std::string text(const std::string& content) { return std::string("U") + static_cast<char>(content.size()) + content; }

// A file of PyTorch before 1.6 with one storage of f32 and one view of it.
std::string file_with(int64_t offset, std::initializer_list<int64_t> shape, std::initializer_list<int64_t> strides,
                      int64_t storage_values = 4, int64_t written_values = 4) {
  const std::string start = "\x80\x02";
  const std::string storage = "(" + text("storage") + "ctorch\nFloatStorage\n" + text("k") + text("cpu") + integer(storage_values) + "NtQ";
  std::string file = start + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + start + "M\xe9\x03." + start + "}." + start + "}(";
  file += text("a") + "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(offset) + integers(shape) + integers(strides) + "\x89}tR";
  file += "u." + start + "](" + text("k") + "e.";
  file.append(reinterpret_cast<const char*>(&written_values), sizeof(written_values));
  return file.append(static_cast<size_t>(written_values) * sizeof(float), '\0');
}

TEST_F(PytorchFile, HostileShapesAreRefused) {
  const auto tensor = [&](int64_t offset, std::initializer_list<int64_t> shape, std::initializer_list<int64_t> strides) {
    return message(file_with(offset, shape, strides));
  };
  EXPECT_EQ(tensor(0, {4}, {1}), "");
  EXPECT_EQ(tensor(0, {2, 2}, {1, 2}), "");
  EXPECT_EQ(tensor(1, {3, 1}, {1, 99}), "");
  EXPECT_THAT(tensor(1, {4}, {1}), HasSubstr("is [4] with strides [1] from value 1 on, its storage has 4 values"));
  EXPECT_THAT(tensor(0, {2, 2}, {3, 1}), HasSubstr("its storage has 4 values"));
  EXPECT_THAT(tensor(0, {-1}, {1}), HasSubstr("no count"));
  EXPECT_THAT(tensor(0, {2}, {-1}), HasSubstr("no count"));
  EXPECT_THAT(tensor(-1, {2}, {1}), HasSubstr("no count"));
  EXPECT_THAT(tensor(0, {2}, {1, 1}), HasSubstr("another number of strides"));
  EXPECT_THAT(tensor(INT64_MAX, {2}, {INT64_MAX}), HasSubstr("the file is damaged"));
  EXPECT_THAT(tensor(0, {INT64_MAX, INT64_MAX}, {0, 0}), HasSubstr("more than can be counted"));
  EXPECT_THAT(tensor(0, {1000}, {0}), HasSubstr("more than the 4 values of its storage"));
  EXPECT_THAT(message(file_with(0, {2}, {1}, 5)), HasSubstr("ends within the values"));
  EXPECT_EQ(message(file_with(0, {2}, {1}, 3)), "");
  EXPECT_THAT(message(file_with(0, {2}, {1}, INT64_MAX)), HasSubstr("more bytes than can be counted"));
  EXPECT_THAT(message(file_with(0, {2}, {1}, INT64_MAX / 8)), HasSubstr("the file is damaged or was cut"));
}

// Otherwise a small file could ask for any amount of memory. The entries repeat one tensor through the memo.
TEST_F(PytorchFile, TensorsThatShareAStorageTooOftenAreRefused) {
  const std::string file = file_with(0, {1000}, {1}, 1000, 1000);
  const size_t end = file.find("Ru.") + 1;
  const auto with_entries = [&](int count) {
    std::string entries("\x94", 1);
    for (int i = 0; i < count; ++i) entries += text("b" + std::to_string(i)) + std::string("h\0", 2);
    return file.substr(0, end) + entries + file.substr(end);
  };
  EXPECT_EQ(message(with_entries(10)), "");
  EXPECT_THAT(message(with_entries(100)), HasSubstr("together have more than 16 times the bytes of the file"));
}

TEST_F(PytorchFile, ShardsAreFoundByTheirIndex) {
  std::filesystem::copy(kWeightFiles / "zip.bin", directory_ / "pytorch_model-00001-of-00002.bin");
  std::filesystem::copy(kWeightFiles / "legacy.bin", directory_ / "pytorch_model-00002-of-00002.bin");
  std::ofstream(directory_ / "pytorch_model.bin.index.json")
      << R"({"weight_map": {"row": "pytorch_model-00001-of-00002.bin", "f64": "pytorch_model-00002-of-00002.bin"}})";
  const WeightFiles files(directory_.path());
  EXPECT_EQ(files.all().size(), 2u);
  const Tensor row = Tensor::empty({4}, DType::f32);
  files.read("row", row);
  EXPECT_THAT(row.to_vector(), ElementsAre(4, 5, 6, 7));
}

}  // namespace
}  // namespace qkv
