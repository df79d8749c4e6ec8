// Recurrent layers step by step. Threads take panels of units, so that together they read W_hh once per step and each sum is made by one
// thread. A panel's sums are used by the cell's formula while they are in the cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/recurrence.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/recurrence_panels-inl.h"
#include "kernels/cpu/recurrent_cell-inl.h"
#include "kernels/cpu/vector/flat.h"
#include "kernels/cpu/vector/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// Vectors per panel in the forward: the gates of kLanes units; for tanh, which has one gate, 4 * kLanes units.
template <RecurrentCell kCell>
constexpr int vectors_of() {
  return kCell == RecurrentCell::gru ? 3 : 4;
}

// Maps vector v of a panel in the forward to its row of W_hh and its unit.
template <RecurrentCell kCell>
struct PanelPlace {
  static constexpr int64_t kUnits = (kCell == RecurrentCell::tanh ? 4 : 1) * static_cast<int64_t>(kLanes);  // units of a panel
  static int64_t row_of(int64_t panel, int v, int64_t hidden) {  // the row of W_hh for the vector's first unit
    return kCell == RecurrentCell::tanh ? panel * kUnits + v * static_cast<int64_t>(kLanes) : v * hidden + panel * kUnits;
  }
  static int64_t unit_of(int64_t panel, int v) {
    return panel * kUnits + (kCell == RecurrentCell::tanh ? v * static_cast<int64_t>(kLanes) : 0);
  }
};

// Packs `count` columns of `b`, starting at `first`, as vector v of a panel. Element (k, n) of b is at k * k_step + n * n_step.
void pack_vector(const float* b, int64_t k_step, int64_t n_step, int64_t depth, int64_t count, float* to, int64_t width) {
  constexpr int64_t kBlock = 16;  // of k, so that the lines being read stay in L1
  for (int64_t k = 0; k < depth; k += kBlock) {
    for (int64_t n = 0; n < static_cast<int64_t>(kLanes); ++n) {
      for (int64_t i = k; i < std::min(depth, k + kBlock); ++i) to[i * width + n] = n < count ? b[i * k_step + n * n_step] : 0.0f;
    }
  }
}

// The previous (or next) step in the direction of the recurrence, and how many of step t's sequences have one.
struct Neighbour {
  int64_t begin = 0, count = 0;
};
Neighbour neighbour_of(const RecurrenceParams& p, int64_t t, bool before) {
  const int64_t step = p.reverse == before ? t + 1 : t - 1;
  if (step < 0 || step >= p.steps.count) return {};
  return {p.steps.begin[step], std::min(p.steps.length[step], p.steps.length[t])};
}

constexpr int64_t divide_up(int64_t x, int64_t divisor) { return (x + divisor - 1) / divisor; }

// Prefetches some columns of each gate in `rows` rows. They are far apart, and the product before their use takes long enough.
void prefetch_gates(const View& gates, int64_t first, int64_t rows, int64_t count, int64_t hidden, int64_t unit, int64_t units) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = gates.row<const float>(first + r) + unit;
    for (int64_t g = 0; g < count; ++g) {
      for (int64_t u = 0; u < units; u += 16) __builtin_prefetch(row + g * hidden + u, 1, 2);
    }
  }
}

template <RecurrentCell kCell>
void forward_panel(const RecurrenceParams& p, int64_t t, int64_t panel, const float* packed) {
  constexpr int V = vectors_of<kCell>();
  constexpr int kGates = gates_of(kCell);
  constexpr int64_t kWidth = V * static_cast<int64_t>(kLanes);
  const int64_t hidden = p.out.cols, begin = p.steps.begin[t], rows = p.steps.length[t];
  const Neighbour before = neighbour_of(p, t, true);
  float* sums = scratch(Scratch::sums, rows * kWidth);
  prefetch_gates(p.gates, begin, rows, kGates, hidden, PanelPlace<kCell>::unit_of(panel, 0), PanelPlace<kCell>::kUnits);
  panel_product<V>(p.out.row<const float>(before.begin), p.out.stride, before.count, packed + panel * kWidth * hidden, hidden, sums);
  const float* bias = p.bias.as<const float>();
  for (int64_t r = 0; r < rows; ++r) {
    const bool first = r >= before.count;
    for (int v = 0; v < V; v += kGates) {
      const int64_t unit = PanelPlace<kCell>::unit_of(panel, v);
      if (unit >= hidden) break;
      const size_t n = static_cast<size_t>(hidden - unit);
      float* gates = p.gates.row<float>(begin + r) + unit;
      Vec x[kGates], h[kGates];
      for (int g = 0; g < kGates; ++g) {
        x[g] = load_part(gates + g * hidden, n);
        h[g] = load_part(bias + g * hidden + unit, n);
        if (!first) h[g] = hn::Add(h[g], load(sums + r * kWidth + (v + g) * kLanes));
      }
      const Vec none = hn::Zero(F32());
      const Vec h_before = first || kCell != RecurrentCell::gru ? none : load_part(p.out.row<const float>(before.begin + r) + unit, n);
      const Vec c_before = first || kCell != RecurrentCell::lstm ? none : load_part(p.memory.row<const float>(before.begin + r) + unit, n);
      const CellValues y = cell_forward<kCell>(x, h, h_before, c_before);
      for (int g = 0; g < kGates; ++g) store_part(y.gates[g], gates + g * hidden, n);
      if constexpr (kCell != RecurrentCell::tanh) store_part(y.memory, p.memory.row<float>(begin + r) + unit, n);
      store_part(y.out, p.out.row<float>(begin + r) + unit, n);
    }
  }
}

template <RecurrentCell kCell>
void run_forward(const RecurrenceParams& p) {
  constexpr int V = vectors_of<kCell>();
  constexpr int64_t kWidth = V * static_cast<int64_t>(kLanes);
  const int64_t hidden = p.out.cols, panels = divide_up(hidden, PanelPlace<kCell>::kUnits);
  float* packed = scratch(Scratch::packed_b, panels * kWidth * hidden);
  parallel_for(panels * V, [&](int64_t i) {
    const int64_t panel = i / V, v = i % V, unit = PanelPlace<kCell>::unit_of(panel, static_cast<int>(v));
    const int64_t row = PanelPlace<kCell>::row_of(panel, static_cast<int>(v), hidden);
    pack_vector(unit < hidden ? p.weight.row<const float>(row) : nullptr, 1, p.weight.stride, hidden, hidden - unit,
                packed + panel * kWidth * hidden + v * static_cast<int64_t>(kLanes), kWidth);
  });
  for (int64_t i = 0; i < p.steps.count; ++i) {
    const int64_t t = p.reverse ? p.steps.count - 1 - i : i;
    // Alternates the direction: what the previous step read last is still in the cache.
    parallel_for(panels, [&](int64_t panel) { forward_panel<kCell>(p, t, i % 2 ? panels - 1 - panel : panel, packed); });
  }
}

void recurrence(const RecurrenceParams& p) {
  switch (p.cell) {
    case RecurrentCell::tanh: return run_forward<RecurrentCell::tanh>(p);
    case RecurrentCell::gru: return run_forward<RecurrentCell::gru>(p);
    case RecurrentCell::lstm: return run_forward<RecurrentCell::lstm>(p);
  }
}

inline constexpr int kBackwardVectors = 4;
inline constexpr int64_t kBackwardUnits = kBackwardVectors * static_cast<int64_t>(kLanes);

// Computes dh of 4 vectors of units from the next step, then the gradients of their gates. carry: [sequences, hidden], see CellGradients.
template <RecurrentCell kCell>
void backward_panel(const RecurrenceBackwardParams& p, int64_t t, int64_t panel, const float* packed, float* carry) {
  constexpr int kGates = gates_of(kCell);
  const RecurrenceParams& f = p.forward;
  const int64_t hidden = f.out.cols, begin = f.steps.begin[t], rows = f.steps.length[t], depth = kGates * hidden;
  const Neighbour before = neighbour_of(f, t, true), after = neighbour_of(f, t, false);
  float* sums = scratch(Scratch::sums, rows * kBackwardUnits);
  const View& dsums = p.dhidden ? p.dhidden : p.dgates;
  prefetch_gates(f.gates, begin, rows, kGates, hidden, panel * kBackwardUnits, kBackwardUnits);
  panel_product<kBackwardVectors>(dsums.row<const float>(after.begin), dsums.stride, after.count, packed + panel * kBackwardUnits * depth,
                                  depth, sums);
  const Vec none = hn::Zero(F32());
  for (int64_t r = 0; r < rows; ++r) {
    const bool first = r >= before.count, last = r >= after.count;
    for (int v = 0; v < kBackwardVectors; ++v) {
      const int64_t unit = panel * kBackwardUnits + v * static_cast<int64_t>(kLanes);
      if (unit >= hidden) break;
      const size_t n = static_cast<size_t>(hidden - unit);
      const auto of_row = [&](const View& x, int64_t row) HWY_ATTR { return load_part(x.row<const float>(row) + unit, n); };
      Vec values[kGates];
      for (int g = 0; g < kGates; ++g) values[g] = load_part(f.gates.row<const float>(begin + r) + g * hidden + unit, n);
      float* carried = carry + r * hidden + unit;
      const Vec from_after = last || kCell == RecurrentCell::tanh ? none : load_part(carried, n);
      Vec dh = of_row(p.dout, begin + r);
      if (!last) dh = hn::Add(dh, load(sums + r * kBackwardUnits + v * kLanes));
      if (kCell == RecurrentCell::gru) dh = hn::Add(dh, from_after);
      const Vec memory = kCell == RecurrentCell::tanh ? none : of_row(f.memory, begin + r);
      const Vec h_before = first || kCell != RecurrentCell::gru ? none : of_row(f.out, before.begin + r);
      const Vec c_before = first || kCell != RecurrentCell::lstm ? none : of_row(f.memory, before.begin + r);
      const CellGradients gradients = cell_backward<kCell>(values, memory, h_before, c_before, dh, from_after);
      for (int g = 0; g < kGates; ++g) {
        store_part(gradients.gates[g], p.dgates.row<float>(begin + r) + g * hidden + unit, n);
        if (kCell == RecurrentCell::gru)
          store_part(g == 2 ? gradients.hidden_gate : gradients.gates[g], p.dhidden.row<float>(begin + r) + g * hidden + unit, n);
      }
      if constexpr (kCell != RecurrentCell::tanh) store_part(gradients.carry, carried, n);
    }
  }
}

template <RecurrentCell kCell>
void run_backward(const RecurrenceBackwardParams& p) {
  const RecurrenceParams& f = p.forward;
  if (f.steps.count == 0) return;
  const int64_t hidden = f.out.cols, depth = gates_of(kCell) * hidden, panels = divide_up(hidden, kBackwardUnits);
  float* packed = scratch(Scratch::packed_b, panels * kBackwardUnits * depth);
  parallel_for(panels * kBackwardVectors, [&](int64_t i) {
    const int64_t panel = i / kBackwardVectors, v = i % kBackwardVectors, unit = i * static_cast<int64_t>(kLanes);
    pack_vector(f.weight.as<const float>() + unit, f.weight.stride, 1, depth, hidden - unit,
                packed + panel * kBackwardUnits * depth + v * static_cast<int64_t>(kLanes), kBackwardUnits);
  });
  float* carry = scratch(Scratch::carry, f.steps.length[0] * hidden);
  for (int64_t i = 0; i < f.steps.count; ++i) {
    const int64_t t = f.reverse ? i : f.steps.count - 1 - i;
    parallel_for(panels, [&](int64_t panel) { backward_panel<kCell>(p, t, i % 2 ? panels - 1 - panel : panel, packed, carry); });
  }
}

void recurrence_backward(const RecurrenceBackwardParams& p) {
  switch (p.forward.cell) {
    case RecurrentCell::tanh: return run_backward<RecurrentCell::tanh>(p);
    case RecurrentCell::gru: return run_backward<RecurrentCell::gru>(p);
    case RecurrentCell::lstm: return run_backward<RecurrentCell::lstm>(p);
  }
}

template <RecurrentCell kCell>
void advance(const RecurrentStepParams& p) {
  constexpr int kGates = gates_of(kCell);
  const int64_t hidden = p.h.cols;
  for_each_slab(p.h.rows, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t unit = 0; unit < hidden; unit += kLanes) {
        const size_t n = static_cast<size_t>(hidden - unit);
        Vec x[kGates], h[kGates];
        for (int g = 0; g < kGates; ++g) {
          x[g] = load_part(p.from_input.row<const float>(r) + g * hidden + unit, n);
          h[g] = load_part(p.from_hidden.row<const float>(r) + g * hidden + unit, n);
        }
        float* state = p.h.row<float>(r) + unit;
        const Vec c_before = kCell == RecurrentCell::lstm ? load_part(p.c.row<const float>(r) + unit, n) : hn::Zero(F32());
        const CellValues y = cell_forward<kCell>(x, h, load_part(state, n), c_before);
        store_part(y.out, state, n);
        if constexpr (kCell == RecurrentCell::lstm) store_part(y.memory, p.c.row<float>(r) + unit, n);
      }
    }
  });
}

void recurrent_step(const RecurrentStepParams& p) {
  switch (p.cell) {
    case RecurrentCell::tanh: return advance<RecurrentCell::tanh>(p);
    case RecurrentCell::gru: return advance<RecurrentCell::gru>(p);
    case RecurrentCell::lstm: return advance<RecurrentCell::lstm>(p);
  }
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(recurrence);
HWY_EXPORT(recurrence_backward);
HWY_EXPORT(recurrent_step);
void recurrence(const RecurrenceParams& p) { HWY_DYNAMIC_DISPATCH(recurrence)(p); }
void recurrence_backward(const RecurrenceBackwardParams& p) { HWY_DYNAMIC_DISPATCH(recurrence_backward)(p); }
void recurrent_step(const RecurrentStepParams& p) { HWY_DYNAMIC_DISPATCH(recurrent_step)(p); }
}  // namespace qkv::cpu
#endif
