// The page of `qkv attention --html`: the views of the trace that it holds.
'use strict';

function traceOfPage({ model, axes, parts, steps }) {
  const matrices = new Map(steps.map(({ id, rows, cols, data }) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)), view = new DataView(bytes.buffer);
    return [id, new Matrix(rows, cols, Float64Array.from({ length: rows * cols }, (_, i) => view.getFloat32(4 * i, true)))];
  }));
  return { model, axes, parts, steps: matrices };
}

const jsonOf = (id) => JSON.parse(document.getElementById(id).textContent);
window.viewer = new TraceViewer(document.getElementById('views'), jsonOf('words'));
window.viewer.update(traceOfPage(jsonOf('trace')));
