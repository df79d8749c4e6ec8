// The networks of the page: safetensors in f16, under the names of Marian (encoder-decoder) and GPT-2 (decoder).
'use strict';

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readSafetensors(bytes) {
  const view = new DataView(bytes.buffer), length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))), tensors = new Map();
  for (const [name, { shape, data_offsets: [begin, end] }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [rows, cols] = shape.length === 2 ? shape : [1, shape[0]], matrix = new Matrix(rows, cols);
    for (let i = 0; i < (end - begin) / 2; ++i) matrix.data[i] = halfToNumber(view.getUint16(8 + length + begin + 2 * i, true));
    tensors.set(name, matrix);
  }
  return tensors;
}

const transposed = (matrix) => Matrix.from(matrix.cols, matrix.rows, (i, j) => matrix.at(j, i));
const rowsOf = (matrix, first, count) => new Matrix(count, matrix.cols, matrix.data.slice(first * matrix.cols, (first + count) * matrix.cols));

function marian(config, tensors) {
  const weights = new Map(), get = (name) => tensors.get(name);
  const put = (name, from) => weights.set(name, { weight: get(`${from}.weight`), bias: get(`${from}.bias`) });
  for (const side of ['encoder', 'decoder']) {
    for (let layer = 0; layer < config[`${side}_layers`]; ++layer) {
      const from = `model.${side}.layers.${layer}`, to = `${side}.${layer}`;
      const attentions = [['self_attention', 'self_attn']].concat(side === 'decoder' ? [['cross_attention', 'encoder_attn']] : []);
      for (const [part, name] of attentions) {
        for (const [own, its] of [['q', 'q_proj'], ['k', 'k_proj'], ['v', 'v_proj'], ['output', 'out_proj']]) put(`${to}.${part}.${own}`, `${from}.${name}.${its}`);
        put(`${to}.${part}.norm`, `${from}.${name}_layer_norm`);
      }
      put(`${to}.feed_forward.inner`, `${from}.fc1`);
      put(`${to}.feed_forward.output`, `${from}.fc2`);
      put(`${to}.feed_forward.norm`, `${from}.final_layer_norm`);
    }
  }
  weights.set('embedding', { weight: get('model.shared.weight') });
  weights.set('output', { weight: get('model.shared.weight'), bias: get('final_logits_bias') });
  return new Network({
    kind: 'encoder_decoder', hidden: config.d_model, heads: config.encoder_attention_heads, norm: 'post', epsilon: 1e-5,
    activation: config.activation_function, positions: 'sinusoidal', scaleEmbedding: config.scale_embedding,
    encoderLayers: config.encoder_layers, decoderLayers: config.decoder_layers, context: config.max_position_embeddings,
    start: config.decoder_start_token_id, end: config.eos_token_id,
  }, weights);
}

// GPT-2's matrices are [in, out], and Q, K and V lie side by side.
function gpt2(config, tensors) {
  const weights = new Map(), get = (name) => tensors.get(`transformer.${name}`);
  const linearOf = (name) => ({ weight: transposed(get(`${name}.weight`)), bias: get(`${name}.bias`) });
  const normOf = (name) => ({ weight: get(`${name}.weight`), bias: get(`${name}.bias`) });
  for (let layer = 0; layer < config.n_layer; ++layer) {
    const from = `h.${layer}`, to = `decoder.${layer}`, all = linearOf(`${from}.attn.c_attn`), size = config.n_embd;
    ['q', 'k', 'v'].forEach((name, i) => weights.set(`${to}.self_attention.${name}`,
      { weight: rowsOf(all.weight, i * size, size), bias: new Matrix(1, size, all.bias.data.slice(i * size, (i + 1) * size)) }));
    weights.set(`${to}.self_attention.output`, linearOf(`${from}.attn.c_proj`));
    weights.set(`${to}.self_attention.norm`, normOf(`${from}.ln_1`));
    weights.set(`${to}.feed_forward.inner`, linearOf(`${from}.mlp.c_fc`));
    weights.set(`${to}.feed_forward.output`, linearOf(`${from}.mlp.c_proj`));
    weights.set(`${to}.feed_forward.norm`, normOf(`${from}.ln_2`));
  }
  weights.set('decoder.final.norm', normOf('ln_f'));
  weights.set('embedding', { weight: get('wte.weight') });
  weights.set('positions', { weight: get('wpe.weight') });
  weights.set('output', { weight: get('wte.weight') });
  return new Network({
    kind: 'decoder_only', hidden: config.n_embd, heads: config.n_head, norm: 'pre', epsilon: config.layer_norm_epsilon,
    activation: config.activation_function, positions: 'learned', scaleEmbedding: false, decoderLayers: config.n_layer, context: config.n_positions,
  }, weights);
}

// {network, tokenizer} of a model directory's files.
function openModel({ config, tokenizer, weights }) {
  const tensors = readSafetensors(bytesOf(weights));
  return { network: config.model_type === 'marian' ? marian(config, tensors) : gpt2(config, tensors), tokenizer: new Bpe(tokenizer.model, JSON.stringify(tokenizer.pre_tokenizer).includes('Metaspace')) };
}

// The trace (see steps.js) of a pair of token sequences.
function traceOf({ network, tokenizer }, source, target, options) {
  const { config } = network, steps = network.run(source, target, options), parts = {};
  for (const id of steps.keys()) {
    const step = parseStep(id);
    if (step.name !== 'q') continue;
    const size = config.hidden / config.heads;
    parts[step.group] = {
      heads: config.heads, key_value_heads: config.heads, head_dim: size, scale: options.scaling ? 1 / Math.sqrt(size) : 1,
      silenced: Array.from({ length: config.heads }, (_, h) => h).filter((h) => options.silenced.has(`${step.group}.${h}`)),
    };
  }
  // The ▁ before the first word stands for no space.
  const name = (id, i, ids) => (tokenizer.spaced && i === (ids[0] === config.start ? 1 : 0) ? tokenizer.name(id).replace(/^␣(?=.)/, '') : tokenizer.name(id));
  const names = (ids) => ids.map((id, i) => (id === config.start ? '<start>' : name(id, i, ids)));
  return {
    model: { kind: config.kind, hidden: config.hidden, activation: config.activation, norm_kind: 'layer', norm_epsilon: config.epsilon, positions: options.positions, embedding_scale: config.scaleEmbedding ? Math.sqrt(config.hidden) : 1 },
    axes: { source: names(source), target: names(target), outputs: tokenizer.tokens.map((_, id) => tokenizer.name(id)) },
    parts, steps, parameters: network.weights,
  };
}

// The network's own translation, a token after another; the whole decoder runs each time, as there is no cache.
function translate({ network }, source, options, most = 48) {
  const { start, end } = network.config, target = [start], memory = network.stack('encoder', source, null, options, (_, matrix) => matrix);
  while (target.length <= most) {
    const logits = network.decode(target, memory, options);
    const last = row(logits, logits.rows - 1).map((z, id) => (id === start ? -Infinity : z)), best = last.indexOf(Math.max(...last));
    if (best === end) return { read: target, written: [...target.slice(1), end] };
    target.push(best);
  }
  return { read: target.slice(0, -1), written: target.slice(1) };
}
