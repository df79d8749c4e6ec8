// Chains of kernels, slab after slab of rows. Activations of a long batch leave the caches between two passes over all rows; between two
// steps of a slab they do not (docs/performance.md has what it gains).
#include <algorithm>

#include "base/parallel.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/scratch.h"

namespace qkv::cpu {
namespace {

constexpr int64_t kSlab = 128;

// Some rows of all, and the memory of those that live between steps only.
struct Slab {
  int64_t first, rows;
  void* between;

  View of(const View& x) const {
    if (x.data) return x.rows_from(first, rows);
    return x.cols == 0 ? x : View{between, rows, x.cols, x.cols, x.dtype};
  }
  DropoutParams of(DropoutParams dropout, int64_t cols) const {
    dropout.first_element += static_cast<uint64_t>(first * cols);
    return dropout;
  }

  void run(MatmulParams p) const {
    p.a = of(p.a);
    p.out = of(p.out);
    matmul(p);
  }
  void run(ActivationParams p) const {
    p.dropout = of(p.dropout, p.x.cols);
    p.x = of(p.x);
    p.y = of(p.y);
    activation(p);
  }
  void run(ActivationBackwardParams p) const {
    p.dropout = of(p.dropout, p.x.cols);
    for (View* x : {&p.x, &p.dy, &p.dx, &p.y}) *x = of(*x);
    activation_backward(p);
  }
};

// Of a row that lives between steps; 0: there is none.
int64_t row_bytes(const RowStep& step) {
  const auto bytes = [](const View& x) { return x.data ? 0 : x.cols * size_of(x.dtype); };
  if (const auto* p = std::get_if<MatmulParams>(&step)) return std::max(bytes(p->a), bytes(p->out));
  if (const auto* p = std::get_if<ActivationParams>(&step)) return std::max(bytes(p->x), bytes(p->y));
  return 0;
}

}  // namespace

void row_chain(const RowChainParams& p) {
  // Few rows are cut by each step, by columns too.
  const int64_t slab = p.rows < 4 * kSlab ? p.rows : kSlab;
  int64_t between = 0;
  for (const RowStep& step : p.steps) between = std::max(between, row_bytes(step));
  if (p.rows == 0) return;
  parallel_for((p.rows + slab - 1) / slab, [&](int64_t i) {
    const int64_t rows = std::min(slab, p.rows - i * slab);
    const Slab at{i * slab, rows, between ? scratch_bytes(Scratch::between_steps, rows * between) : nullptr};
    for (const RowStep& step : p.steps) std::visit([&](const auto& params) { at.run(params); }, step);
  });
}

}  // namespace qkv::cpu
