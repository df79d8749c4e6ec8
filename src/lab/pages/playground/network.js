// A Transformer's forward pass that keeps every matrix. Numbers are doubles; weights are those of the file, f16.
'use strict';

// Sines in the first half of the columns, cosines in the second (Vaswani et al. 2017, section 3.5, with the columns in Marian's order).
function sinusoid(position, column, size) {
  const half = Math.ceil(size / 2), i = column % half, angle = position / 10000 ** ((2 * i) / size);
  return column < half ? Math.sin(angle) : Math.cos(angle);
}

// Turns each pair (column c, column c + half) of each head by an angle that grows with the position (Su et al. 2021).
function rotated(x, heads) {
  const size = x.cols / heads, half = size / 2;
  return Matrix.from(x.rows, x.cols, (i, j) => {
    const c = j % size, pair = c % half, angle = i / 10000 ** ((2 * pair) / size), other = c < half ? x.at(i, j + half) : x.at(i, j - half);
    return x.at(i, j) * Math.cos(angle) + (c < half ? -other : other) * Math.sin(angle);
  });
}

// The slope of a head (Press et al. 2022, section 3), for a number of heads that is a power of two.
const alibiSlope = (head, heads) => 2 ** ((-8 * (head + 1)) / heads);

// What the reader may change. As trained: scaled, masked, all heads, the network's own positions.
const asTrained = (network) => ({ scaling: true, mask: true, positions: network.config.positions, silenced: new Set() });

class Network {
  constructor(config, weights) {
    this.config = config;  // kind, hidden, heads, norm ("pre", "post"), epsilon, activation, positions, scaleEmbedding, encoderLayers, …
    this.weights = weights;  // "encoder.0.self_attention.q": {weight, bias}, …
  }

  // All matrices of one pair (or of one text: target alone), each under the name that the library gives it.
  run(source, target, options = asTrained(this)) {
    const steps = new Map();
    const put = (id, matrix) => (steps.set(id, matrix), matrix);
    const memory = this.config.kind === 'encoder_decoder' ? this.stack('encoder', source, null, options, put) : null;
    this.decode(target, memory, options, put);
    return steps;
  }

  // The logits after each token of the target.
  decode(target, memory, options, put = (_, matrix) => matrix) {
    const hidden = this.stack('decoder', target, memory, options, put);
    const { weight, bias } = this.weights.get('output');
    const logits = put('output.logits', linear(hidden, weight, bias));
    put('output.probabilities', softmaxOfRows(logits));
    return logits;
  }

  stack(side, ids, memory, options, put) {
    let x = this.embed(side, ids, options, put);
    const layers = side === 'encoder' ? this.config.encoderLayers : this.config.decoderLayers;
    for (let layer = 0; layer < layers; ++layer) {
      const prefix = `${side}.${layer}`;
      x = this.residual(`${prefix}.self_attention`, x, put, (h, part) => this.attention(part, h, h, side === 'decoder', options, put));
      if (memory) x = this.residual(`${prefix}.cross_attention`, x, put, (h, part) => this.attention(part, h, memory, false, options, put));
      x = this.residual(`${prefix}.feed_forward`, x, put, (h, part) => this.feedForward(part, h, put));
    }
    const norm = this.weights.get(`${side}.final.norm`);
    return norm ? put(`${side}.final.norm`, layerNorm(x, norm, this.config.epsilon)) : x;
  }

  embed(side, ids, options, put) {
    const { hidden, scaleEmbedding } = this.config, table = this.weights.get('embedding').weight;
    const scale = scaleEmbedding ? Math.sqrt(hidden) : 1;
    const tokens = put(`${side}.embedding.tokens`, Matrix.from(ids.length, hidden, (i, j) => scale * table.at(ids[i], j)));
    const learned = this.weights.get('positions');
    let positions = null;
    if (options.positions === 'sinusoidal') positions = Matrix.from(ids.length, hidden, (i, j) => sinusoid(i, j, hidden));
    if (options.positions === 'learned' && learned) positions = Matrix.from(ids.length, hidden, (i, j) => learned.weight.at(i, j));
    if (positions) put(`${side}.embedding.positions`, positions);
    return put(`${side}.embedding.sum`, positions ? added(tokens, positions) : tokens);
  }

  residual(part, x, put, subLayer) {
    const norm = this.weights.get(`${part}.norm`), pre = this.config.norm === 'pre';
    const normed = (rows) => put(`${part}.norm`, layerNorm(rows, norm, this.config.epsilon));
    const output = subLayer(pre ? normed(x) : x, part);
    const sum = put(`${part}.sum`, added(x, output));
    return pre ? sum : normed(sum);
  }

  attention(part, x, memory, causal, options, put) {
    const { heads } = this.config, self = !part.endsWith('cross_attention'), rope = self && options.positions === 'rope';
    const projected = (name, rows) => {
      const { weight, bias } = this.weights.get(`${part}.${name}`);
      const y = linear(rows, weight, bias);
      return put(`${part}.${name}`, rope && name !== 'v' ? rotated(y, heads) : y);
    };
    const q = projected('q', x), k = projected('k', memory), v = projected('v', memory);
    const size = q.cols / heads, all = new Matrix(q.rows, q.cols);
    for (let head = 0; head < heads; ++head) {
      const columns = (matrix) => matrix.columns(head * size, size);
      const products = put(`${part}.products.${head}`, timesTransposed(columns(q), columns(k)));
      const scaled = put(`${part}.scaled.${head}`, products.map((s) => (options.scaling ? s / Math.sqrt(size) : s)));
      const slope = self && options.positions === 'alibi' ? alibiSlope(head, heads) : 0;
      const hidden = (i, j) => causal && options.mask && j > i;
      const seen = (i, j) => (hidden(i, j) ? -Infinity : scaled.at(i, j) - slope * Math.abs(i - j));
      const masked = put(`${part}.masked.${head}`, Matrix.from(q.rows, k.rows, seen));
      const weights = put(`${part}.weights.${head}`, softmaxOfRows(masked));
      const out = options.silenced.has(`${part}.${head}`) ? new Matrix(q.rows, size) : times(weights, columns(v));
      for (let i = 0; i < out.rows; ++i) {
        for (let c = 0; c < size; ++c) all.data[i * all.cols + head * size + c] = out.at(i, c);
      }
    }
    put(`${part}.heads`, all);
    const { weight, bias } = this.weights.get(`${part}.output`);
    return put(`${part}.output`, linear(all, weight, bias));
  }

  feedForward(part, x, put) {
    const first = this.weights.get(`${part}.inner`), second = this.weights.get(`${part}.output`);
    const inner = put(`${part}.inner`, linear(x, first.weight, first.bias));
    const activated = put(`${part}.activated`, inner.map(kActivations[this.config.activation]));
    return put(`${part}.output`, linear(activated, second.weight, second.bias));
  }
}
