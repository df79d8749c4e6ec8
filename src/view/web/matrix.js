// A matrix of doubles and what is done with one.
'use strict';

class Matrix {
  constructor(rows, cols, data = new Float64Array(rows * cols)) {
    this.rows = rows;
    this.cols = cols;
    this.data = data;
  }
  static from(rows, cols, value) {
    const result = new Matrix(rows, cols);
    for (let i = 0; i < rows; ++i) {
      for (let j = 0; j < cols; ++j) result.data[i * cols + j] = value(i, j);
    }
    return result;
  }
  at(i, j) {
    return this.data[i * this.cols + j];
  }
  map(f) {
    return new Matrix(this.rows, this.cols, this.data.map(f));
  }
  columns(first, count) {
    return Matrix.from(this.rows, count, (i, j) => this.at(i, first + j));
  }
}

const added = (a, b) => Matrix.from(a.rows, a.cols, (i, j) => a.at(i, j) + b.at(i, j));
const timesTransposed = (a, b) => Matrix.from(a.rows, b.rows, (i, j) => dot(a, i, b, j));
const times = (a, b) => Matrix.from(a.rows, b.cols, (i, j) => {
  let sum = 0;
  for (let c = 0; c < a.cols; ++c) sum += a.at(i, c) * b.at(c, j);
  return sum;
});
function dot(a, i, b, j) {
  let sum = 0;
  for (let c = 0; c < a.cols; ++c) sum += a.at(i, c) * b.at(j, c);
  return sum;
}
// x W^T + b.
const linear = (x, weight, bias) => Matrix.from(x.rows, weight.rows, (i, j) => dot(x, i, weight, j) + (bias ? bias.data[j] : 0));

function softmaxOfRows(scores) {
  return rowsMapped(scores, (row) => {
    const largest = Math.max(...row), powers = row.map((s) => Math.exp(s - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((p) => p / sum);
  });
}
function rowsMapped(x, f) {
  const result = new Matrix(x.rows, x.cols);
  for (let i = 0; i < x.rows; ++i) result.data.set(f([...x.data.subarray(i * x.cols, (i + 1) * x.cols)]), i * x.cols);
  return result;
}
function layerNorm(x, { weight, bias }, epsilon) {
  return rowsMapped(x, (row) => {
    const { mean, variance } = moments(row);
    return row.map((v, j) => ((v - mean) / Math.sqrt(variance + epsilon)) * weight.data[j] + bias.data[j]);
  });
}
function moments(row) {
  const mean = row.reduce((a, b) => a + b, 0) / row.length;
  return { mean, variance: row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length };
}

const kActivations = {
  relu: (x) => Math.max(0, x),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), as in GPT-2.
  gelu_new: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};
