#include "train/parameter_row.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace qkv {
namespace {

TEST(ParameterRow, PiecesOfAllPartsAreAllValuesOnce) {
  ParameterStore parameters(1, false);
  for (const int64_t rows : {5, 700'000, 1, 400'001, 33}) {
    parameters.create(fmt::format("w{}", rows), {rows, 2}, Initializer::zeros(), true);
  }
  const ParameterRow row(parameters, 8);
  EXPECT_EQ(row.buckets(), 2u) << "a bucket ends with the parameter that fills it";
  for (const int processes : {1, 2, 8}) {
    std::vector<int64_t> reached(parameters.all().size());
    std::vector<ParameterPiece> all;
    for (int process = 0; process < processes; ++process) {
      const int share = 8 / processes;
      int64_t own = 0;
      for (const ParameterPiece& piece : row.pieces(process * share, (process + 1) * share)) {
        EXPECT_GE(piece.own, own) << "pieces of a process follow each other";
        own = piece.own + piece.count;
        all.push_back(piece);
      }
      EXPECT_LE(own, row.size_of_parts(process * share, (process + 1) * share));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    for (const ParameterPiece& piece : all) {
      EXPECT_EQ(piece.begin, reached[piece.parameter]) << "no gap, no overlap";
      reached[piece.parameter] += piece.count;
    }
    EXPECT_EQ(all.size(), row.pieces(0, 8).size()) << "the number of processes changes no piece, so no sum of squares";
    for (size_t i = 0; i < reached.size(); ++i) EXPECT_EQ(reached[i], parameters.all()[i].value.numel());
  }
}

TEST(ParameterRow, ViewsShareTheRowsMemory) {
  ParameterStore parameters(1, false);
  parameters.create("a", {3}, Initializer::zeros(), false);
  parameters.create("b", {2, 2}, Initializer::zeros(), true);
  const ParameterRow row(parameters, 1);
  const Tensor values = Tensor::zeros({row.size(), 1}, DType::f32);
  const std::vector<Tensor> views = row.views(values);
  views[1].fill(2);
  double sum = 0;
  for (const float value : values.to_vector()) sum += value;
  EXPECT_EQ(sum, 8);
  EXPECT_EQ(views[0].shape(), Shape{3});
}

}  // namespace
}  // namespace qkv
