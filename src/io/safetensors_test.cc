#include "io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "io/weight_files.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Safetensors : public testing::Test {
 protected:
  // Writes a file from a header and data.
  void put(const std::string& header, const std::string& data) {
    const uint64_t length = header.size();
    put_bytes(std::string(reinterpret_cast<const char*>(&length), 8) + header + data);
  }
  void put_bytes(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }
  std::string message() {
    try {
      open_safetensors(path_);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "model.safetensors";
};

std::string bytes_of(std::initializer_list<uint16_t> words) {
  std::string bytes(words.size() * 2, '\0');
  std::memcpy(bytes.data(), words.begin(), bytes.size());
  return bytes;
}

TEST_F(Safetensors, WhatIsWrittenIsReadBack) {
  const Tensor a = Tensor::from(std::vector<float>{1, -2, 3.5f, 4, 5, 6}, {2, 3});
  const Tensor b = Tensor::from(std::vector<float>{7, 8, 9}, {3}, DType::bf16);
  write_safetensors(path_, {{"b", b}, {"a \"quoted\"", a}}, {{"format", "pt"}, {"step", "12"}});
  const TensorFile reader = open_safetensors(path_);
  EXPECT_THAT(reader.metadata(), ElementsAre(testing::Pair("format", "pt"), testing::Pair("step", "12")));
  ASSERT_EQ(reader.entries().size(), 2u);
  EXPECT_EQ(reader.entries().at("b").dtype, "BF16");
  Tensor out = Tensor::empty({2, 3}, DType::f32);
  reader.read("a \"quoted\"", out);
  EXPECT_THAT(out.to_vector(), ElementsAre(1, -2, 3.5f, 4, 5, 6));
  out = Tensor::empty({3}, DType::f64, Device::reference);
  reader.read("b", out);
  EXPECT_EQ(out.host<double>()[2], 9.0);
}

TEST_F(Safetensors, DataStartsAtAMultipleOfEightAndWideTypesComeFirst) {
  write_safetensors(path_, {{"h", Tensor::zeros({3}, DType::bf16)}, {"f", Tensor::zeros({1}, DType::f32)}});
  uint64_t length = 0;
  std::memcpy(&length, read_file(path_).data(), 8);
  EXPECT_EQ(length % 8, 0u);
  const TensorFile reader = open_safetensors(path_);
  EXPECT_LT(reader.entries().at("f").data, reader.entries().at("h").data);
}

TEST_F(Safetensors, HalfPrecisionValuesAreExact) {
  // 1, -2, the largest number, the smallest normal and subnormal numbers, infinity and NaN in IEEE 754 binary16.
  put(R"({"h":{"dtype":"F16","shape":[7],"data_offsets":[0,14]}})", bytes_of({0x3c00, 0xc000, 0x7bff, 0x0400, 0x8001, 0x7c00, 0x7e00}));
  const Tensor out = Tensor::empty({7}, DType::f32);
  open_safetensors(path_).read("h", out);
  const std::vector<float> values = out.to_vector();
  EXPECT_THAT(std::vector<float>(values.begin(), values.begin() + 6),
              ElementsAre(1, -2, 65504, 0x1p-14f, -0x1p-24f, std::numeric_limits<float>::infinity()));
  EXPECT_TRUE(std::isnan(values[6]));
}

TEST_F(Safetensors, EveryTypeOfNumbersIsRead) {
  const auto values = [&](const char* type, const std::string& data) {
    put(fmt::format(R"({{"t":{{"dtype":"{}","shape":[2],"data_offsets":[0,{}]}}}})", type, data.size()), data);
    const Tensor out = Tensor::empty({2}, DType::f32);
    open_safetensors(path_).read("t", out);
    return out.to_vector();
  };
  const auto bytes = [](auto a, auto b) {
    std::string data(2 * sizeof(a), '\0');
    std::memcpy(data.data(), &a, sizeof(a));
    std::memcpy(data.data() + sizeof(a), &b, sizeof(b));
    return data;
  };
  EXPECT_THAT(values("F64", bytes(1.5, -1e300)), ElementsAre(1.5f, -std::numeric_limits<float>::infinity()));
  EXPECT_THAT(values("I8", bytes(int8_t{-128}, int8_t{127})), ElementsAre(-128, 127));
  EXPECT_THAT(values("U8", bytes(uint8_t{0}, uint8_t{255})), ElementsAre(0, 255));
  EXPECT_THAT(values("I16", bytes(int16_t{-3}, int16_t{4})), ElementsAre(-3, 4));
  EXPECT_THAT(values("I32", bytes(int32_t{-3}, int32_t{1 << 20})), ElementsAre(-3, 1 << 20));
  EXPECT_THAT(values("I64", bytes(int64_t{-3}, int64_t{1} << 40)), ElementsAre(-3, 0x1p40f));
  EXPECT_THAT(values("BOOL", bytes(uint8_t{0}, uint8_t{1})), ElementsAre(0, 1));
}

TEST_F(Safetensors, DataAtAnOddAddressIsRead) {
  put(R"({"h":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}} )", bytes_of({0x3f80, 0xc000}));
  const Tensor out = Tensor::empty({2}, DType::f32);
  open_safetensors(path_).read("h", out);
  EXPECT_THAT(out.to_vector(), ElementsAre(1, -2));
}

TEST_F(Safetensors, EmptyTensorsAndScalarsAreAllowed) {
  put(R"({"e":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", "abcd");
  EXPECT_EQ(open_safetensors(path_).entries().at("e").bytes, 0);
  EXPECT_TRUE(open_safetensors(path_).entries().at("s").shape.empty());
}

TEST_F(Safetensors, RangeThatDoesNotFitTheShapeIsNamedWithBothSizes) {
  put(R"({"layers.3.fc1.weight":{"dtype":"F32","shape":[512,2048],"data_offsets":[0,2097152]}})", std::string(2097152, 'x'));
  EXPECT_EQ(message(),
            path_.string() +
                ": tensor \"layers.3.fc1.weight\" says [512, 2048] f32 (4,194,304 bytes) but its range holds 2,097,152; the file is "
                "damaged or was cut");
}

TEST_F(Safetensors, EveryCutIsRefused) {
  write_safetensors(path_, {{"a", Tensor::zeros({4, 4}, DType::f32)}, {"b", Tensor::zeros({3}, DType::f32)}});
  const std::string whole = read_file(path_);
  for (size_t size = 0; size < whole.size(); ++size) {
    put_bytes(whole.substr(0, size));
    EXPECT_NE(message(), "no error") << size << " of " << whole.size() << " bytes";
  }
}

TEST_F(Safetensors, EveryFlippedBitOfTheHeaderIsRefusedOrOnlyRenames) {
  write_safetensors(path_, {{"a", Tensor::zeros({4, 4}, DType::f32)}, {"b", Tensor::zeros({3}, DType::bf16)}});
  const std::string whole = read_file(path_);
  uint64_t length = 0;
  std::memcpy(&length, whole.data(), 8);
  for (size_t bit = 0; bit < 8 * (8 + length); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    put_bytes(flipped);
    if (message() != "no error") continue;
    // A header that still parses must describe the same bytes: only names, metadata and types of equal width can differ.
    const TensorFile reader = open_safetensors(path_);
    const char* first = std::min_element(reader.entries().begin(), reader.entries().end(), [](auto& a, auto& b) {
                          return std::less<>()(a.second.data, b.second.data);
                        })->second.data;
    for (const auto& [name, entry] : reader.entries()) EXPECT_LE(entry.data + entry.bytes - first, 70) << name;
  }
}

TEST_F(Safetensors, RulesOfTheHeader) {
  const auto tensor = [](const std::string& name, const std::string& shape, int begin, int end) {
    return fmt::format(R"("{}":{{"dtype":"F32","shape":{},"data_offsets":[{},{}]}})", name, shape, begin, end);
  };
  const std::vector<std::array<std::string, 3>> cases = {
      {"{" + tensor("a", "[1]", 0, 4) + "," + tensor("a", "[1]", 4, 8) + "}", "abcdefgh", "key \"a\" twice"},
      {R"({"__metadata__":{"k":"v","k":"w"}})", "", "key \"k\" twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "", "twice"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abcd", "twice"},
      {"{" + tensor("a", "[1]", 0, 4) + "," + tensor("b", "[1]", 2, 6) + "}", "abcdef", "before the end"},
      {"{" + tensor("a", "[1]", 0, 4) + "," + tensor("b", "[1]", 6, 10) + "}", "abcdefghij", "after the end"},
      {"{" + tensor("a", "[1]", 4, 8) + "}", "abcdefgh", "4 bytes after"},
      {"{" + tensor("a", "[1]", 0, 4) + "}", "abcdefgh", "4 bytes follow the last tensor"},
      {"{" + tensor("a", "[2]", 0, 8) + "}", "abcd", "ends at byte 8 of the data, the file has 4"},
      {"{" + tensor("a", "[1]", 4, 0) + "}", "abcd", "data_offsets"},
      {"{" + tensor("a", "[4294967296,4294967296]", 0, 4) + "}", "abcd", "more than can be counted"},
      {"{" + tensor("a", "[18446744073709551615]", 0, 4) + "}", "abcd", "too large"},
      {"{" + tensor("a", "[-1]", 0, 4) + "}", "abcd", "negative"},
      {"{" + tensor("a", "[1.5]", 0, 4) + "}", "abcd", "no whole one"},
      {"{" + tensor("a", "[[1]]", 0, 4) + "}", "abcd", "a list"},
      {"{" + tensor("a", "4", 0, 4) + "}", "abcd", "a number"},
      {R"({"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}})", "abcd", "unknown type \"Q7\""},
      {R"({"a":{"shape":[1],"data_offsets":[0,4]}})", "abcd", "no \"dtype\""},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", "abcd", "unknown key \"x\""},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", "abcd", "data_offsets"},
      {R"({"a":3})", "", "a number"},
      {R"({"__metadata__":{"k":3}})", "", "a number"},
      {R"({"__metadata__":{"k":null}})", "", "null"},
      {R"({"a":null})", "", "null"},
      {R"({"__metadata__":null,"__metadata__":{}})", "", "twice"},
      {R"({"a":)", "", "not valid JSON"},
      {"{" + std::string(100'000, '['), "", "not valid JSON"},
      {R"({"a":)" + std::string(100'000, '['), "", "a list"},
  };
  for (const auto& [header, data, expected] : cases) {
    put(header, data);
    EXPECT_THAT(message(), HasSubstr(expected)) << header.substr(0, 200);
  }
}

// safe_open of the safetensors library reads it like this.
TEST_F(Safetensors, MetadataThatIsNullIsNone) {
  put(R"({"__metadata__":null,"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abcd");
  const TensorFile reader = open_safetensors(path_);
  EXPECT_TRUE(reader.metadata().empty());
  EXPECT_EQ(reader.entries().size(), 1u);
}

TEST_F(Safetensors, FilesOfAnotherKindAreNamed) {
  put_bytes("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 548105171\n");
  EXPECT_THAT(message(), HasSubstr("model.safetensors is no safetensors file but a pointer of git-lfs"));
  put_bytes("<!DOCTYPE html>\n<html>");
  EXPECT_THAT(message(), HasSubstr("a web page"));
  put_bytes("PK\x03\x04" + std::string(100, 'x'));
  EXPECT_THAT(message(), HasSubstr("a zip archive, as torch.save writes"));
  put_bytes("GGUF");
  EXPECT_THAT(message(), HasSubstr("a GGUF file"));
  // A header of 60 bytes starts with the length byte '<'.
  put(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}      )", "abcd");
  EXPECT_EQ(message(), "no error");
}

TEST_F(Safetensors, WhatAHeaderHoldsIsCutInMessages) {
  std::string shape = "[1";
  for (int i = 0; i < 100'000; ++i) shape += ",1";
  for (const std::string& header :
       {R"({"a":{"dtype":"F32","shape":)" + shape + R"(],"data_offsets":[0,8]}})", R"({"a":{"dtype":")" + shape + R"("}})",
        R"({")" + shape + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", R"({"a":{")" + shape + R"(":1}})",
        R"({"__metadata__":{")" + shape + R"(":1}})"}) {
    put(header, "abcdefgh");
    EXPECT_NE(message(), "no error");
    EXPECT_LT(message().size(), 600u);
  }
}

TEST_F(Safetensors, ForeignFilesAreRefused) {
  for (const std::string& content : {std::string(), std::string("PK\x03\x04 a zip file of PyTorch, say"), std::string("{\"a\": 1}"),
                                     std::string(8, '\0'), std::string(64, '\xff')}) {
    write_file_atomically(path_, content);
    EXPECT_THAT(message(), HasSubstr("no safetensors file"));
  }
}

TEST_F(Safetensors, WrongShapeAndTypeOnReading) {
  put(R"({"i":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", "abcdefgh");
  const TensorFile reader = open_safetensors(path_);
  EXPECT_THROW(reader.read("i", Tensor::empty({1}, DType::f32)), Error);
  EXPECT_THROW(reader.read("i", Tensor::empty({2}, DType::f32)), Error);
  EXPECT_THROW(reader.read("j", Tensor::empty({1}, DType::f32)), Error);
}

TEST_F(Safetensors, PartsOfAShardedModelAreFound) {
  const Tensor a = Tensor::from(std::vector<float>{1, 2}, {2}), b = Tensor::from(std::vector<float>{3, 4}, {1, 2});
  write_safetensors(directory_ / "model-00001-of-00002.safetensors", {{"a", a}});
  write_safetensors(directory_ / "model-00002-of-00002.safetensors", {{"b", b}});
  const auto index = directory_ / "model.safetensors.index.json";
  write_file_atomically(index, R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})");
  const WeightFiles files(directory_.path());
  const Tensor out = Tensor::empty({2}, DType::f32);
  files.read("b", out);  // [1, 2] into [2]
  EXPECT_THAT(out.to_vector(), ElementsAre(3, 4));
  EXPECT_EQ(files.files().size(), 2u);

  write_file_atomically(index, R"({"weight_map": {"a": "../model.safetensors"}})");
  EXPECT_THROW(WeightFiles{directory_.path()}, Error);
  write_file_atomically(index, R"({"weight_map": {"c": "model-00001-of-00002.safetensors"}})");
  EXPECT_THROW(WeightFiles{directory_.path()}, Error);
}

TEST_F(Safetensors, DirectoryWithoutWeightsSaysWhatItHasInstead) {
  write_file_atomically(directory_ / "tf_model.h5", "x");
  try {
    WeightFiles files(directory_.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has tf_model.h5 but no model.safetensors"));
  }
}

}  // namespace
}  // namespace qkv
