// A matrix as a picture: a canvas with names of rows and columns, a cell that mouse, finger and arrow keys choose.
'use strict';

function themeColours() {
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
  return { ink: colour('--ink'), link: colour('--link'), soft: colour('--soft'), line: colour('--line'), low: colour('--low'), high: colour('--high'), panel: colour('--panel'), paper: colour('--paper') };
}

class Heatmap {
  // options: rows and cols (names, or null), label (what a screen reader says), onCell(i, j), small (no names, no choice), most (of the scale),
  // framed (the first of the columns that are meant, and their number).
  constructor(matrix, options) {
    this.matrix = matrix;
    this.options = options;
    this.cell = null;
    this.canvas = document.createElement('canvas');
    if (!options.small) this.makeInteractive();
  }

  makeInteractive() {
    const { canvas } = this;
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', this.options.label);
    canvas.addEventListener('pointermove', (event) => this.choose(this.cellUnder(event)));
    canvas.addEventListener('pointerdown', (event) => this.choose(this.cellUnder(event)));
    canvas.addEventListener('focus', () => this.choose(this.cell ?? [0, 0]));
    canvas.addEventListener('keydown', (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e9], End: [0, 1e9] }[event.key];
      if (!step) return;
      event.preventDefault();
      const [i, j] = this.cell ?? [0, 0], within = (x, end) => Math.min(end - 1, Math.max(0, x));
      this.choose([within(i + step[0], this.matrix.rows), within(j + step[1], this.matrix.cols)]);
    });
  }

  choose(cell) {
    if (!cell || (this.cell && cell[0] === this.cell[0] && cell[1] === this.cell[1] && Heatmap.active === this)) return;
    const before = Heatmap.active;
    Heatmap.active = this;
    this.cell = cell;
    if (before && before !== this) before.draw();
    this.draw();
    this.options.onCell?.(cell[0], cell[1]);
  }

  cellUnder(event) {
    const box = this.canvas.getBoundingClientRect(), { left, top, width, height } = this.layout;
    const j = Math.floor((event.clientX - box.left - left) / width), i = Math.floor((event.clientY - box.top - top) / height);
    return i >= 0 && j >= 0 && i < this.matrix.rows && j < this.matrix.cols ? [i, j] : null;
  }

  // Cells as large as the room allows; numbers in them where they fit.
  place(room) {
    const { matrix, options } = this, context = this.canvas.getContext('2d');
    context.font = kLabelFont;
    const widest = (names) => Math.min(96, Math.max(0, ...names.map((name) => context.measureText(name).width)));
    const left = options.rows ? widest(options.rows) + 6 : 0;
    const fitting = (room - left) / matrix.cols;
    const square = Boolean(options.cols);
    const width = options.small ? Math.max(2, Math.min(14, 64 / matrix.cols)) : Math.max(options.cols ? 15 : 3, Math.min(square ? 44 : 20, fitting));
    const upright = options.cols && Math.max(0, ...options.cols.map((name) => context.measureText(name).width)) > width - 2;
    const top = !options.cols ? 0 : upright ? widest(options.cols) + 8 : 18;
    const height = options.small ? width * Math.min(1, matrix.cols / matrix.rows) || width : square ? Math.max(17, Math.min(26, width)) : 17;
    this.layout = { left, top, width, height, upright };
  }

  draw(room = this.room ?? 600) {
    this.room = room;
    this.place(room);
    const { matrix, canvas, layout, options } = this, ratio = window.devicePixelRatio || 1;
    const width = layout.left + layout.width * matrix.cols + 1, height = layout.top + layout.height * matrix.rows + 2;
    canvas.width = Math.ceil(width * ratio);
    canvas.height = Math.ceil(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext('2d'), colours = themeColours();
    context.scale(ratio, ratio);
    this.drawCells(context, colours);
    if (!options.small) this.drawNames(context, colours);
    if (options.framed) {
      context.strokeStyle = colours.link;
      context.lineWidth = 1.5;
      context.strokeRect(layout.left + options.framed[0] * layout.width - 1, 1, options.framed[1] * layout.width + 1, height - 2);
    }
    if (this.cell && Heatmap.active === this) {
      const [i, j] = this.cell;
      context.strokeStyle = colours.ink;
      context.lineWidth = 2;
      context.strokeRect(layout.left + j * layout.width, layout.top + i * layout.height, layout.width, layout.height);
    }
  }

  drawCells(context, colours) {
    const { matrix, options } = this, { left, top, width, height } = this.layout;
    const finite = matrix.data.filter(Number.isFinite), most = options.most ?? finite.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-9);
    const gap = width > 8 ? 1 : 0, numbers = width >= 34 && options.cols && !options.small;
    context.fillStyle = colours.panel;
    context.fillRect(left, top, width * matrix.cols, height * matrix.rows);
    for (let i = 0; i < matrix.rows; ++i) {
      for (let j = 0; j < matrix.cols; ++j) {
        const value = matrix.at(i, j), x = left + j * width, y = top + i * height;
        if (value === -Infinity) {
          context.strokeStyle = colours.line;
          context.beginPath();
          context.moveTo(x + 2, y + height - 2);
          context.lineTo(x + width - 2, y + 2);
          context.stroke();
          continue;
        }
        const share = Math.min(1, Math.abs(value) / most);
        context.globalAlpha = share;
        context.fillStyle = value < 0 ? colours.low : colours.high;
        context.fillRect(x, y, width - gap, height - gap);
        context.globalAlpha = 1;
        if (!numbers) continue;
        context.fillStyle = share > 0.6 ? colours.paper : colours.ink;
        context.font = '10.5px system-ui, sans-serif';
        context.textAlign = 'center';
        context.fillText(number(value, Math.abs(value) >= 10 ? 1 : 2), x + width / 2, y + height / 2 + 4);
      }
    }
  }

  drawNames(context, colours) {
    const { matrix, options, layout } = this;
    context.font = kLabelFont;
    context.fillStyle = colours.soft;
    const fitted = (name, room) => {
      let text = name;
      while (text.length > 1 && context.measureText(text).width > room) text = text.slice(0, -2) + '…';
      return text;
    };
    context.textAlign = 'right';
    options.rows?.slice(0, matrix.rows).forEach((name, i) => {
      context.fillText(fitted(name, 96), layout.left - 5, layout.top + (i + 0.5) * layout.height + 4);
    });
    options.cols?.slice(0, matrix.cols).forEach((name, j) => {
      const x = layout.left + (j + 0.5) * layout.width;
      context.save();
      context.translate(x + (layout.upright ? 4 : 0), layout.top - 5);
      if (layout.upright) context.rotate(-Math.PI / 2);
      context.textAlign = layout.upright ? 'left' : 'center';
      context.fillText(fitted(name, 96), 0, 0);
      context.restore();
    });
  }
}
Heatmap.active = null;
const kLabelFont = '12px system-ui, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif';
