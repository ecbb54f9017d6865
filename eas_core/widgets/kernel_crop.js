// A smaller kernel is the centre of the 7 x 7 one: its weights, the part that a choice keeps, and how much that is.

const SIZE = 7;

/** Whether the weight in a row and column is inside the centre crop. */
const inside = (row, column, kernel) => Math.max(Math.abs(row - 3), Math.abs(column - 3)) <= (kernel - 1) / 2;

/** Share of the absolute weight of a kernel (rows of numbers) that its centre crop keeps. */
export function share(weights, kernel) {
  let all = 0, kept = 0;
  weights.forEach((line, row) => line.forEach((weight, column) => {
    all += Math.abs(weight);
    if (inside(row, column, kernel)) kept += Math.abs(weight);
  }));
  return all ? kept / all : 0;
}

function render({ model, el }) {
  const data = model.get("data");
  const state = { kernel: data.kernel, channel: 0 };
  const kernel = slider("Kernel size", { min: 3, max: SIZE, step: 2, value: state.kernel, format: (k) => `${k}×${k}` }, (v) => change("kernel", v));
  const channel = menu("Channel", data.kernels.map(({ name }, i) => [i, name]), 0, (v) => change("channel", Number(v)));
  const drawing = svg("svg", { role: "img", class: "eas-drawing" });
  const outline = svg("rect", { class: "eas-crop" });
  const summary = html("div", { class: "eas-numbers", role: "status", "aria-live": "polite" });
  const scale = html("p", { class: "eas-note" });
  const figure = html("div", { class: "eas-figure" }, drawing);
  const text = html("div", {}, summary, html("div", { class: "eas-legend" },
    html("span", { class: "eas-key eas-eas" }, "positive"), html("span", { class: "eas-key eas-random" }, "negative"), html("span", { class: "eas-key eas-used" }, "used")), scale);
  const root = html("div", { class: "eas-widget eas-kernel" }, html("div", { class: "eas-controls" }, kernel.box, channel.box),
    html("div", { class: "eas-pair" }, figure, text));
  el.replaceChildren(root);

  function change(name, value) {
    state[name] = value;
    show();
  }

  let cells, step;
  function layout(width) {
    step = Math.min(38, Math.floor((width - 4) / SIZE));
    set(drawing, { width: SIZE * step + 4, height: SIZE * step + 4 });
    cells = Array.from({ length: SIZE }, (_, row) => Array.from({ length: SIZE }, (_, column) =>
      svg("rect", { x: 3 + column * step, y: 3 + row * step, width: step - 2, height: step - 2, rx: 2 }, svg("title"))));
    drawing.replaceChildren(...cells.flat(), outline);
  }

  function show() {
    const { name, weights } = data.kernels[state.channel], { kernel: size } = state;
    const highest = Math.max(...weights.flat().map(Math.abs)) || 1;
    cells.forEach((line, row) => line.forEach((cell, column) => {
      const weight = weights[row][column], used = inside(row, column, size);
      set(cell, { class: (weight < 0 ? "eas-random" : "eas-eas") + (used ? "" : " eas-faded") });
      cell.style.fillOpacity = (Math.abs(weight) / highest).toFixed(3);
      cell.firstChild.textContent = `row ${row + 1}, column ${column + 1}: ${weight.toFixed(4)}${used ? "" : " (not used)"}`;
    }));
    const margin = (SIZE - size) / 2, count = size * size, kept = `${(100 * share(weights, size)).toFixed(1)}\u00a0%`;
    set(outline, { x: 2 + margin * step, y: 2 + margin * step, width: size * step, height: size * step });
    const part = `${((100 * count) / SIZE ** 2).toFixed(0)}\u00a0%`;
    summary.replaceChildren(
      html("p", {}, `The ${size}×${size} kernel uses `, html("strong", {}, `${count} of ${SIZE * SIZE} weights`), ` (${part}) and ${count} multiply-adds for each output position of this channel.`),
      html("p", {}, "Inside the crop: ", html("strong", {}, kept), " of the absolute weight."));
    scale.textContent = `The strongest colour is a weight of ±${highest.toPrecision(3)}.`;
    drawing.setAttribute("aria-label", `Depthwise kernel, ${name}, 7×7 weights: the ${size}×${size} centre is used, with ${kept} of the absolute weight`);
  }

  return onWidth(root, (width) => {
    layout(width);
    show();
  });
}

export default { render };
