// FlashAttention's way through one row of attention: keys come in tiles, and of the softmax only maximum, sum and output are kept
// (Milakov and Gimelshein 2018; Dao et al. 2022, algorithm 1).
'use strict';

// scores of one query, values of all keys: the state after each tile.
function onlineSoftmax(scores, values, tile) {
  let largest = -Infinity, sum = 0, out = new Array(values.cols).fill(0);
  const states = [];
  for (let begin = 0; begin < scores.length; begin += tile) {
    const end = Math.min(scores.length, begin + tile), own = scores.slice(begin, end);
    const before = largest;
    largest = Math.max(largest, ...own);
    const factor = before === -Infinity ? 0 : Math.exp(before - largest);
    const powers = own.map((s) => (s === -Infinity ? 0 : Math.exp(s - largest)));
    sum = factor * sum + powers.reduce((a, b) => a + b, 0);
    out = out.map((o, c) => factor * o + powers.reduce((total, p, j) => total + p * values.at(begin + j, c), 0));
    states.push({ begin, end, own, factor, powers, largest, sum, out: [...out], first: before === -Infinity });
  }
  return states;
}

class TileStepper {
  constructor(container, words) {
    this.words = words;
    this.place = 0;
    this.size = element('input', { type: 'range', min: 1, max: 8, value: 2, id: 'tile-size' });
    this.query = element('select', { id: 'tile-query' });
    this.sizeShown = element('output', { for: 'tile-size' }, '2');
    this.back = element('button', { type: 'button', class: 'button', onclick: () => this.go(-1) }, words.back);
    this.next = element('button', { type: 'button', class: 'button', onclick: () => this.go(1) }, words.next);
    this.view = element('div', { class: 'tiles', 'aria-live': 'polite' });
    this.size.addEventListener('input', () => this.restart());
    this.query.addEventListener('change', () => this.restart());
    container.append(element('div', { class: 'controls' },
      element('label', { for: 'tile-query' }, words.tile_query), this.query,
      element('label', { for: 'tile-size' }, words.tile_size), this.size, this.sizeShown, this.back, this.next), this.view);
  }

  // The row of a head: masked scores, values, and the names of queries and keys.
  update(scores, values, queries, keys) {
    Object.assign(this, { scores, values, queries, keys });
    const chosen = Math.min(Math.max(0, this.query.selectedIndex), queries.length - 1), fresh = this.query.options.length === 0;
    this.query.replaceChildren(...queries.map((name, i) => element('option', { value: i }, `${i + 1}: ${name}`)));
    this.query.selectedIndex = fresh ? queries.length - 1 : chosen;
    this.restart();
  }
  restart() {
    this.place = 0;
    this.show();
  }
  go(step) {
    this.place = Math.min(this.states.length, Math.max(0, this.place + step));
    this.show();
  }

  show() {
    const { words } = this, scores = row(this.scores, this.query.selectedIndex), tile = Number(this.size.value);
    this.sizeShown.textContent = tile;
    this.states = onlineSoftmax(scores, this.values, tile);
    this.place = Math.min(this.place, this.states.length);
    const now = this.states[this.place - 1];
    this.back.disabled = this.place === 0;
    this.next.disabled = this.place === this.states.length;
    const cells = scores.map((score, j) => {
      const where = !now || j >= now.end ? 'ahead' : j >= now.begin ? 'now' : 'gone';
      return element('span', { class: `tile ${where}` }, element('b', {}, this.keys[j]), number(score, 3));
    });
    const vector = (values) => `[${values.slice(0, 8).map((v) => number(v, 3)).join(', ')}${values.length > 8 ? ', …' : ''}]`;
    this.view.replaceChildren(element('div', { class: 'tile-row' }, ...cells));
    if (!now) return this.view.append(element('p', {}, filled(words.tile_start, this.states.length)));
    const lines = [
      [words.tile_maximum, `<i>m</i>′ = max(${now.first ? '−∞' : number(this.states[this.place - 2].largest, 4)}, ${now.own.map((s) => number(s, 3)).join(', ')}) = <b>${number(now.largest)}</b>`],
      [words.tile_factor, now.first ? words.tile_nothing : `e<sup><i>m</i> − <i>m</i>′</sup> = <b>${number(now.factor)}</b>`],
      [words.tile_powers, `e<sup><i>s</i> − <i>m</i>′</sup> = ${vector(now.powers)}`],
      [words.tile_sum, `<i>l</i>′ = ${number(now.factor)} · ${number(this.place > 1 ? this.states[this.place - 2].sum : 0)} + ${number(now.powers.reduce((a, b) => a + b, 0))} = <b>${number(now.sum)}</b>`],
      [words.tile_output, `<i>o</i>′ = ${vector(now.out)}`],
    ];
    this.view.append(element('table', {}, element('caption', {}, filled(words.tile_of, this.place, this.states.length)),
      element('tbody', {}, ...lines.map(([name, html]) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', { html }))))));
    if (this.place < this.states.length) return;
    const { sum, out } = now, weights = softmaxOfRows(new Matrix(1, scores.length, Float64Array.from(scores)));
    const whole = row(times(weights, this.values), 0), difference = Math.max(...whole.map((w, c) => Math.abs(w - out[c] / sum)));
    this.view.append(element('p', { html: `<i>o</i> / <i>l</i> = <b>${vector(out.map((o) => o / sum))}</b><br>softmax(<i>s</i>) <i>V</i> = ${vector(whole)}` }),
      element('p', { class: 'note' }, filled(words.tile_same, difference.toExponential(1))));
  }
}
