// What each matrix of a trace is: its symbol, its formula, and how one of its numbers came about.
'use strict';

const sub = (symbol, below) => `<i>${symbol}</i><sub>${below}</sub>`;
const kFormulas = {
  tokens: (t) => {
    const { embedding_scale: scale, hidden } = t.model, root = Math.abs(scale / Math.sqrt(hidden) - 1) < 1e-3;
    return scale === 1 ? sub('E', 'token') : `${root ? '√<i>d</i>' : number(scale)} · ${sub('E', 'token')}`;
  },
  positions: (t) =>
    t.model.positions === 'sinusoidal' ? `sin, cos(<i>i</i> / 10000<sup>2<i>c</i>/<i>d</i></sup>)` : sub('P', '<i>i</i>'),
  token_types: () => sub('T', 'segment'),
  projected: () => '<i>X W</i> + <i>b</i>',
  norm: (t) => (t.model.norm_kind === 'rms' ? '<i>x</i> / √(mean <i>x</i>² + ε) · γ' : '(<i>x</i> − μ) / √(σ² + ε) · γ + β'),
  output_norm: (t) => kFormulas.norm(t),
  q: () => `<i>Q</i> = <i>X</i> ${sub('W', 'Q')}`,
  k: (t, s) => `<i>K</i> = ${memorySymbol(s)} ${sub('W', 'K')}`,
  v: (t, s) => `<i>V</i> = ${memorySymbol(s)} ${sub('W', 'V')}`,
  products: () => `<i>Q K</i><sup>⊤</sup>`,
  scaled: (t, s) => {
    const { scale, head_dim } = t.parts[s.group];
    return Math.abs(scale * Math.sqrt(head_dim) - 1) < 1e-6 ? `<i>Q K</i><sup>⊤</sup> / √${sub('d', 'k')}` : `${scale} · <i>Q K</i><sup>⊤</sup>`;
  },
  masked: () => `<i>S</i> = <i>Q K</i><sup>⊤</sup>/√${sub('d', 'k')} + <i>M</i>`,
  weights: () => '<i>A</i> = softmax(<i>S</i>)',
  heads: () => `<i>Z</i> = ${sub('A', '1')}${sub('V', '1')} ‖ ${sub('A', '2')}${sub('V', '2')} ‖ …`,
  output: (t, s) =>
    s.part === 'convolution' ? 'f(conv(<i>X</i>))' : s.part === 'feed_forward' ? `<i>F</i> ${sub('W', '2')} + ${sub('b', '2')}` : `<i>Z</i> ${sub('W', 'O')} + ${sub('b', 'O')}`,
  sum: (t, s) => (s.part === 'embedding' ? '<i>E</i> + <i>P</i>' : '<i>x</i> + sublayer(<i>x</i>)'),
  gate: () => `<i>G</i> = <i>X</i> ${sub('W', 'gate')}`,
  inner: () => `<i>U</i> = <i>X</i> ${sub('W', '1')} + ${sub('b', '1')}`,
  activated: (t, s) => (t.steps.has(`${s.group}.gate`) ? `<i>F</i> = ${t.model.activation}(<i>G</i>) ⊙ <i>U</i>` : `<i>F</i> = ${t.model.activation}(<i>U</i>)`),
  logits: () => `<i>X</i> ${sub('W', 'out')}`,
  probabilities: () => 'softmax(<i>z</i>)',
};
// What a whole part computes.
const kPartFormulas = {
  self_attention: () => `softmax(<i>Q K</i><sup>⊤</sup> / √${sub('d', 'k')}) <i>V</i>, <i>Q</i>, <i>K</i>, <i>V</i> ← <i>X</i>`,
  cross_attention: () => `softmax(<i>Q K</i><sup>⊤</sup> / √${sub('d', 'k')}) <i>V</i>, <i>Q</i> ← <i>X</i>, <i>K</i>, <i>V</i> ← <i>M</i>`,
  feed_forward: (t, steps) => {
    const inner = `<i>X</i> ${sub('W', '1')}`;
    return steps.some(({ name }) => name === 'gate') ? `(${t.model.activation}(<i>X</i> ${sub('W', 'gate')}) ⊙ ${inner}) ${sub('W', '2')}` : `${t.model.activation}(${inner} + ${sub('b', '1')}) ${sub('W', '2')} + ${sub('b', '2')}`;
  },
};
const memorySymbol = (step) => (step.part === 'cross_attention' ? '<i>M</i>' : '<i>X</i>');

// "decoder.0.self_attention.weights.3" in parts; the layer is -1 outside layers.
function parseStep(id) {
  const words = id.split('.');
  if (words[0] === 'output') return { id, side: 'output', layer: -1, part: 'output', group: 'output', name: words[1], head: -1 };
  const layered = /^\d+$/.test(words[1]), first = layered ? 2 : 1, head = words.length > first + 2 ? Number(words[first + 2]) : -1;
  return {
    id, side: words[0], layer: layered ? Number(words[1]) : -1, part: words[first], group: words.slice(0, first + 1).join('.'),
    name: words[first + 1], head,
  };
}

const isOfHead = (name) => ['products', 'scaled', 'masked', 'weights'].includes(name);

// The trace's matrices in groups (an embedding, a sub-layer, the output), in the order of computation.
function groupsOf(trace) {
  const groups = new Map();
  for (const id of trace.steps.keys()) {
    const step = parseStep(id);
    if (!groups.has(step.group)) groups.set(step.group, []);
    groups.get(step.group).push(step);
  }
  return groups;
}

// The matrix that a group hands on: after its norm, or the sum where the norm comes first.
function outputOf(steps) {
  return steps.filter((step) => ['norm', 'sum', 'projected'].includes(step.name)).at(-1)?.id;
}
function inputOf(trace, group) {
  const groups = groupsOf(trace), side = group.split('.')[0], names = [...groups.keys()].filter((g) => g.split('.')[0] === side);
  if (group === 'output') return outputOf(groups.get([...groups.keys()].filter((g) => g !== 'output').at(-1)));
  const steps = groups.get(group), before = names[names.indexOf(group) - 1];
  return { residual: before && outputOf(groups.get(before)), first: steps[0].name === 'norm' ? steps[0].id : before && outputOf(groups.get(before)) };
}
function memoryOf(trace) {
  const groups = groupsOf(trace);
  return outputOf(groups.get([...groups.keys()].filter((g) => g.startsWith('encoder')).at(-1)));
}

function axesOf(trace, step) {
  const { source, target } = trace.axes, own = step.side === 'encoder' ? source : target;
  if (step.side === 'output') return { rows: target.length === trace.steps.get(step.id).rows ? target : source, cols: trace.axes.outputs };
  const cross = step.part === 'cross_attention', keys = cross ? source : own;
  return { rows: cross && (step.name === 'k' || step.name === 'v') ? source : own, cols: isOfHead(step.name) ? keys : null };
}

const number = (x, digits = 4) => (x === -Infinity ? '−∞' : x.toFixed(digits).replace('-', '−').replace(/^−(0\.0*)$/, '$1'));

// "0.12 · 0.33 + 1.20 · −0.01 + …": the largest products where there are many.
function sumOfProducts(a, b, words) {
  const kMost = 8;
  let terms = a.map((x, c) => [x, b[c]]);
  const many = terms.length > kMost;
  if (many) terms = terms.sort((s, t) => Math.abs(t[0] * t[1]) - Math.abs(s[0] * s[1])).slice(0, 6);
  const factor = (x) => (x < 0 ? `(${number(x, 3)})` : number(x, 3)), shown = terms.map(([x, y]) => `${number(x, 3)} · ${factor(y)}`).join(' + ');
  return many ? `${shown} + … (${words.more.replace('{}', a.length - 6)})` : shown;
}

const row = (matrix, i) => [...matrix.data.subarray(i * matrix.cols, (i + 1) * matrix.cols)];
const column = (matrix, j) => Array.from({ length: matrix.rows }, (_, i) => matrix.at(i, j));

const kInputs = { q: 'first', gate: 'first', inner: 'first' };

// x W + b with the weights, which a page of values alone does not have.
function explainProduct(trace, step, i, j, words) {
  const parameters = trace.parameters?.get(step.group === 'output' ? 'output' : `${step.group}.${step.name}`);
  if (!parameters) return '';
  let input = inputOf(trace, step.group);
  if (step.name === 'output') input = `${step.group}.${step.part === 'feed_forward' ? 'activated' : 'heads'}`;
  else if (step.name === 'k' || step.name === 'v') input = step.part === 'cross_attention' ? memoryOf(trace) : input.first;
  else if (kInputs[step.name]) input = input.first;
  const text = sumOfProducts(row(trace.steps.get(input), i), row(parameters.weight, j), words);
  return parameters.bias ? `${text} + ${number(parameters.bias.data[j], 3)} (${words.bias})` : text;
}

// How the number in row i and column j came about; '' where the formula says it all.
function explain(trace, step, i, j, words) {
  const at = (name) => trace.steps.get(`${step.group}.${name}${isOfHead(name) ? `.${step.head}` : ''}`);
  const part = trace.parts[step.group], size = part?.head_dim;
  const keyHead = part ? Math.floor(step.head / (part.heads / part.key_value_heads)) : 0;
  switch (step.name) {
    case 'products':
      return sumOfProducts(row(at('q').columns(step.head * size, size), i), row(at('k').columns(keyHead * size, size), j), words);
    case 'scaled': return `${number(at('products').at(i, j))} · ${number(part.scale)}`;
    case 'masked': {
      const seen = at('masked').at(i, j), before = at('scaled').at(i, j);
      if (seen === -Infinity) return words.hidden;
      return Math.abs(seen - before) < 1e-9 ? words.visible : `${number(before)} + ${number(seen - before)} (${words.distance})`;
    }
    case 'weights': {
      const scores = row(at('masked'), i), largest = Math.max(...scores);
      const sum = scores.reduce((total, s) => total + Math.exp(s - largest), 0);
      return `e<sup>${number(scores[j], 2)} − ${largest < 0 ? `(${number(largest, 2)})` : number(largest, 2)}</sup> / Σ = ${number(Math.exp(scores[j] - largest))} / ${number(sum)}`;
    }
    case 'heads': {
      const head = Math.floor(j / size), own = Math.floor(head / (part.heads / part.key_value_heads));
      if (part.silenced?.includes(head)) return words.silenced;
      const weights = trace.steps.get(`${step.group}.weights.${head}`);
      return `${words.head} ${head + 1}: ` + sumOfProducts(row(weights, i), column(at('v'), own * size + (j % size)), words);
    }
    case 'sum': {
      if (step.part === 'embedding') {
        const terms = ['tokens', 'positions', 'token_types'].map(at).filter(Boolean);
        return terms.map((m) => number(m.at(i, j))).join(' + ');
      }
      const before = inputOf(trace, step.group).residual;
if (!before) return '';
      const x = trace.steps.get(before).at(i, j);  // the rest is the sub-layer's output, which some models scale
      return `${number(x)} + ${number(at('sum').at(i, j) - x)}`;
    }
    case 'norm': return explainNorm(trace, step, i, j, words);
    case 'output_norm': return '';
    case 'activated': return at('gate') ? '' : `${trace.model.activation}(${number(at('inner').at(i, j))})`;
    case 'probabilities': return `e<sup>${number(trace.steps.get('output.logits').at(i, j), 3)}</sup> / Σ`;
    default: return explainProduct(trace, step, i, j, words);
  }
}

function explainNorm(trace, step, i, j, words) {
  if (trace.model.parallel_layers && step.part === 'feed_forward') return '';  // its input is the layer's
  const groups = groupsOf(trace), own = groups.get(step.group), input = inputOf(trace, step.group);
  const before = own[0].name === 'norm' ? input.residual : `${step.group}.sum`;
  const values = before && trace.steps.get(before);
  if (!values) return '';
  const { mean, variance } = moments(row(values, i)), x = values.at(i, j);
  if (trace.model.norm_kind === 'rms') return `${number(x)} / ${number(Math.sqrt(variance + mean * mean))} · γ`;
  const weights = trace.parameters?.get(step.group.endsWith('final') ? step.id : `${step.group}.norm`);
  const scaled = `(${number(x)} − ${number(mean)}) / ${number(Math.sqrt(variance + trace.model.norm_epsilon))}`;
  return weights ? `${scaled} · ${number(weights.weight.data[j])} + ${number(weights.bias.data[j])}` : `${scaled} · γ + β`;
}
