#include "models/weight_problems.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(WeightProblems, NamesOfLayersAreListedTogether) {
  WeightProblems problems;
  EXPECT_TRUE(problems.empty());
  for (const int layer : {0, 1, 2, 5}) problems.add_missing("bert.encoder.layer." + std::to_string(layer) + ".output.dense.bias");
  problems.add_missing("bert.pooler.dense.weight");
  problems.add_misshapen("a.0.b.weight", {2, 3}, {2, 4});
  problems.add_misshapen("a.1.b.weight", {2, 3}, {2, 4});
  problems.add_misshapen("a.2.b.weight", {2, 5}, {2, 4});
  problems.add_unknown("x.7.y");
  EXPECT_EQ(
      problems.text("w", "c", "BertModel"),
      "w does not fit c: it has no tensor \"bert.encoder.layer.{0-2, 5}.output.dense.bias\", \"bert.pooler.dense.weight\"; tensor "
      "\"a.{0-1}.b.weight\" is [2, 3], not [2, 4], \"a.2.b.weight\" is [2, 5], not [2, 4]; it has 1 tensor that a BertModel as described "
      "there does not have: \"x.7.y\"");
}

TEST(WeightProblems, LongListsAreCut) {
  WeightProblems problems;
  for (int i = 0; i < 100; ++i) problems.add_unknown("t" + std::to_string(i));
  const std::string text = problems.text("w", "c", "BertModel");
  EXPECT_NE(text.find("it has 100 tensors"), std::string::npos);
  EXPECT_NE(text.find("\"t4\", … (95 more)"), std::string::npos);
  EXPECT_EQ(text.find("\"t5\""), std::string::npos);
}

}  // namespace
}  // namespace qkv
