#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/gguf_writer.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

GgufWriter small() {
  GgufWriter file;
  file.string("name", "abc").boolean("flag", true).integer("count", 7).strings("words", {"a", "", "bc"}).floats("scores", {0.5f, -2});
  return file.integers("types", {1, -3})
      .raw("byte", 1, "\xFE")
      .raw("nested", 9, GgufWriter::u32(9) + GgufWriter::u64(1) + GgufWriter::u32(0) + GgufWriter::u64(2) + "xy");
}

TEST(Gguf, ValuesOfEachKindAreRead) {
  const std::string bytes = small().build() + "tensors follow";
  const GgufMetadata file(bytes, "a.gguf");
  EXPECT_EQ(file.string("name"), "abc");
  EXPECT_EQ(file.boolean("flag"), true);
  EXPECT_EQ(file.integer("count"), 7);
  EXPECT_EQ(file.integer("byte"), -2);
  EXPECT_THAT(file.strings("words"), ElementsAre("a", "", "bc"));
  EXPECT_THAT(file.floats("scores"), ElementsAre(0.5f, -2.0f));
  EXPECT_THAT(file.integers("types"), ElementsAre(1, -3));
  EXPECT_TRUE(file.has("nested"));
  EXPECT_EQ(file.string("none"), std::nullopt);
  EXPECT_THAT(file.strings("none"), ElementsAre());
}

TEST(Gguf, AnotherTypeThanWantedIsAnErrorThatNamesTheKey) {
  const std::string bytes = small().build();
  const GgufMetadata file(bytes, "a.gguf");
  EXPECT_EQ(error_of([&] { file.string("count"); }), "a.gguf: the value of \"count\" is not a string");
  EXPECT_EQ(error_of([&] { file.integer("words"); }), "a.gguf: the value of \"words\" is not a single value");
  EXPECT_EQ(error_of([&] { file.integer("flag"); }), "a.gguf: the value of \"flag\" is not an integer");
  EXPECT_EQ(error_of([&] { file.boolean("count"); }), "a.gguf: the value of \"count\" is not true or false");
  EXPECT_EQ(error_of([&] { file.strings("scores"); }), "a.gguf: the value of \"scores\" is not an array of strings");
  EXPECT_EQ(error_of([&] { file.floats("types"); }), "a.gguf: the value of \"types\" is not an array of f32");
  EXPECT_EQ(error_of([&] { file.integers("name"); }), "a.gguf: the value of \"name\" is not an array");
}

TEST(Gguf, EveryPrefixIsRefused) {
  const std::string bytes = small().build();
  for (size_t size = 0; size < bytes.size(); ++size) {
    ErrorCode code{};
    const std::string message = error_of([&] { GgufMetadata(std::string_view(bytes).substr(0, size), "a.gguf"); }, &code);
    ASSERT_THAT(message, testing::StartsWith("a.gguf: ")) << size;
    ASSERT_EQ(code, ErrorCode::bad_input) << size;
  }
}

TEST(Gguf, CountsAndSizesBeyondTheFileAreRefusedAtOnce) {
  const auto message = [](const std::string& bytes) { return error_of([&] { GgufMetadata(bytes, "a.gguf"); }); };
  EXPECT_THAT(message(small().build_with_counts(0, UINT64_MAX)), HasSubstr("the name of key 9 of 18446744073709551615 needs 8 bytes"));
  const auto array = [](uint32_t type, uint64_t count) {
    return GgufWriter().raw("k", 9, GgufWriter::u32(type) + GgufWriter::u64(count)).build();
  };
  EXPECT_THAT(message(array(4, UINT64_MAX)), HasSubstr("\"k\" says that it has 18446744073709551615 elements"));
  EXPECT_THAT(message(array(4, uint64_t{1} << 62)), HasSubstr("elements, more than the file holds"));  // times 4 it is 0
  EXPECT_THAT(message(array(8, UINT64_MAX)), HasSubstr("\"k\" needs 8 bytes"));
  EXPECT_THAT(message(array(13, 1)), HasSubstr("unknown type 13"));
  EXPECT_THAT(message(GgufWriter().raw("k", 8, GgufWriter::u64(UINT64_MAX)).build()), HasSubstr("needs 18446744073709551615 bytes"));
  EXPECT_THAT(message(GgufWriter().raw("k", 99, "").build()), HasSubstr("unknown type 99"));
  EXPECT_THAT(message(GgufWriter().integer("k", 1).integer("k", 2).build()), HasSubstr("\"k\" comes a second time"));
}

TEST(Gguf, DeepNestingIsRefused) {
  std::string value;
  for (int i = 0; i < 100'000; ++i) value += GgufWriter::u32(9) + GgufWriter::u64(1);
  const std::string bytes = GgufWriter().raw("k", 9, value).build();
  EXPECT_THAT(error_of([&] { GgufMetadata(bytes, "a.gguf"); }), HasSubstr("nests arrays too deeply"));
}

TEST(Gguf, OtherVersionsAreNamed) {
  const auto message = [](uint32_t version) {
    return error_of([&] { GgufMetadata("GGUF" + GgufWriter::u32(version) + std::string(16, '\0'), "a.gguf"); });
  };
  EXPECT_THAT(message(1), HasSubstr("is of version 1 of GGUF"));
  EXPECT_THAT(message(0x03000000), HasSubstr("big-endian"));
  EXPECT_THAT(error_of([] { GgufMetadata("{}", "a.gguf"); }), HasSubstr("does not begin with \"GGUF\""));
}

}  // namespace
}  // namespace qkv
