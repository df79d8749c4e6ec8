// Numbers from sentence_transformers.util's pairwise functions and numpy.
#include "embed/similarity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/npy.h"

namespace qkv {
namespace {

const Embeddings kRows{.size = 3, .values = {1, 2, 3, -2, 0.5, 1, 0, 0, 2, 1, 2, 3}, .cut = std::vector<bool>(4)};

TEST(Similarity, MeasuresAreThoseOfSentenceTransformers) {
  EXPECT_NEAR(similarity_of(kRows.row(0), kRows.row(1), Similarity::cosine), 0.2332847, 1e-6);
  EXPECT_NEAR(similarity_of(kRows.row(0), kRows.row(1), Similarity::dot), 2, 1e-6);
  EXPECT_NEAR(similarity_of(kRows.row(0), kRows.row(1), Similarity::euclidean), -3.905125, 1e-6);
  EXPECT_NEAR(similarity_of(kRows.row(0), kRows.row(1), Similarity::manhattan), -6.5, 1e-6);
}

TEST(Similarity, NeighboursAreSortedAndEqualOnesKeepTheirOrder) {
  const auto indices = [](const std::vector<Neighbour>& found) {
    std::vector<int64_t> all;
    for (const Neighbour& each : found) all.push_back(each.index);
    return all;
  };
  for (const Similarity measure : {Similarity::cosine, Similarity::dot, Similarity::euclidean, Similarity::manhattan}) {
    const auto found = find_neighbours(kRows, kRows, 3, measure, nullptr);
    ASSERT_EQ(found.size(), 4u);
    EXPECT_THAT(indices(found[0]), testing::ElementsAre(0, 3, 2));
    for (const Neighbour& each : found[1]) EXPECT_NEAR(each.similarity, similarity_of(kRows.row(1), kRows.row(each.index), measure), 1e-6);
  }
  EXPECT_THAT(find_neighbours(kRows, kRows, 9, Similarity::dot, nullptr)[0], testing::SizeIs(4));
}

TEST(Npy, HeaderIsThatOfNumpy) {
  const std::string header = npy_header(1000, 384);
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.back(), '\n');
  EXPECT_THAT(header, testing::HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 384), }"));
  EXPECT_EQ(header.size(), 10 + static_cast<size_t>(static_cast<unsigned char>(header[8])));
}

}  // namespace
}  // namespace qkv
