#include "formats/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using Kind = PickleValue::Kind;

constexpr std::string_view kAllowed[] = {"a.f"};

std::string error_of(std::string_view bytes) {
  PickleReader reader(bytes, "p", kAllowed);
  try {
    reader.read();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    return error.what();
  }
  return "";
}

TEST(Pickle, CollectionsAndNumbersAreValues) {
  // pickle.dumps({"a": [1, -2, 300, 70000, 2**40], "b": (None, True, 1.5)}, protocol=2)
  const std::string bytes(
      "\x80\x02}q\0(X\1\0\0\0aq\1]q\2(K\1J\xfe\xff\xff\xffM,\1Jp\x11\1\0\x8a\6\0\0\0\0\0\1eX\1\0\0\0bq\3N\x88G?\xf8\0\0\0\0\0\0\x87q\4u.",
      66);
  PickleReader reader(bytes, "p", kAllowed);
  const PickleValue& root = reader.read();
  EXPECT_EQ(reader.position(), bytes.size());
  ASSERT_EQ(root.kind, Kind::dictionary);
  ASSERT_EQ(root.items.size(), 4u);
  EXPECT_EQ(root.items[0]->text, "a");
  std::vector<int64_t> numbers;
  for (const PickleValue* item : root.items[1]->items) numbers.push_back(item->integer);
  EXPECT_THAT(numbers, testing::ElementsAre(1, -2, 300, 70000, int64_t{1} << 40));
  EXPECT_EQ(root.items[3]->kind, Kind::tuple);
  EXPECT_EQ(root.items[3]->items[1]->kind, Kind::boolean);
}

TEST(Pickle, NamesThatAreNotAllowedAreRefused) {
  EXPECT_EQ(error_of("ca\nf\n."), "");
  EXPECT_THAT(error_of("cos\nsystem\n."), HasSubstr("asks Python for os.system"));
  EXPECT_THAT(error_of("ca\nf.g\n."), HasSubstr("a.f.g"));
  EXPECT_THAT(error_of("c\na.f\n."), HasSubstr(".a.f"));
  EXPECT_THAT(error_of(std::string_view("\x8c\x08"
                                        "builtins\x8c\x04"
                                        "eval\x93.")),
              HasSubstr("builtins.eval"));
}

TEST(Pickle, DamageIsNamed) {
  EXPECT_THAT(error_of(""), HasSubstr("at byte 0"));
  EXPECT_THAT(error_of("."), HasSubstr("does not end with one value"));
  EXPECT_THAT(error_of("NN."), HasSubstr("does not end with one value"));
  EXPECT_THAT(error_of("0."), HasSubstr("not there"));
  EXPECT_THAT(error_of("N(0."), HasSubstr("not there"));
  EXPECT_THAT(error_of("(s."), HasSubstr("not there"));
  EXPECT_THAT(error_of("t."), HasSubstr("a mark"));
  EXPECT_THAT(error_of("N)R."), HasSubstr("None is called"));
  EXPECT_THAT(error_of("]}b."), HasSubstr("a state is given to a list"));
  EXPECT_THAT(error_of("}(Nu."), HasSubstr("a key has no value"));
  EXPECT_THAT(error_of("h\x05."), HasSubstr("memo"));
  EXPECT_THAT(error_of("Nr\xff\xff\xff\xff."), HasSubstr("memo"));
  EXPECT_THAT(error_of("Nq\x02h\x01."), HasSubstr("memo"));
  EXPECT_THAT(error_of("X\xff\xff\xff\xff."), HasSubstr("ends in the middle"));
  EXPECT_THAT(error_of("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), HasSubstr("ends in the middle"));
  EXPECT_THAT(error_of("cos"), HasSubstr("ends in the middle"));
  EXPECT_THAT(error_of(std::string(2000, '(')), HasSubstr("nested too deeply"));
  EXPECT_EQ(error_of(std::string_view("]\x94h\0a.", 6)), "");  // a list in itself
}

}  // namespace
}  // namespace qkv
