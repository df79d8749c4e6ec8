#include "lab/pages/by_hand.h"

namespace qkv::lab {

Numbers quadratic_by_hand() {
  const Matrix n{{3, 6, 12}};
  const double d = 2;
  return {{"n", n},
          {"scores", each(n, [](double x) { return x * x; })},
          {"products", each(n, [&](double x) { return x * x * d; })},
          {"both", each(n, [&](double x) { return 2 * x * x * d; })},
          {"projections", each(n, [&](double x) { return 3 * x * d * d; })}};
}

Numbers complexity_by_hand() {
  const double n = 3, d = 2, k = 3;
  return {{"attention", 2 * n * n * d}, {"projections", 4 * n * d * d}, {"recurrence", 2 * n * d * d}, {"convolution", k * n * d * d}};
}

Numbers head_width_by_hand() {
  const double n = 3, d = 4, h = 2, narrow = d / h;
  const auto weights = [&](double width) { return 4 * h * d * width; };
  const auto products = [&](double width) { return n * weights(width) + 2 * h * n * n * width; };
  return {{"weights", weights(narrow)},
          {"weights_wide", weights(d)},
          {"products", products(narrow)},
          {"products_wide", products(d)},
          {"weights_one", 4 * d * d}};
}

}  // namespace qkv::lab
