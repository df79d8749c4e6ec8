// The views of a trace: maps of all heads, the way through the network, and each matrix of a part with its formula.
'use strict';

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'html') made.innerHTML = value;
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

const filled = (text, ...values) => values.reduce((result, value) => result.replace('{}', value), text);

class TraceViewer {
  // words: those of words.LANGUAGE.json. linksOf(step): pages about a matrix, [address, title].
  constructor(container, words, linksOf = () => []) {
    this.words = words;
    this.linksOf = linksOf;
    this.group = null;
    this.head = 0;
    this.maps = element('div', { class: 'maps' });
    this.way = element('nav', { class: 'way', 'aria-label': words.way });
    this.part = element('div', { class: 'part' });
    this.inspector = element('div', { class: 'inspector', 'aria-live': 'polite' });
    container.append(
      element('h3', {}, words.maps), element('p', { class: 'note' }, words.maps_note), this.maps,
      element('h3', {}, words.matrices), element('p', { class: 'note' }, words.matrices_note),
      element('div', { class: 'walk' }, this.way, element('div', {}, this.part)), this.inspector);
    new ResizeObserver(() => this.redraw()).observe(container);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
  }

  update(trace) {
    this.trace = trace;
    this.groups = groupsOf(trace);
    if (!this.groups.has(this.group)) this.start();
    this.showMaps();
    this.showWay();
    this.showPart();
  }

  // The last attention, and of its heads the one that looks at single tokens most.
  start() {
    const { parts, steps } = this.trace;
    this.group = Object.keys(parts).at(-1) ?? [...this.groups.keys()][0];
    const sharpness = Array.from({ length: parts[this.group]?.heads ?? 0 }, (_, head) => {
      const weights = steps.get(`${this.group}.weights.${head}`);
      return Array.from({ length: weights.rows }, (_, i) => Math.max(...row(weights, i))).reduce((a, b) => a + b, 0);
    });
    this.head = Math.max(0, sharpness.indexOf(Math.max(...sharpness)));
  }

  nameOf(group) {
    const [side, layer, part] = group === 'output' ? ['output'] : group.split('.');
    if (side === 'output') return this.words.output_layer;
    return /^\d+$/.test(layer) ? `${filled(this.words.layer, Number(layer) + 1)} · ${this.words[part]}` : this.words[layer];
  }
  titleOf(group) {
    const side = group.split('.')[0], both = this.trace.model.kind === 'encoder_decoder';
    return both && side !== 'output' ? `${this.words[side]} · ${this.nameOf(group)}` : this.nameOf(group);
  }

  choose(group, head = this.head) {
    this.group = group;
    this.head = head;
    this.showWay();
    this.showPart();
    for (const map of this.maps.querySelectorAll('button')) {
      map.setAttribute('aria-pressed', String(map.dataset.group === group && Number(map.dataset.head) === head));
    }
    this.onChoice?.();
  }

  showMaps() {
    this.maps.replaceChildren();
    this.smallMaps = [];
    for (const [group, part] of Object.entries(this.trace.parts)) {
      const rowOfMaps = element('div', { class: 'heads' });
      for (let head = 0; head < part.heads; ++head) {
        const map = new Heatmap(this.trace.steps.get(`${group}.weights.${head}`), { small: true, most: 1 });
        const label = `${this.titleOf(group)}, ${this.words.head} ${head + 1}`;
        const chosen = group === this.group && head === this.head;
        const button = element('button', {
          type: 'button', 'aria-label': label, title: label, 'aria-pressed': String(chosen), 'data-group': group, 'data-head': head,
          class: part.silenced?.includes(head) ? 'silenced' : null, onclick: () => this.choose(group, head),
        }, map.canvas);
        this.smallMaps.push(map);
        map.draw();
        rowOfMaps.append(button);
      }
      this.maps.append(element('div', { class: 'map-row' }, element('span', { class: 'map-name' }, this.titleOf(group)), rowOfMaps));
    }
  }

  showWay() {
    const focused = this.way.contains(document.activeElement);
    this.way.replaceChildren();
    let side = null, list = null;
    for (const group of this.groups.keys()) {
      const here = group.split('.')[0];
      if (here !== side) {
        side = here;
        list = element('ol');
        if (this.trace.model.kind === 'encoder_decoder' && side !== 'output') this.way.append(element('span', { class: 'side' }, this.words[side]));
        this.way.append(list);
      }
      const current = group === this.group;
      list.append(element('li', {}, element('button', { type: 'button', 'aria-current': current ? 'step' : null, 'data-group': group, onclick: () => this.choose(group) }, this.nameOf(group))));
    }
    const current = this.way.querySelector('[aria-current]');
    if (current) this.way.scrollLeft = current.offsetLeft - this.way.offsetLeft - 40;  // where it is a strip
    if (focused) current?.focus();
  }

  showPart() {
    const { trace, group } = this, part = trace.parts[group];
    if (part && this.head >= part.heads) this.head = 0;
    const formula = kPartFormulas[group.split('.').at(-1)]?.(trace, this.groups.get(group));
    this.part.replaceChildren(element('h4', {}, this.titleOf(group)));
    if (formula) this.part.append(element('p', { class: 'part-formula', html: formula }));
    if (part && part.heads > 1) {
      const heads = element('div', { class: 'choice', role: 'group', 'aria-label': this.words.head });
      for (let head = 0; head < part.heads; ++head) {
        heads.append(element('button', { type: 'button', 'aria-pressed': String(head === this.head), onclick: () => this.chooseHead(head) }, `${this.words.head} ${head + 1}`));
      }
      this.part.append(heads);
    }
    this.heatmaps = [];
    const steps = this.groups.get(group).filter(({ head }) => head < 0 || head === this.head);
    this.part.append(element('div', { class: 'steps' }, ...steps.map((step) => this.figureOf(step))));
    this.say(null);
    this.redraw();
  }
  chooseHead(head) {
    this.choose(this.group, head);
    this.part.querySelectorAll('.choice button')[head].focus();
  }

  figureOf(step) {
    const matrix = this.trace.steps.get(step.id), { rows, cols } = axesOf(this.trace, step), { words } = this;
    const name = words[`${step.part}.${step.name}`] ?? words[step.name], size = `${matrix.rows} × ${matrix.cols}`;
    const map = new Heatmap(matrix, {
      rows, cols, framed: this.framed(step), most: step.name === 'weights' || step.name === 'probabilities' ? 1 : undefined,
      label: filled(words.matrix_label, name, size), onCell: (i, j) => this.say(step, i, j),
    });
    this.heatmaps.push(map);
    const numbers = element('details', { class: 'numbers' }, element('summary', {}, words.numbers));
    numbers.addEventListener('toggle', () => {
      if (numbers.open && numbers.children.length === 1) numbers.append(tableOf(matrix, rows, cols));
    });
    const formula = kFormulas[step.name]?.(this.trace, step) ?? '';
    return element('figure', { class: 'step', 'data-step': step.id },
      element('figcaption', {}, element('b', {}, name), ' ', element('span', { class: 'formula-line', html: formula }), ' ', element('span', { class: 'size' }, size),
        ...this.linksOf(step).map(([href, title]) => element('a', { class: 'why', href }, title))),
      element('div', { class: 'canvas' }, map.canvas), numbers);
  }

  // The columns of the chosen head in a matrix of all heads.
  framed({ group, name }) {
    const part = this.trace.parts[group];
    if (!part || part.heads === 1 || !['q', 'k', 'v', 'heads'].includes(name)) return null;
    const shared = name === 'k' || name === 'v' ? part.heads / part.key_value_heads : 1;
    return [Math.floor(this.head / shared) * part.head_dim, part.head_dim];
  }

  // What the chosen cell is and how it came about.
  say(step, i, j) {
    if (!step) {
      this.inspector.replaceChildren(element('span', { class: 'note' }, this.words.inspect));
      return;
    }
    const matrix = this.trace.steps.get(step.id), { rows, cols } = axesOf(this.trace, step);
    const name = this.words[`${step.part}.${step.name}`] ?? this.words[step.name], place = `[${rows?.[i] ?? i + 1}, ${cols?.[j] ?? j + 1}]`;
    const how = explain(this.trace, step, i, j, this.words), formula = kFormulas[step.name]?.(this.trace, step) ?? '';
    this.inspector.replaceChildren(
      element('div', {}, element('b', {}, `${name} ${place}`), ' = ', element('output', {}, number(matrix.at(i, j)))),
      element('div', { class: 'how', html: how ? `= ${how}` : formula }));
  }

  redraw() {
    for (const map of this.smallMaps ?? []) map.draw();
    const room = Math.max(200, (this.part.querySelector('.step')?.clientWidth || 600) - 26);
    for (const map of this.heatmaps ?? []) map.draw(room);
  }
}

function tableOf(matrix, rows, cols) {
  const kMostColumns = 128;
  const shown = Math.min(matrix.cols, kMostColumns), names = Array.from({ length: shown }, (_, j) => cols?.[j] ?? String(j + 1));
  const head = element('tr', {}, element('td'), ...names.map((name) => element('th', { scope: 'col' }, name)));
  const lines = Array.from({ length: matrix.rows }, (_, i) => element('tr', {}, element('th', { scope: 'row' }, rows?.[i] ?? String(i + 1)),
    ...names.map((_, j) => element('td', {}, number(matrix.at(i, j))))));
  return element('div', { class: 'wide' }, element('table', {}, element('thead', {}, head), element('tbody', {}, ...lines)));
}
