#include "formats/gguf_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/gguf_writer.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint32_t kF32 = 0, kQ40 = 2, kQ80 = 8, kQ4K = 12, kBF16 = 30;

std::string message(const std::string& bytes, ErrorCode* code = nullptr) {
  return error_of([&] { read_gguf_tensors(GgufMetadata(bytes, "a.gguf")); }, code);
}
std::string data(size_t size) { return std::string(size, 'x'); }

TEST(GgufTensors, ShapesAreReversedAndPlacesAreInTheFile) {
  const std::string bytes = GgufWriter()
                                .string("general.architecture", "llama")
                                .tensor("a", {3, 2}, kF32, 0)
                                .tensor("b", {32, 2}, kQ80, 32)
                                .tensor("c", {64}, kQ40, 128)
                                .tensor("d", {1, 1, 1, 5}, kBF16, 192)
                                .build_with(data(202));
  const GgufMetadata metadata(bytes, "a.gguf");
  const auto tensors = read_gguf_tensors(metadata);
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_THAT(tensors.at("a").shape, ElementsAre(2, 3));
  EXPECT_THAT(tensors.at("d").shape, ElementsAre(5, 1, 1, 1));
  EXPECT_EQ(tensors.at("a").begin, bytes.size() - 202);
  EXPECT_EQ(tensors.at("b").begin, bytes.size() - 170);
  EXPECT_EQ(tensors.at("b").bytes, 68u);
  EXPECT_EQ(tensors.at("c").bytes, 36u);
  EXPECT_EQ(tensors.at("d").dtype, "BF16");
}

TEST(GgufTensors, EveryPrefixIsRefused) {
  const std::string bytes = GgufWriter().tensor("a", {3, 2}, kF32, 0).tensor("b", {32}, kQ80, 32).build_with(data(66));
  for (size_t size = 4; size < bytes.size(); ++size) {
    ErrorCode code{};
    ASSERT_THAT(message(bytes.substr(0, size), &code), testing::StartsWith("a.gguf: ")) << size;
    ASSERT_EQ(code, ErrorCode::bad_input) << size;
  }
  EXPECT_EQ(message(bytes), "(no error)");
}

// What parsers of GGUF have crashed on (CVE-2024-21802 and later): counts, dimensions and offsets whose products or sums overflow, an
// alignment of 0, names that come twice, ranges that share bytes.
TEST(GgufTensors, CountsSizesAndOffsetsThatOverflowAreRefused) {
  const auto one = [](const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset = 0) {
    return message(GgufWriter().tensor("w", dimensions, type, offset).build_with(data(256)));
  };
  EXPECT_THAT(message(GgufWriter().build_with_counts(UINT64_MAX, 0)), HasSubstr("the name of tensor 1 of 18446744073709551615"));
  EXPECT_THAT(one({uint64_t{1} << 32, uint64_t{1} << 32}, kF32), HasSubstr("more values than can be counted"));
  EXPECT_THAT(one({uint64_t{1} << 62, 4}, kF32), HasSubstr("more values than can be counted"));
  EXPECT_THAT(one({UINT64_MAX}, kF32), HasSubstr("more values than can be counted"));
  EXPECT_THAT(one({uint64_t{1} << 56}, kF32), HasSubstr("needs 288230376151711744 bytes"));
  EXPECT_THAT(one({4, 0}, kF32), HasSubstr("has a dimension of 0"));
  EXPECT_THAT(one({}, kF32), HasSubstr("has 0 dimensions"));
  EXPECT_THAT(one({1, 1, 1, 1, 1}, kF32), HasSubstr("has 5 dimensions"));
  EXPECT_THAT(one({33}, kQ80), HasSubstr("rows of 33 values, but Q8_0 stores blocks of 32"));
  EXPECT_THAT(one({4}, kF32, UINT64_MAX - 31), HasSubstr("needs 16 bytes at byte 18446744073709551584 of the data"));
  EXPECT_THAT(one({4}, kF32, 256), HasSubstr("of the data, which has 256"));
  EXPECT_THAT(one({4}, kF32, 7), HasSubstr("begins at 7, which is no multiple of 32"));
  EXPECT_THAT(one({4}, 99), HasSubstr("of the unknown type 99"));
  EXPECT_THAT(message(GgufWriter().tensor("w", {9}, kF32, 0).tensor("v", {4}, kF32, 32).build_with(data(64))), HasSubstr("overlap"));
  EXPECT_THAT(message(GgufWriter().tensor("w", {4}, kF32, 0).tensor("w", {4}, kF32, 32).build_with(data(64))),
              HasSubstr("\"w\" comes a second time"));
  const std::string name = GgufWriter::u64(UINT64_MAX);
  EXPECT_THAT(message(GgufWriter().build_with_counts(1, 0) + name), HasSubstr("needs 18446744073709551615 bytes"));
}

TEST(GgufTensors, AlignmentsThatAreNoPowersOfTwoAreRefused) {
  for (const uint32_t alignment : {0u, 3u, 48u, 1u << 31, UINT32_MAX}) {
    const std::string file = GgufWriter().integer("general.alignment", alignment).tensor("w", {4}, kF32, 0).build_with(data(64));
    EXPECT_THAT(message(file), HasSubstr("\"general.alignment\" is")) << alignment;
  }
  EXPECT_EQ(message(GgufWriter().integer("general.alignment", 8).tensor("w", {4}, kF32, 8).build_with(data(64))), "(no error)");
}

TEST(GgufTensors, OtherTypesAndPartsOfModelsAreNamed) {
  ErrorCode code{};
  EXPECT_EQ(message(GgufWriter().tensor("blk.0.attn_q.weight", {256}, kQ4K, 0).build_with(data(256)), &code),
            "a.gguf: tensor \"blk.0.attn_q.weight\" is Q4_K; qkv reads F32, F16, BF16, Q8_0 and Q4_0");
  EXPECT_EQ(code, ErrorCode::unsupported);
  EXPECT_THAT(message(GgufWriter().integer("split.count", 3).build()), HasSubstr("is one of 3 files of a model"));
}

}  // namespace
}  // namespace qkv
