#include "io/npz_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_directory.h"
#include "io/test_tensor_file.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class NpzFile : public testing::Test {
 protected:
  std::string message(const std::string& content) { return error_of(open_npz, path_, content); }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "model.npz";
};

// The values are those of tools/golden/weight_files.py.
TEST_F(NpzFile, PlainAndPackedArraysAreRead) {
  for (const char* name : {"plain.npz", "packed.npz"}) {
    const TensorFile file = open_npz(kWeightFiles / name);
    EXPECT_THAT(values_of(file, "rows"), ElementsAre(0, 1, 2, 3, 4, 5)) << name;
    EXPECT_THAT(values_of(file, "columns"), ElementsAre(0, 1, 2, 3, 4, 5)) << name;  // Fortran's order
    EXPECT_THAT(values_of(file, "scalar"), ElementsAre(1.5f));
    EXPECT_EQ(file.entries().at("text").dtype, "I8");
  }
}

TEST_F(NpzFile, ArchivesThatUnpackToManyTimesTheirSizeAreRefused) {
  EXPECT_THAT(message(read_file(kWeightFiles / "bomb.npz")), HasSubstr("more than 32 times its size"));
}

TEST_F(NpzFile, DamageIsFound) {
  const std::string plain = read_file(kWeightFiles / "plain.npz"), packed = read_file(kWeightFiles / "packed.npz");
  std::string twice = plain;
  for (size_t at = twice.find("rows.npy"); at != std::string::npos; at = twice.find("rows.npy", at)) twice.replace(at, 8, "text.npy");
  EXPECT_THAT(message(twice), HasSubstr("has \"text.npy\" twice"));
  std::string changed = packed;
  const size_t crc = changed.rfind("rows.npy") - 46 + 16;  // in the directory at the end
  changed[crc] = static_cast<char>(changed[crc] ^ 1);
  EXPECT_NE(message(changed), "");
  EXPECT_THAT(message("PK\x03\x04 but no archive"), HasSubstr("the directory at the end of the zip archive is missing"));
  EXPECT_THAT(message("<html>"), HasSubstr("a web page"));
  for (const std::string& whole : {plain, packed}) {
    ASSERT_EQ(message(whole), "");
    for (size_t size = 0; size + 22 < whole.size(); size += 29) EXPECT_NE(message(whole.substr(0, size)), "") << size;
    for (size_t bit = 0; bit < 8 * whole.size(); bit += 37) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      message(flipped);
    }
  }
}

}  // namespace
}  // namespace qkv
