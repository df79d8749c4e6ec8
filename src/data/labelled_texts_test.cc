#include "data/labelled_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Labelled : public testing::Test {
 protected:
  LabelledLines read(const std::string& content) {
    write_file_atomically(path_, content);
    return read_labelled_lines(path_);
  }
  std::string message(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory root_;
  std::filesystem::path path_ = root_ / "lines.tsv";
  Tokenizer tokenizer_ = train_tokenizer({.pipeline = TokenizerPipeline::word_pieces, .vocab_size = 40, .vocab_size_is_upper_bound = true},
                                         std::vector<std::string>{"good bad fair", "good bad fair"});
};

TEST_F(Labelled, TheLastTabPartsTextAndLabel) {
  const LabelledLines lines = read("good\tyes\nbad\tfair\t no \n");
  EXPECT_THAT(lines.texts, ElementsAre("good", "bad\tfair"));
  EXPECT_THAT(lines.labels, ElementsAre("yes", "no"));
}

TEST_F(Labelled, NamesAreSortedNumbersByTheirSize) {
  EXPECT_THAT(label_names(read("a\t10\nb\t9\nc\t-1\nd\t10\n")), ElementsAre("-1", "9", "10"));
  EXPECT_THAT(label_names(read("a\t10\nb\t9\nc\tx\n")), ElementsAre("10", "9", "x"));
}

TEST_F(Labelled, LinesThatCannotBeReadAreNamed) {
  EXPECT_THAT(message([&] { read("__label__pos fine\n"); }), HasSubstr("from fastText's form: sed"));
  EXPECT_THAT(message([&] { read("good\t1\nbad\n"); }), HasSubstr("lines.tsv: line 2 has no tab; each line must be a text, a tab"));
  EXPECT_THAT(message([&] { read("good\t\n"); }), HasSubstr("line 1 has no label"));
  EXPECT_THAT(message([&] { read(" \t1\n"); }), HasSubstr("line 1 has no text"));
  EXPECT_THAT(message([&] { read("good\t1\n\xff\t1\n"); }), HasSubstr("line 2 is not valid UTF-8"));
  EXPECT_THAT(message([&] { read(""); }), HasSubstr("is empty"));
  EXPECT_THAT(message([&] { label_names(read("good\t1\nbad\t1\n")); }),
              HasSubstr("all 2 lines have the label \"1\"; a classification needs two"));
}

// GLUE's SST-2 begins so.
TEST_F(Labelled, HeaderIsLeftOutAndLinesKeepTheirNumbers) {
  const LabelledLines lines = read("sentence\tlabel\ngood\t1\nbad\t0\n");
  EXPECT_THAT(lines.texts, ElementsAre("good", "bad"));
  EXPECT_THAT(label_names(lines), ElementsAre("0", "1"));
  const std::vector<std::string> names{"1", "2"};
  EXPECT_THAT(message([&] { LabelledTexts(lines, names, tokenizer_, 9); }), HasSubstr("lines.tsv: line 3 has the label \"0\""));
  EXPECT_THAT(label_names(read("\xef\xbb\xbfText\tLabel\r\ngood\t1\r\nbad\t0\r\n")), ElementsAre("0", "1"));
}

TEST_F(Labelled, HeadersOfOtherNamesAreRecognizedAndNamedInEachFile) {
  const auto a = root_.write("a.tsv", "review\tsentiment\ngood\t1\nbad\t0\n"), b = root_.write("b.tsv", "id\tText\tClass\n1\tfair\t1\n");
  testing::internal::CaptureStderr();
  const LabelledLines lines = read_labelled_lines(TextSource::open(std::vector<std::filesystem::path>{a, b}));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("a.tsv: the first line, \"review\" and \"sentiment\", is a header and left"));
  EXPECT_THAT(lines.labels, ElementsAre("1", "0", "1"));
  EXPECT_EQ(lines.place(2).name, b.string());
  EXPECT_EQ(lines.place(2).line, 2);
  EXPECT_THAT(label_names(read("text\ttarget\nx\ttarget\nx\tb\n")), ElementsAre("b", "target")) << "a class may have such a name";
}

TEST_F(Labelled, TablesAndJsonLinesAreReadByTheirColumns) {
  const auto columns = [&](const std::string& content, const LabelledFormat& names) {
    write_file_atomically(path_, content);
    return read_labelled_lines(path_, names);
  };
  for (const char* csv :
       {"id,stars,review\n1,5,\"good, \"\"very\"\"\"\n2,1,\"bad\nfilm\"\n", "id;stars;review\n1;5;good, \"very\"\n2;1;\"bad\nfilm\"\n",
        "{\"review\": \"good, \\\"very\\\"\", \"stars\": 5}\n\n{\"stars\": 1, \"review\": \"bad\\nfilm\"}\n"}) {
    const LabelledLines lines = columns(csv, {"review", "stars"});
    EXPECT_THAT(lines.texts, ElementsAre("good, \"very\"", "bad\nfilm")) << csv;
    EXPECT_THAT(lines.labels, ElementsAre("5", "1"));
  }
  const LabelledLines json = columns("{\"text\": \"good\", \"label\": true}\n{\"text\": \"bad\", \"label\": false}\n", {});
  EXPECT_THAT(json.labels, ElementsAre("true", "false"));
  EXPECT_THAT(columns("a\ttext\tb\n1\tgood\tx\n2\tbad\ty\n", {.label = "b"}).texts, ElementsAre("good", "bad"));
  EXPECT_THAT(message([&] { columns("text,label\ngood,1\n ,0\n", {.text = "text"}); }), HasSubstr("lines.tsv: line 3 has no text"));
  EXPECT_THAT(message([&] { columns("text,label\ngood,\n", {.text = "text"}); }), HasSubstr("line 2 has no label"));
  EXPECT_THAT(message([&] { columns("text,label\n", {.text = "text"}); }), HasSubstr("it has no rows"));
  EXPECT_THAT(message([&] { read("good,1\n"); }), HasSubstr("or text_column and label_column name columns of CSV"));
}

TEST_F(Labelled, ClassNamedLabelStays) {
  EXPECT_THAT(label_names(read("good\tlabel\nbad\tother\nfair\tlabel\n")), ElementsAre("label", "other"));
}

TEST_F(Labelled, OddLabelsGetAWord) {
  const auto warning = [&](const std::string& content) {
    testing::internal::CaptureStderr();
    read(content);
    return testing::internal::GetCapturedStderr();
  };
  std::string swapped, header = "review\topinion\n", usual;
  for (int i = 0; i < 12; ++i) {
    swapped += fmt::format("{}\tthe {}. good film\n", i % 2, i);
    header += fmt::format("the {}. good film\t{}\n", i, i % 2);
    usual += fmt::format("the {}. good film\t{}\n", i, i % 2);
  }
  EXPECT_THAT(warning(swapped), HasSubstr("12 lines have 12 different labels"));
  EXPECT_THAT(warning(header), HasSubstr("no other line than the first has the label \"opinion\""));
  EXPECT_EQ(warning(usual), "");
}

TEST_F(Labelled, TextsAreFramedAndLongOnesCutBeforeTheLastSpecialToken) {
  const std::vector<std::string> names{"no", "yes"};
  const LabelledTexts texts(read("good bad good bad\tyes\ngood\tno\n"), names, tokenizer_, 4);
  const auto id = [&](const char* token) { return tokenizer_.token_to_id(token); };
  EXPECT_THAT(texts.inputs().ids[0], ElementsAre(id("[CLS]"), id("good"), id("bad"), id("[SEP]")));
  EXPECT_THAT(texts.inputs().ids[1], ElementsAre(id("[CLS]"), id("good"), id("[SEP]")));
  EXPECT_EQ(texts.labels(0).front(), 1);
  EXPECT_EQ(texts.labels(1).front(), 0);
  EXPECT_EQ(texts.cut(), 1);
  EXPECT_EQ(texts.tokens(), 7);
}

TEST_F(Labelled, SpecialTokensThatATextSpellsOutAreText) {
  const int32_t separator = tokenizer_.token_to_id("[SEP]");
  const std::vector<std::string> lines{"good [SEP] bad"};
  const EncoderInputs inputs = encode_for_classifier(tokenizer_, lines, {}, 40);
  EXPECT_EQ(std::count(inputs.ids[0].begin(), inputs.ids[0].end(), separator), 1) << "the one at the end";
}

TEST_F(Labelled, LabelsAndTokenizersThatDoNotFitAreNamed) {
  const std::vector<std::string> names{"no", "yes"};
  const LabelledLines lines = read("good\tyes\nbad\tmaybe\n");
  EXPECT_THAT(message([&] { LabelledTexts(lines, names, tokenizer_, 9); }),
              HasSubstr("lines.tsv: line 2 has the label \"maybe\", which is none of the classifier's: no, yes"));
  const Tokenizer sentences = train_tokenizer({.vocab_size = 20, .vocab_size_is_upper_bound = true}, std::vector<std::string>{"good bad"});
  EXPECT_THAT(message([&] { LabelledTexts(read("good\tyes\n"), names, sentences, 9); }), HasSubstr("no [CLS] token before a text"));
}

}  // namespace
}  // namespace qkv
