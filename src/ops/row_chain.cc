#include "ops/row_chain.h"

#include "ops/ops.h"

namespace qkv {
namespace {

// A chain's steps over all rows.
struct WholeRows {
  const Tensor& x;
  Tensor between = {};

  View of(const View& rows) {
    if (rows.data || rows.cols == 0) return rows;
    if (!between) between = Tensor::empty({rows.rows, rows.cols}, rows.dtype, x.device());
    return between.view();
  }
  void run(MatmulParams p) {
    p.a = of(p.a);
    p.out = of(p.out);
    kernels_for(x).matmul(p);
  }
  void run(ActivationParams p) {
    p.x = of(p.x);
    p.y = of(p.y);
    kernels_for(x).activation(p);
  }
  void run(const ActivationBackwardParams& p) { kernels_for(x).activation_backward(p); }
};

}  // namespace

void run_row_chain(const Tensor& x, std::span<const RowStep> steps) {
  if (kernels_for(x).row_chain) return kernels_for(x).row_chain({steps, x.rows()});
  WholeRows whole{x};
  for (const RowStep& step : steps) std::visit([&](const auto& p) { whole.run(p); }, step);
}

}  // namespace qkv
