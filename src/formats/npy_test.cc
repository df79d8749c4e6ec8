#include "formats/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string file_with(const std::string& header, const std::string& values, char version = 1) {
  std::string file =
      std::string("\x93NUMPY") + version + '\0' + static_cast<char>(header.size() & 0xFF) + static_cast<char>(header.size() >> 8);
  if (version > 1) file += std::string(2, '\0');
  return file + header + values;
}
std::string error_of(const std::string& file) {
  try {
    parse_npy(file, "a.npy");
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("a.npy: "));
    return error.what();
  }
  return "";
}

TEST(Npy, HeadersOfEveryVersionAreRead) {
  for (const char version : {1, 2, 3}) {
    const std::string file = file_with("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }  \n", "abcdefgh", version);
    const NpyArray array = parse_npy(file, "a.npy");
    EXPECT_EQ(array.type, "f4");
    EXPECT_TRUE(array.fortran_order);
    EXPECT_THAT(array.shape, ElementsAre(1, 2));
    EXPECT_EQ(array.values, "abcdefgh");
  }
  EXPECT_TRUE(parse_npy(file_with("{'shape': (), 'fortran_order': False, 'descr': '|i1'}", "a"), "a.npy").shape.empty());
  EXPECT_THAT(parse_npy(file_with("{'shape': (3L,), 'fortran_order': False, 'descr': '|u1'}", "abc"), "a.npy").shape, ElementsAre(3));
  EXPECT_THAT(parse_npy(npy_header(2, 3) + std::string(24, 'x'), "a.npy").shape, ElementsAre(2, 3));  // what is written is read
}

TEST(Npy, DamageAndOtherTypesAreNamed) {
  const auto header = [](const std::string& type, const std::string& shape) {
    return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + "}";
  };
  EXPECT_EQ(error_of(file_with(header("<f4", "(2,)"), "abcdefgh")), "");
  EXPECT_THAT(error_of("\x93NUMP"), HasSubstr("no array of NumPy"));
  EXPECT_THAT(error_of(file_with(header("<f4", "(2,)"), "abcdefgh").substr(0, 30)), HasSubstr("header ends behind"));
  EXPECT_THAT(error_of(file_with(header("<f4", "(2,)"), "abcdefg")), HasSubstr("needs 8 bytes, it has 7"));
  EXPECT_THAT(error_of(file_with(header("<f4", "(2,)"), "abcdefghi")), HasSubstr("needs 8 bytes, it has 9"));
  EXPECT_THAT(error_of(file_with(header("<f4", "(4294967296, 4294967296)"), "")), HasSubstr("can be counted"));
  for (const char* shape : {"(-1,)", "(1.5,)", "[2]", "(2", "(2 2)", "(99999999999999999999,)"}) {
    EXPECT_THAT(error_of(file_with(header("<f4", shape), "abcdefgh")), HasSubstr("is not NumPy's")) << shape;
  }
  for (const char* type : {">f4", "|O", "|V8", "<U3x", "=f4", "f4", ""}) {
    EXPECT_NE(error_of(file_with(header(type, "(2,)"), "abcdefgh")), "") << type;
  }
  for (const char* text :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x"}) {
    EXPECT_THAT(error_of(file_with(text, "abcd")), HasSubstr("is not NumPy's")) << text;
  }
}

}  // namespace
}  // namespace qkv
