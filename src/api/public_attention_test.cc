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
  EXPECT_THAT(error({}, long_text), HasSubstr("more than the 40 tokens that the model takes"));
  EXPECT_THAT(error_of([&] { inspector.heads(AttentionKind::cross, 9); }, ErrorCode::invalid_argument), HasSubstr("layer 9"));
}

TEST_F(AttentionInspectorTest, ModelsOfOneTextShowItAndRefuseWhatIsForTranslating) {
  write_generator(directory_ / "lm");
  write_encoder(directory_ / "mlm", Head::masked_lm);
  write_encoder(directory_ / "classifier", Head::classification);
  for (const auto& [name, kind] : {std::pair{"lm", AttentionKind::decoder}, std::pair{"mlm", AttentionKind::encoder},
                                   std::pair{"classifier", AttentionKind::encoder}}) {
    SCOPED_TRACE(name);
    const AttentionInspector inspector = AttentionInspector::open(directory_ / name);
    EXPECT_EQ(inspector.kinds(), std::vector{kind});
    EXPECT_EQ(inspector.layers(AttentionKind::cross), 0);
    const AttentionView view = inspector.view("the boat");
    EXPECT_EQ(view.trace.kind, kind);
    EXPECT_FALSE(view.has_target);
    EXPECT_EQ(view.trace.weights.rows, static_cast<int64_t>(view.queries.size()));
    EXPECT_EQ(view.trace.weights.cols, static_cast<int64_t>(view.keys.size()));
    if (kind == AttentionKind::encoder) {
      EXPECT_EQ(view.keys.front(), "[CLS]");
      EXPECT_EQ(view.keys.back(), "[SEP]");
    }
    const auto error = [&](const AttentionRequest& request) {
      return error_of([&] { inspector.view("the boat", request); }, ErrorCode::invalid_argument);
    };
    EXPECT_THAT(error({.target = "das Boot"}), HasSubstr("target is for a model that translates"));
    EXPECT_THAT(error({.kind = AttentionKind::cross}), HasSubstr("kind cross: the model has no such attention; possible: "));
    EXPECT_THAT(error({.layer = 7}), HasSubstr("layer 7 does not exist; possible: 0 to 1"));
    EXPECT_THAT(error_of([&] { AttentionInspector::open(directory_ / name, {.num_beams = 3}); }, ErrorCode::invalid_argument),
                HasSubstr("num_beams is for models that translate"));
  }
}

}  // namespace
}  // namespace qkv
