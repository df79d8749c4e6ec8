// The page: a network with switches, the views of its trace, the tokenizers and the tiles.
'use strict';

// The questions that a matrix answers a part of.
const kPagesOf = {
  tokens: 'embedding_scale', positions: 'positions', 'self_attention.q': 'self_attention', 'self_attention.k': 'separate_projections',
  'cross_attention.q': 'encoder_decoder', products: 'dot_or_addition', scaled: 'scaling', masked: 'masks',
  weights: 'quadratic', heads: 'multi_head', sum: 'structure', norm: 'norm_kind', inner: 'feed_forward',
};

class NetworkSection {
  constructor(container, words, models, onTrace) {
    this.words = words;
    this.models = models.map((files) => ({ name: files.name, ...openModel(files) }));
    this.onTrace = onTrace;
    this.model = this.models[0];
    this.options = asTrained(this.model.network);
    this.controls = element('div', { class: 'controls-grid' });
    this.result = element('div', { class: 'result', 'aria-live': 'polite' });
    container.append(this.controls, this.result);
    const views = element('div');
    container.append(views);
    this.viewer = new TraceViewer(views, words, ({ part, name }) => {
      const page = kPagesOf[`${part}.${name}`] ?? kPagesOf[name];
      return page ? [[`${page}.html`, words[`page ${page}`]]] : [];
    });
    this.showControls();
    this.run();
  }

  showControls() {
    const { words } = this, translating = this.model.network.config.kind === 'encoder_decoder';
    const choice = element('select', { id: 'model', onchange: () => this.chooseModel(choice.selectedIndex) },
      ...this.models.map(({ name }) => element('option', {}, words[`network ${name}`])));
    choice.selectedIndex = this.models.indexOf(this.model);
    this.text = element('input', { type: 'text', id: 'text', maxlength: 160, spellcheck: 'false', autocomplete: 'off', value: words[`text ${this.model.name}`], oninput: () => this.later() });
    this.target = element('input', { type: 'text', id: 'target', maxlength: 160, spellcheck: 'false', autocomplete: 'off', placeholder: words.target_own, oninput: () => this.later() });
    const lines = [
      element('label', { for: 'model' }, words.network), choice,
      element('label', { for: 'text' }, translating ? words.source : words.text), this.text,
    ];
    if (translating) lines.push(element('label', { for: 'target' }, words.target), this.target);
    this.controls.replaceChildren(...lines, element('span', { id: 'switches' }, words.switches), this.switches());
  }

  switches() {
    const { words, options } = this, { config } = this.model.network;
    const box = (id, label, checked, onchange) => element('label', { class: 'switch' }, element('input', { type: 'checkbox', id, checked, onchange }), ` ${label}`);
    const kinds = [...new Set([config.positions, 'none', 'sinusoidal', 'rope', 'alibi'])];
    const positions = element('select', { id: 'positions', onchange: () => this.change({ positions: kinds[positions.selectedIndex] }) },
      ...kinds.map((kind) => element('option', {}, words[`positions ${kind}`] + (kind === config.positions ? ` (${words.trained})` : ''))));
    positions.selectedIndex = kinds.indexOf(options.positions);
    this.silence = element('details', { class: 'silence' });
    this.showSilence();
    return element('div', { class: 'switches', role: 'group', 'aria-labelledby': 'switches' },
      box('scaling', words.scaling, options.scaling, (event) => this.change({ scaling: event.target.checked })),
      box('mask', words.mask, options.mask, (event) => this.change({ mask: event.target.checked })),
      element('label', { class: 'switch' }, `${words.positions_of} `, positions),
      element('button', { type: 'button', class: 'button', id: 'reset', onclick: () => this.reset() }, words.reset), this.silence);
  }

  // A box for each head of each attention.
  showSilence() {
    const { words, options } = this, { config } = this.model.network, rows = [];
    const parts = [];
    for (let layer = 0; layer < (config.encoderLayers ?? 0); ++layer) parts.push(['encoder', layer, 'self_attention']);
    for (let layer = 0; layer < config.decoderLayers; ++layer) {
      parts.push(['decoder', layer, 'self_attention']);
      if (config.encoderLayers) parts.push(['decoder', layer, 'cross_attention']);
    }
    for (const [side, layer, part] of parts) {
      const name = `${config.encoderLayers ? `${words[side]} · ` : ''}${filled(words.layer, layer + 1)} · ${words[part]}`;
      const boxes = Array.from({ length: config.heads }, (_, head) => {
        const id = `${side}.${layer}.${part}.${head}`;
        const change = (event) => {
          if (event.target.checked) options.silenced.delete(id);
          else options.silenced.add(id);
          this.run();
        };
        return element('label', { class: 'switch' }, element('input', { type: 'checkbox', checked: !options.silenced.has(id), 'data-head': id, 'aria-label': `${name}, ${words.head} ${head + 1}`, onchange: change }), ` ${head + 1}`);
      });
      rows.push(element('div', { class: 'silence-row' }, element('span', {}, name), ...boxes));
    }
    this.silence.replaceChildren(element('summary', {}, words.heads_on), ...rows);
  }

  chooseModel(index) {
    this.model = this.models[index];
    this.options = asTrained(this.model.network);
    this.showControls();
    document.getElementById('model').focus();
    this.run();
  }
  change(options) {
    Object.assign(this.options, options);
    this.run();
  }
  reset() {
    this.options = asTrained(this.model.network);
    this.showControls();
    document.getElementById('reset').focus();
    this.run();
  }
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.run(), 120);
  }

  run() {
    const { model, words, options } = this, { network, tokenizer } = model, { config } = network;
    const cut = (ids) => ids.slice(0, Math.min(48, config.context - 1));
    if (config.kind === 'encoder_decoder') {
      const source = [...cut(tokenizer.encode(this.text.value)), config.end], own = this.target.value.trim() !== '';
      const { read, written } = own ? { read: [config.start, ...cut(tokenizer.encode(this.target.value))], written: [] } : translate(model, source, options);
      this.trace = traceOf(model, source, read, options);
      this.showTranslation(own ? this.target.value : tokenizer.decode(written.filter((id) => id !== config.end)), own);
    } else {
      const ids = cut(tokenizer.encode(this.text.value));
      this.trace = traceOf(model, [], ids.length ? ids : [0], options);
      this.showNext();
    }
    this.viewer.update(this.trace);
    this.onTrace(this);
  }

  changed() {
    const { options, model } = this, fresh = asTrained(model.network);
    return !options.scaling || !options.mask || options.positions !== fresh.positions || options.silenced.size > 0;
  }
  note() {
    return this.changed() ? [element('p', { class: 'note' }, this.words.untrained)] : [];
  }
  showTranslation(text, own) {
    const label = own ? this.words.forced : this.words.translation;
    this.result.replaceChildren(element('p', {}, `${label} `, element('b', { id: 'translation', lang: 'de' }, text)), ...this.note());
  }

  // The most likely next tokens; a click appends one.
  showNext() {
    const { words, trace } = this, probabilities = trace.steps.get('output.probabilities'), last = row(probabilities, probabilities.rows - 1);
    const best = last.map((p, id) => [p, id]).sort((a, b) => b[0] - a[0]).slice(0, 8);
    const append = (id) => {
      this.text.value += this.model.tokenizer.decode([id]);
      this.run();
      this.result.querySelector('button')?.focus();
    };
    const bars = best.map(([p, id]) => element('button', { type: 'button', class: 'next', onclick: () => append(id) },
      element('span', {}, trace.axes.outputs[id]), element('span', { class: 'bar', style: `width:${((100 * p) / best[0][0]).toFixed(1)}%` }), element('span', { class: 'percent' }, `${(100 * p).toFixed(1)} %`)));
    this.result.replaceChildren(element('p', {}, words.next_token), element('div', { class: 'nexts' }, ...bars), ...this.note());
  }
}

// One tokenizer: its result, and its steps one after another.
class TokenizerView {
  constructor(container, name, words, work) {
    Object.assign(this, { name, words, work, place: 0 });
    this.slider = element('input', { type: 'range', min: 0, max: 0, value: 0, 'aria-label': `${words[name]}: ${words.step}`, oninput: () => this.go(Number(this.slider.value)) });
    this.back = element('button', { type: 'button', class: 'button', 'aria-label': `${words[name]}: ${words.back}`, onclick: () => this.go(this.place - 1) }, '◀');
    this.next = element('button', { type: 'button', class: 'button', 'aria-label': `${words[name]}: ${words.next}`, onclick: () => this.go(this.place + 1) }, '▶');
    this.result = element('div', { class: 'chips' });
    this.now = element('div', { class: 'state', 'aria-live': 'polite' });
    container.append(element('section', { class: 'tokenizer' }, element('h3', {}, words[name]), element('p', { class: 'note' }, words[`${name} says`]), this.result,
      element('div', { class: 'stepper' }, this.back, this.slider, this.next), this.now));
  }
  update(text) {
    this.done = this.work(text);
    this.result.replaceChildren(...chips(this.done.pieces), element('span', { class: 'note' }, ` ${filled(this.words.count, this.done.pieces.length)}`));
    this.slider.max = this.done.steps.length;
    this.go(0);
  }
  go(place) {
    this.place = Math.min(this.done.steps.length, Math.max(0, place));
    this.slider.value = this.place;
    this.back.disabled = this.place === 0;
    this.next.disabled = this.place === this.done.steps.length;
    const counted = element('p', { class: 'note' }, filled(this.words.step_of, this.place, this.done.steps.length));
    this.now.replaceChildren(counted, ...(this.place ? this.done.steps[this.place - 1]() : [element('p', {}, this.words[`${this.name} start`])]));
  }
}

const chips = (pieces, marked = () => false) => pieces.map((piece, i) => element('span', { class: `chip c${i % 4}${marked(piece, i) ? ' marked' : ''}` }, piece));

function makeTokenizers(container, data, words) {
  const bpe = new Bpe({ vocab: {}, merges: data.bpe }), wordPiece = new WordPiece(data.wordpiece), unigram = new Unigram(data.unigram);
  const text = element('textarea', { id: 'tokenizer-text', rows: 2, maxlength: 400, spellcheck: 'false' });
  text.value = words.tokenizer_text;
  container.append(element('label', { for: 'tokenizer-text' }, words.own_text), text);
  const columns = element('div', { class: 'tokenizers' });
  container.append(columns);
  const paragraph = (html) => element('p', { html });
  const escaped = (piece) => element('span', {}, piece).innerHTML;
  const views = [
    new TokenizerView(columns, 'bpe', words, (own) => {
      const { words: pieces, steps } = bpe.steps(own);
      return {
        pieces: pieces.flat().map(readable),
        steps: steps.map(({ before, after, left, right, rank }) => () => [
          paragraph(filled(words.bpe_step, `<code>${escaped(readable(left))}</code> + <code>${escaped(readable(right))}</code>`, rank + 1)),
          element('div', { class: 'chips' }, ...chips(before.map(readable), (_, i) => (before[i] === left && before[i + 1] === right) || (before[i] === right && before[i - 1] === left))),
          element('div', { class: 'chips' }, '→ ', ...chips(after.map(readable), (_, i) => after[i] === left + right))]),
      };
    }),
    new TokenizerView(columns, 'wordpiece', words, (own) => {
      const { words: pieces, steps } = wordPiece.steps(own);
      return {
        pieces: pieces.flat(),
        steps: steps.map(({ name, before, tried, piece }) => () => [
          paragraph(filled(words.wordpiece_step, `<code>${escaped(name)}</code>`)),
          element('div', { class: 'chips' }, ...before.map((each) => element('span', { class: 'chip' }, each)), ...tried.map((each) => element('s', { class: 'chip' }, each)),
            element('span', { class: 'chip marked' }, piece ?? '[UNK]'))]),
      };
    }),
    new TokenizerView(columns, 'unigram', words, (own) => {
      const { pieces, score, steps } = unigram.steps(own);
      return {
        pieces,
        steps: steps.map(({ prefix, ways, pieces: path }, i) => () => [
          paragraph(filled(words.unigram_step, `<code>${escaped(prefix)}</code>`)),
          element('table', {}, element('thead', {}, element('tr', {}, ...[words.last_piece, words.own_score, words.whole_score].map((name) => element('th', { scope: 'col' }, name)))),
            element('tbody', {}, ...ways.slice(0, 5).map(({ piece, own: score1, score: all, known }, k) => element('tr', { class: k === 0 ? 'on' : null },
              element('td', {}, known ? piece : `${piece} (${words.unknown})`), element('td', {}, number(score1, 2)), element('td', {}, number(all, 2)))))),
          element('div', { class: 'chips' }, '→ ', ...chips(path)),
          ...(i + 1 === steps.length ? [paragraph(filled(words.unigram_end, number(score, 2)))] : [])]),
      };
    }),
  ];
  const update = () => views.forEach((view) => view.update(text.value));
  text.addEventListener('input', update);
  update();
}

function startPlayground() {
  const data = JSON.parse(document.getElementById('data').textContent), { words } = data;
  const tiles = new TileStepper(document.getElementById('tiles-here'), words);
  const showTiles = ({ trace, viewer }) => {
    const part = trace.parts[viewer.group] ? viewer.group : Object.keys(trace.parts).at(-1), { head_dim: size, heads } = trace.parts[part];
    const head = Math.min(viewer.head, heads - 1), step = parseStep(`${part}.masked.${head}`), { rows, cols } = axesOf(trace, step);
    tiles.update(trace.steps.get(step.id), trace.steps.get(`${part}.v`).columns(head * size, size), rows, cols);
    document.getElementById('tiles-of').textContent = `${viewer.titleOf(part)} · ${words.head} ${head + 1}`;
  };
  const network = new NetworkSection(document.getElementById('network-here'), words, data.models, showTiles);
  network.viewer.onChoice = () => showTiles(network);
  makeTokenizers(document.getElementById('tokenizers-here'), data.tokenizers, words);
  window.playground = network;  // for the test, and for the curious at the console
}
startPlayground();
