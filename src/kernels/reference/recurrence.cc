// Recurrent cells and gathered rows.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/reference/reference.h"

namespace qkv::reference {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One unit's step. x and h: the sums of its gates, which are `hidden` apart; values: receives the gates' values. Returns h'; `memory`
// receives c, or gru's W_hn h + b_hn.
double cell_forward(RecurrentCell cell, const double* x, const double* h, int64_t hidden, double h_before, double c_before, double* values,
                    double& memory) {
  const auto sum = [&](int gate) { return x[gate * hidden] + h[gate * hidden]; };
  if (cell == RecurrentCell::tanh) return values[0] = std::tanh(sum(0));
  if (cell == RecurrentCell::gru) {
    const double r = sigmoid(sum(0)), z = sigmoid(sum(1));
    memory = h[2 * hidden];
    const double n = std::tanh(x[2 * hidden] + r * memory);
    values[0] = r, values[1] = z, values[2] = n;
    return (1 - z) * n + z * h_before;
  }
  const double i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = std::tanh(sum(2)), o = sigmoid(sum(3));
  memory = f * c_before + i * g;
  values[0] = i, values[1] = f, values[2] = g, values[3] = o;
  return o * std::tanh(memory);
}

// Gradients of one unit's sums from the gates' values. `carry_c`: on entry the gradient of c from the next step, on return the one for the
// previous step. Returns the gradient of the previous h that bypasses W_hh.
double cell_backward(RecurrentCell cell, const double* v, double memory, double h_before, double c_before, double dh, double& carry_c,
                     double* dx, double* dhidden) {
  if (cell == RecurrentCell::tanh) {
    dx[0] = dhidden[0] = dh * (1 - v[0] * v[0]);
    return 0;
  }
  if (cell == RecurrentCell::gru) {
    const double r = v[0], z = v[1], n = v[2], dn = dh * (1 - z) * (1 - n * n);
    dx[0] = dhidden[0] = dn * memory * r * (1 - r);
    dx[1] = dhidden[1] = dh * (h_before - n) * z * (1 - z);
    dx[2] = dn;
    dhidden[2] = dn * r;
    return dh * z;
  }
  const double i = v[0], f = v[1], g = v[2], o = v[3], t = std::tanh(memory), dc = carry_c + dh * o * (1 - t * t);
  dx[0] = dhidden[0] = dc * g * i * (1 - i);
  dx[1] = dhidden[1] = dc * c_before * f * (1 - f);
  dx[2] = dhidden[2] = dc * i * (1 - g * g);
  dx[3] = dhidden[3] = dh * t * o * (1 - o);
  carry_c = dc * f;
  return 0;
}

// The previous step in the direction of the recurrence, and how many of step t's sequences have one.
struct Before {
  int64_t begin = 0, count = 0;
};
Before before(const RecurrenceParams& p, int64_t t) {
  const int64_t step = p.reverse ? t + 1 : t - 1;
  if (step < 0 || step >= p.steps.count) return {};
  return {p.steps.begin[step], std::min(p.steps.length[step], p.steps.length[t])};
}

}  // namespace

void gather_rows(const GatherRowsParams& p) {
  for (int64_t r = 0; r < p.out.rows; ++r) {
    for (int64_t c = 0; c < p.out.cols; ++c) {
      const int64_t from = p.index ? p.index[r * p.width + c / p.x.cols] : r;
      at(p.out, r, c) = (p.accumulate ? at(p.out, r, c) : 0) + (from < 0 ? 0 : at(p.x, from, c % p.x.cols));
    }
  }
}

void transpose(const TransposeParams& p) {
  const int64_t rows = p.out.cols, cols = p.x.cols;
  for (int64_t i = 0; i < p.count * rows; ++i) {
    for (int64_t c = 0; c < cols; ++c) {
      double& to = at(p.out, i / rows * cols + c, i % rows);
      to = (p.accumulate ? to : 0) + at(p.x, i, c);
    }
  }
}

void recurrence(const RecurrenceParams& p) {
  const int64_t hidden = p.out.cols, gates = gates_of(p.cell);
  std::vector<double> sums(static_cast<size_t>(gates * hidden)), values(static_cast<size_t>(gates));
  for (int64_t i = 0; i < p.steps.count; ++i) {
    const int64_t t = p.reverse ? p.steps.count - 1 - i : i;
    const Before previous = before(p, t);
    for (int64_t s = 0; s < p.steps.length[t]; ++s) {
      const int64_t row = p.steps.begin[t] + s, row_before = previous.begin + s;
      const bool first = s >= previous.count;
      for (int64_t g = 0; g < gates * hidden; ++g) {
        sums[g] = at(p.bias, g);
        for (int64_t k = 0; !first && k < hidden; ++k) sums[g] += at(p.weight, g, k) * at(p.out, row_before, k);
      }
      for (int64_t u = 0; u < hidden; ++u) {
        double memory = 0;
        at(p.out, row, u) =
            cell_forward(p.cell, p.gates.row<double>(row) + u, sums.data() + u, hidden, first ? 0 : at(p.out, row_before, u),
                         first || !p.memory ? 0 : at(p.memory, row_before, u), values.data(), memory);
        for (int64_t g = 0; g < gates; ++g) at(p.gates, row, g * hidden + u) = values[g];
        if (p.memory) at(p.memory, row, u) = memory;
      }
    }
  }
}

void recurrence_backward(const RecurrenceBackwardParams& p) {
  const RecurrenceParams& f = p.forward;
  const int64_t hidden = f.out.cols, gates = gates_of(f.cell), sequences = f.steps.count ? f.steps.length[0] : 0;
  // Gradients that the next step leaves for its previous state; zero for sequences that have no next step.
  std::vector<double> carry_h(static_cast<size_t>(sequences * hidden)), carry_c(carry_h.size());
  double values[4], dx[4], dhidden[4];
  for (int64_t i = 0; i < f.steps.count; ++i) {
    const int64_t t = f.reverse ? i : f.steps.count - 1 - i;
    const Before previous = before(f, t);
    for (int64_t s = 0; s < f.steps.length[t]; ++s) {
      const int64_t row = f.steps.begin[t] + s, row_before = previous.begin + s;
      const bool first = s >= previous.count;
      double* carry = carry_h.data() + s * hidden;
      std::vector<double> dsums(static_cast<size_t>(gates * hidden));
      for (int64_t u = 0; u < hidden; ++u) {
        for (int64_t g = 0; g < gates; ++g) values[g] = at(f.gates, row, g * hidden + u);
        carry[u] = cell_backward(f.cell, values, f.memory ? at(f.memory, row, u) : 0, first ? 0 : at(f.out, row_before, u),
                                 first || !f.memory ? 0 : at(f.memory, row_before, u), at(p.dout, row, u) + carry[u],
                                 carry_c[s * hidden + u], dx, dhidden);
        for (int64_t g = 0; g < gates; ++g) {
          at(p.dgates, row, g * hidden + u) = dx[g];
          if (p.dhidden) at(p.dhidden, row, g * hidden + u) = dhidden[g];
          dsums[g * hidden + u] = dhidden[g];
        }
      }
      for (int64_t k = 0; k < hidden; ++k) {
        for (int64_t g = 0; g < gates * hidden; ++g) carry[k] += dsums[g] * at(f.weight, g, k);
      }
    }
  }
}

void recurrent_step(const RecurrentStepParams& p) {
  for (int64_t s = 0; s < p.h.rows; ++s) {
    for (int64_t u = 0; u < p.h.cols; ++u) {
      double values[4], memory = 0;
      at(p.h, s, u) = cell_forward(p.cell, p.from_input.row<double>(s) + u, p.from_hidden.row<double>(s) + u, p.h.cols, at(p.h, s, u),
                                   p.c ? at(p.c, s, u) : 0, values, memory);
      if (p.c) at(p.c, s, u) = memory;
    }
  }
}

}  // namespace qkv::reference
