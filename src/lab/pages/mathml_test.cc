#include "lab/pages/mathml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace qkv::lab {
namespace {

TEST(MathMl, FractionsRootsAndScripts) {
  EXPECT_EQ(
      to_mathml("\\frac{q_i}{\\sqrt{2}}", false),
      "<math><mfrac><mrow><msub><mi>q</mi><mi>i</mi></msub></mrow><mrow><msqrt><mrow><mn>2</mn></mrow></msqrt></mrow></mfrac></math>");
  EXPECT_EQ(to_mathml("x_i^2", false), "<math><msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup></math>");
}

TEST(MathMl, SumsHaveTheirBoundsBelowAndAbove) {
  EXPECT_EQ(to_mathml("\\sum_{i}^{n} i", true),
            "<math display=\"block\"><munderover><mo>∑</mo><mrow><mi>i</mi></mrow><mrow><mi>n</mi></mrow></munderover><mi>i</mi></math>");
}

TEST(MathMl, MatricesWithNegativeNumbers) {
  EXPECT_EQ(to_mathml("\\begin{pmatrix}1.50&−2\\\\1,000&0\\end{pmatrix}", false),
            "<math><mtable class=\"matrix\"><mtr><mtd><mn>1.50</mn></mtd><mtd><mo stretchy=\"false\">−</mo><mn>2</mn></mtd></mtr><mtr><mtd>"
            "<mn>1,000</mn></mtd><mtd><mn>0</mn></mtd></mtr></mtable></math>");
}

TEST(MathMl, FencesStretchAndSignsAreEscaped) {
  EXPECT_EQ(to_mathml("\\left(a\\right)", false), "<math><mrow><mo>(</mo><mi>a</mi><mo>)</mo></mrow></math>");
  EXPECT_EQ(to_mathml("a < b", false), "<math><mi>a</mi><mo stretchy=\"false\">&lt;</mo><mi>b</mi></math>");
}

TEST(MathMl, FunctionsStandApartFromTheirArgument) {
  EXPECT_EQ(to_mathml("\\sin a", false), "<math><mi>sin</mi><mspace width=\"0.17em\"></mspace><mi>a</mi></math>");
  EXPECT_EQ(to_mathml("\\sin(a)", false), "<math><mi>sin</mi><mo stretchy=\"false\">(</mo><mi>a</mi><mo stretchy=\"false\">)</mo></math>");
}

TEST(MathMl, UnknownCommandsAndOpenGroupsAreNamed) {
  for (const char* wrong : {"\\nothing x", "{a", "a}", "\\begin{pmatrix}1", "\\left(a"}) {
    EXPECT_THROW(to_mathml(wrong, false), Error) << wrong;
  }
}

}  // namespace
}  // namespace qkv::lab
