#include "lab/record/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"

namespace qkv::lab {
namespace {

Record example() {
  Record record{
      .experiment = "scaling", .arm = "root-d", .seed = 3, .effort = 0.125, .data = {{"text", "00ff"}}, .commit = "abc", .isa = "avx2"};
  record.threads = 2;
  record.seconds = 1.5;
  record.outcome.values = {{"loss", 1.0 / 3}, {"diverged", std::nan("")}};
  record.outcome.series["curve"] = {{1, 0.1}, {2, 0.2}};
  return record;
}

TEST(Record, IsReadAsItWasWritten) {
  const Record record = parse_record(to_json(example()), "x.json");
  EXPECT_EQ(record.experiment, "scaling");
  EXPECT_EQ(record.arm, "root-d");
  EXPECT_EQ(record.seed, 3);
  EXPECT_EQ(record.effort, 0.125);
  EXPECT_EQ(record.data.at("text"), "00ff");
  EXPECT_EQ(record.threads, 2);
  EXPECT_EQ(record.outcome.values.at("loss"), 1.0 / 3);  // to the last bit
  EXPECT_TRUE(std::isnan(record.outcome.values.at("diverged")));
  EXPECT_EQ(record.outcome.series.at("curve"), (Series{{1, 0.1}, {2, 0.2}}));
}

TEST(Record, DamagedFileIsNamed) {
  const std::string whole = to_json(example());
  for (const std::string& text :
       {std::string("{"), whole.substr(0, whole.size() / 2), std::string("[]"), std::string("{\"experiment\": 3}")}) {
    try {
      parse_record(text, "some/x.json");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_THAT(error.what(), testing::HasSubstr("some/x.json"));
    }
  }
}

TEST(Records, SeedsAreThoseThatEveryArmHas) {
  Record a = example(), b = example();
  b.arm = "one";
  Record c = example();
  c.seed = 1;
  const Records records({a, b, c});
  EXPECT_EQ(records.seeds({"root-d"}), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(records.seeds({"root-d", "one"}), (std::vector<int64_t>{3}));
  EXPECT_THROW(records.values("one", "missing", {3}), Error);
}

TEST(Records, AreReadFromTheirDirectory) {
  const TemporaryDirectory directory;
  const auto path = record_path(directory.path(), "scaling", "root-d", 3);
  std::filesystem::create_directories(path.parent_path());
  write_file_atomically(path, to_json(example()));
  EXPECT_EQ(Records::read(directory.path(), "scaling").all().size(), 1u);
  EXPECT_TRUE(Records::read(directory.path(), "nothing").all().empty());
}

}  // namespace
}  // namespace qkv::lab
