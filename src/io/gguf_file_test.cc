#include "io/gguf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

std::vector<float> sample() {
  std::vector<float> values(96);
  for (int i = 0; i < 64; ++i) values[static_cast<size_t>(i)] = static_cast<float>(i * 37 % 101 - 50) / 16;
  return values;  // the last block is zero
}

GgufOutput output_of(const std::vector<float>& values, std::string_view type) {
  const auto* data = reinterpret_cast<const char*>(values.data());
  return {"w", {.dtype = "F32", .shape = {3, 32}, .strides = {}, .data = data, .bytes = 384, .split_shape = {}}, type};
}

TEST(GgufFile, BlocksAreThoseOfTheGgufPackage) {
  const auto hex_of = [](std::string_view type) {
    const TemporaryDirectory directory;
    const std::vector<float> values = sample();
    write_gguf(directory / "a.gguf", GgufWriter(), {output_of(values, type)});
    const MappedFile file(directory / "a.gguf");
    const StoredTensor tensor = gguf_entries(GgufMetadata(file.text(), "a.gguf")).at("w");
    std::string hex;
    for (int64_t i = 0; i < tensor.bytes; ++i) hex += fmt::format("{:02x}", static_cast<unsigned char>(tensor.data[i]));
    return hex;
  };
  EXPECT_EQ(hex_of("Q8_0"),
            "4d2681df3d9af856b41270cd2b89e745a2005ebb1977d53390ee4caa0866c3217fdc2c263c96f656b0106fca2984e3439efd5db71777d1318beb4ba50565bf"
            "1f7fd9399300000000000000000000000000000000000000000000000000000000000000000000");
  EXPECT_EQ(hex_of("Q4_0"), "4036e046acf258bd1379df358be046acf26820b6740fb953fd9731eb852fca640ea842fd008088888888888888888888888888888888");
}

TEST(GgufFile, ValueThatATypeCannotHoldIsNamedAndNothingIsWritten) {
  for (const char* type : {"F16", "Q8_0", "Q4_0"}) {
    std::vector<float> values = sample();
    values[40] = type[0] == 'F' ? 70'000.0f : INFINITY;
    const TemporaryDirectory directory;
    try {
      write_gguf(directory / "a.gguf", GgufWriter(), {output_of(values, type)});
      FAIL() << type;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), fmt::format("tensor \"w\" holds a value that {} cannot hold; write bf16 or f32", type));
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << type;
  }
}

}  // namespace
}  // namespace qkv
