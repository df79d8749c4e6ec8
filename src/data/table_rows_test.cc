#include "data/table_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Table : public testing::Test {
 protected:
  TextSource write(const std::string& content, const std::string& name = "table") {
    return TextSource(directory_.write(name, content)).opened();
  }
  std::vector<std::string> column(const std::string& content, const std::string& name) {
    std::vector<std::string> values;
    for_each_row(write(content), {name}, [&](const TableRow& row) { values.push_back(row.values[0]); });
    return values;
  }
  std::string message(const std::string& content, const std::string& name) {
    try {
      column(content, name);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
};

// The values are those of Python's csv.reader (strict=False, newline="").
TEST_F(Table, CsvIsReadAsPythonReadsIt) {
  EXPECT_THAT(column("a,b\n1,x\n2,\"y, \"\"z\"\"\"\n3,\"two\r\nlines\"\n4,in \"the\" middle\n5,\n", "b"),
              ElementsAre("x", "y, \"z\"", "two\r\nlines", "in \"the\" middle", ""));
  EXPECT_THAT(column("a,b\r\n1,x\r\n\r\n2,\"y\"\r\n", "b"), ElementsAre("x", "y"));
  EXPECT_THAT(column("a,b\n1,\"x\"y\n2,z", "b"), ElementsAre("xy", "z"));
  EXPECT_THAT(column("\"a\",\"b c\"\n1,2\n", "b c"), ElementsAre("2"));
  EXPECT_THAT(column("only\none\ntwo\n", "only"), ElementsAre("one", "two"));
}

TEST_F(Table, TabsAndSemicolonsPartColumnsToo) {
  EXPECT_THAT(column("a;b\n1,5;x\n", "a"), ElementsAre("1,5"));
  EXPECT_THAT(column("a, first\tb\n\"x\tit's\n", "b"), ElementsAre("it's")) << "quotation marks are text beside tabs";
}

TEST_F(Table, JsonLinesHaveNamesAndWaysIntoObjects) {
  const std::string lines =
      "{\"translation\": {\"en\": \"one\", \"de\": \"eins\"}, \"n\": 1.50, \"a.b\": \"\\u00e4\"}\n\n  "
      "{\"translation\":{\"en\":\"two\"},\"n\":-2,\"a.b\":\"\"}\n";
  EXPECT_THAT(column(lines, "translation.en"), ElementsAre("one", "two"));
  EXPECT_THAT(column(lines, "a.b"), ElementsAre("ä", ""));
  EXPECT_THAT(column(lines, "n"), ElementsAre("1.5", "-2"));
  EXPECT_TRUE(is_json_lines(lines));
  EXPECT_FALSE(is_json_lines("{\"a\": 1}\tlabel\n"));
  EXPECT_FALSE(is_json_lines(""));
}

TEST_F(Table, NumbersNameColumnsWhereThereIsNoHeader) {
  EXPECT_THAT(column("Hi, you, there\tHallo\tCC-BY\nBye\tAde\tCC-BY\n", "2"), ElementsAre("Hallo", "Ade")) << "commas beside tabs are text";
  EXPECT_THAT(column("good,1\n\"bad, very\",0\n", "1"), ElementsAre("good", "bad, very"));
  EXPECT_THAT(column("2,1\na,b\n", "1"), ElementsAre("b")) << "a header wins";
  EXPECT_THAT(message("good,1\n", "3"), HasSubstr("if that is no header, a number names a column: 1, 2, ..."));
  EXPECT_THAT(message("good,1\n", "0"), HasSubstr("has no column \"0\""));
  EXPECT_THAT(message("[\n {\"a\": 1},\n {\"a\": 2}\n]\n", "a"),
              HasSubstr("table is one array of JSON; write an object a line: jq -c '.[]'"));
}

TEST_F(Table, BadRowsAreNamed) {
  EXPECT_THAT(message("a,b\n1,2\n", "c"), HasSubstr("table: line 1 has no column \"c\"; its columns are \"a\", \"b\""));
  EXPECT_THAT(message("a,b\n1,2\n1,2,3\n", "b"), HasSubstr("table: line 3 has 3 columns, the first one 2"));
  EXPECT_THAT(message("a,b\n1,\"x\ny\n", "b"), HasSubstr("line 2 begins a value with a quotation mark that is never closed"));
  EXPECT_THAT(message("a,b\n1,\xff\n", "b"), HasSubstr("line 2 is not valid UTF-8"));
  EXPECT_THAT(message("{\"a\": 1}\n{\"a\": \n", "a"), HasSubstr("line 2 is no JSON object"));
  EXPECT_THAT(message("{\"a\": 1}\n[1]\n", "a"), HasSubstr("line 2 is no JSON object"));
  EXPECT_THAT(message("{\"a\": 1}\n{\"b\": 1, \"c\": 2}\n", "a"), HasSubstr("line 2 has no \"a\"; it has \"b\", \"c\""));
  EXPECT_THAT(message("{\"a\": null}\n", "a"), HasSubstr("no text as \"a\" but null"));
  EXPECT_THAT(message("{\"a\": [1]}\n", "a"), HasSubstr("no text as \"a\" but a list or an object"));
  EXPECT_THAT(message(std::string(100000, '[') + "\n", "a"), HasSubstr("has no column"));
  EXPECT_THAT(message("{\"a\":" + std::string(100000, '[') + "\n", "a"), HasSubstr("is no JSON object"));
}

TEST_F(Table, ColumnBecomesLinesOrDocuments) {
  const TextSource csv = write("a,b\n1,\"two\nlines\"\n2,one\n");
  EXPECT_EQ(column_text(csv, "b", "", {}).text(), "two lines\none\n");
  EXPECT_EQ(column_text(csv, "b", "\n\n", {}).text(), "two\nlines\n\none\n\n");
  const std::vector<std::filesystem::path> files{directory_.write("x", "{\"b\": \"1\"}\n"), directory_.write("y", "b\n2\n3\n")};
  const TextSource both = column_text(TextSource::open(files), "b", "", {});
  EXPECT_EQ(both.text(), "1\n2\n3\n");
  ASSERT_EQ(both.parts().size(), 2u);
  EXPECT_EQ(both.text_of(both.parts()[1]), "2\n3\n");
}

}  // namespace
}  // namespace qkv
