#include "qkv/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class AttentionInspectorTest : public testing::Test {
 protected:
  void SetUp() override { write_translator(directory_ / "model"); }

  TemporaryDirectory directory_;
};

TEST_F(AttentionInspectorTest, ShowsEachHeadOfEachKind) {
  const AttentionInspector inspector = AttentionInspector::open(directory_ / "model", {.max_length = 8});
  for (const AttentionKind kind : {AttentionKind::encoder, AttentionKind::decoder, AttentionKind::cross}) {
    ASSERT_EQ(inspector.layers(kind), 2);
    ASSERT_EQ(inspector.heads(kind, 1), 4);
    const AttentionView view = inspector.view("ein Haus", {.kind = kind, .head = 3, .target = "a house"});
    EXPECT_EQ(view.trace.kind, kind);
    EXPECT_EQ(view.trace.layer, 1) << "the last one, where none is named";
    EXPECT_EQ(view.trace.head, 3);
    EXPECT_EQ(view.target, "a house");
    const AttentionMatrix& weights = view.trace.weights;
    ASSERT_EQ(weights.rows, static_cast<int64_t>(view.queries.size()));
    ASSERT_EQ(weights.cols, static_cast<int64_t>(view.keys.size()));
    for (int64_t row = 0; row < weights.rows; ++row) {
      double sum = 0;
      for (int64_t col = 0; col < weights.cols; ++col) sum += weights.at(row, col);
      EXPECT_NEAR(sum, 1, 1e-5);
    }
  }
}

TEST_F(AttentionInspectorTest, WithoutATargetItIsTheTranslators) {
  const TranslatorOptions options{.num_beams = 2, .max_length = 8};
  EXPECT_EQ(AttentionInspector::open(directory_ / "model", options).view("ein Haus").target,
            Translator::open(directory_ / "model", options).translate("ein Haus"));
}

TEST_F(AttentionInspectorTest, WrongRequestsNameTheMember) {
  const AttentionInspector inspector = AttentionInspector::open(directory_ / "model");
  const auto error = [&](const AttentionRequest& request, std::string_view source = "ein") {
    return error_of([&] { inspector.view(source, request); }, source.size() > 3 ? ErrorCode::bad_input : ErrorCode::invalid_argument);
  };
  std::string long_text;
  for (int i = 0; i < 100; ++i) long_text += "ein Haus ";
  EXPECT_EQ(error({.layer = 2, .target = "a"}), "layer 2 does not exist; possible: 0 to 1");
  EXPECT_EQ(error({.layer = -1, .target = "a"}), "layer -1 does not exist; possible: 0 to 1");
  EXPECT_EQ(error({.head = 4, .target = "a"}), "head 4 does not exist; possible: 0 to 3");
  EXPECT_THAT(error({}, long_text), HasSubstr("source has more than the 40 tokens"));
  EXPECT_THAT(error_of([&] { inspector.heads(AttentionKind::cross, 9); }, ErrorCode::invalid_argument), HasSubstr("layer 9"));
  write_generator(directory_ / "lm");
  EXPECT_THAT(error_of([&] { AttentionInspector::open(directory_ / "lm"); }, ErrorCode::unsupported), HasSubstr("models that translate"));
}

}  // namespace
}  // namespace qkv
