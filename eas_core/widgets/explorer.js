// The explorer: task and budget in, the generator's architecture out, computed here from the trained weights (method.js).

// ------------------------------------------------------------------ drawing

const readable = (name) => name.replaceAll("_", " ");
const millions = (value) => (value / 1e6).toFixed(3);

/** One architecture: a bar is a block, its height the kernel, its colour the ratio, dashed means skipped. */
class ArchitectureDrawing {
  constructor() {
    this.svg = svg("svg", { role: "img", class: "eas-drawing" });
    this.box = html("div", { class: "eas-figure" }, this.svg);
  }
  layout(width) {
    const left = 26, gap = width > 460 ? 12 : 6, row = 11, top = 14;
    const step = (width - left - 4 * gap - 2) / BLOCKS;
    const base = top + 7 * row, high = base + (width > 460 ? 34 : 20);
    set(this.svg, { width, height: high });
    this.svg.replaceChildren();
    this.bars = [];
    for (const kernel of KERNELS) {
      const y = base - kernel * row;
      this.svg.append(
        svg("line", { x1: left, x2: width, y1: y, y2: y, class: "eas-grid" }),
        svg("text", { x: left - 6, y: y + 4, "text-anchor": "end", class: "eas-tick" }, `${kernel}`));
    }
    for (let block = 0; block < BLOCKS; block++) {
      const unit = Math.floor(block / PER_UNIT), x = left + block * step + unit * gap;
      const bar = svg("rect", { x: x + 1, width: Math.max(step - 2, 2), rx: 1.5 }, svg("title"));
      this.bars.push(bar);
      this.svg.append(bar);
      if (width > 460)
        this.svg.append(svg("text", { x: x + step / 2, y: base + 13, "text-anchor": "middle", class: "eas-tick" }, `${(block % PER_UNIT) + 1}`));
      if (block % PER_UNIT === 0)
        this.svg.append(svg("text", { x: x + 2 * step, y: high - 4, "text-anchor": "middle", class: "eas-tick" }, width > 460 ? `unit ${unit + 1}` : `u${unit + 1}`));
    }
    Object.assign(this, { base, row });
  }
  show(index, other, label) {
    const { base, row } = this;
    this.bars.forEach((bar, block) => {
      const real = exists(index, block), kernel = real ? KERNELS[index[block]] : 3, ratio = RATIOS[index[BLOCKS + block]];
      const differs = other && (real !== exists(other, block) || (real && (index[block] !== other[block] || index[BLOCKS + block] !== other[BLOCKS + block])));
      set(bar, { y: base - kernel * row, height: kernel * row, class: (real ? `eas-ratio-${ratio}` : "eas-skipped") + (differs ? " eas-differs" : "") });
      bar.firstChild.textContent = `unit ${Math.floor(block / PER_UNIT) + 1}, block ${(block % PER_UNIT) + 1}: ` +
        (real ? `kernel ${kernel}×${kernel}, expansion ratio ${ratio}` : "skipped");
    });
    this.svg.setAttribute("aria-label", label);
  }
}

/** Probabilities of the 90 gates, a cell a gate, as strong as the gate is probable. */
class GateDrawing {
  constructor() {
    this.svg = svg("svg", { role: "img", class: "eas-drawing" });
    this.box = html("div", { class: "eas-figure" }, html("p", { class: "eas-title" }, "Gate probabilities"), this.svg, html("p", { class: "eas-note" }, "The stronger the colour, the more probable is the gate."));
  }
  layout(width) {
    const left = 68, gap = 4, high = 15;
    const step = (width - left - 4 * gap - 2) / BLOCKS;
    const rows = ["kernel ≥ 5", "kernel ≥ 7", "ratio ≥ 4", "ratio ≥ 6", "depth ≥ 3", "depth ≥ 4"];
    set(this.svg, { width, height: rows.length * (high + 2) + 12 + 18 });
    this.svg.replaceChildren();
    this.cells = new Array(GATES);
    rows.forEach((name, row) => {
      const y = row * (high + 2) + 6 * Math.floor(row / 2);
      this.svg.append(svg("text", { x: left - 6, y: y + 12, "text-anchor": "end", class: "eas-tick" }, name));
      const depth = row > 3;
      for (let i = 0; i < (depth ? UNITS : BLOCKS); i++) {
        const unit = depth ? i : Math.floor(i / PER_UNIT), block = depth ? PER_UNIT * i : i;
        const cell = svg("rect", { x: left + block * step + unit * gap, y, width: (depth ? PER_UNIT : 1) * step, height: high, class: "eas-gate" }, svg("title"));
        this.cells[2 * (i + BLOCKS * Math.floor(row / 2)) + (row % 2)] = cell;
        this.svg.append(cell);
      }
    });
    for (let unit = 0; unit < UNITS; unit++)
      this.svg.append(svg("text", { x: left + (PER_UNIT * unit + 2) * step + unit * gap, y: rows.length * (high + 2) + 12 + 13, "text-anchor": "middle", class: "eas-tick" },
        step > 12 ? `unit ${unit + 1}` : `u${unit + 1}`));
    this.rows = rows;
  }
  show(z, label) {
    this.cells.forEach((cell, gate) => {
      const p = sigmoid(z[gate]);
      cell.style.fillOpacity = p.toFixed(3);
      cell.firstChild.textContent = `${this.rows[2 * Math.floor(gate / (2 * BLOCKS)) + (gate % 2)]}: ${p.toFixed(3)}`;
    });
    this.svg.setAttribute("aria-label", label);
  }
}

/** Test accuracy against cost of one task (or the EAS curves of two), with a line at the budget. */
class CurveDrawing {
  constructor(facts) {
    this.facts = facts;
    this.svg = svg("svg", { role: "img", class: "eas-drawing" });
    this.legend = html("div", { class: "eas-legend" });
    this.note = html("p", { class: "eas-note" });
    this.box = html("div", { class: "eas-figure" }, html("p", { class: "eas-title" }, "Measured accuracy against cost"), this.svg, this.legend, this.note);
  }
  layout(width) {
    Object.assign(this, { width, height: 176, left: 40, bottom: 34, top: 6 });
    set(this.svg, { width, height: this.height });
    this.drawn = null;
  }
  series(tasks) {
    const { curves } = this.facts;
    const shown = tasks.length > 1
      ? tasks.map((t, i) => [readable(this.facts.tasks[t].name), i ? "eas-second" : "eas-eas", curves[t].EAS])
      : [["random architectures", "eas-random", curves[tasks[0]].random], ["OFA-T", "eas-ofa", curves[tasks[0]]["OFA-T"]], ["EAS", "eas-eas", curves[tasks[0]].EAS]];
    return shown.filter(([, , points]) => points && points.length);
  }
  axes(tasks) {
    const { width, height, left, bottom, top } = this;
    const all = this.series(tasks), points = all.flatMap(([, , p]) => p);
    const [low, high] = this.facts.range, pad = 0.03 * (high - low);
    const xs = [...points.map((p) => p[0]), low, high];
    const ys = points.flatMap((p) => p.slice(1)).map((v) => 100 * v);
    const [x0, x1] = [Math.min(...xs) - pad, Math.max(...xs) + pad];
    const [y0, y1] = ys.length ? [Math.floor(Math.min(...ys) - 1), Math.min(100, Math.ceil(Math.max(...ys) + 1))] : [0, 100];
    const x = (v) => left + ((v - x0) / (x1 - x0)) * (width - left - 8);
    const y = (v) => top + ((y1 - v) / (y1 - y0)) * (height - top - bottom);
    this.svg.replaceChildren();
    for (const v of ticks(y0, y1, 4))
      this.svg.append(svg("line", { x1: left, x2: width - 8, y1: y(v), y2: y(v), class: "eas-grid" }),
        svg("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end", class: "eas-tick" }, `${v}`));
    for (const v of ticks(x0, x1, width > 400 ? 8 : 5))
      this.svg.append(svg("text", { x: x(v), y: height - bottom + 16, "text-anchor": "middle", class: "eas-tick" }, `${v}`));
    this.svg.append(
      svg("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle", class: "eas-tick" }, "multiply-adds (millions)"),
      svg("text", { x: 11, y: (top + height - bottom) / 2, "text-anchor": "middle", class: "eas-tick", transform: `rotate(-90 11 ${(top + height - bottom) / 2})` }, "test accuracy (%)"));
    const marker = svg("line", { y1: top, y2: height - bottom, class: "eas-budget" });
    this.svg.append(marker);
    for (const [name, style, values] of all) {
      const group = svg("g", { class: style });
      if (style !== "eas-random")
        group.append(svg("polyline", { points: values.map((p) => `${x(p[0])},${y(100 * p[1])}`).join(" ") }));
      for (const [cost, value, from, to] of values) {
        if (from !== undefined) group.append(svg("line", { x1: x(cost), x2: x(cost), y1: y(100 * from), y2: y(100 * to) }));
        group.append(svg("circle", { cx: x(cost), cy: y(100 * value), r: style === "eas-random" ? 2 : 3.5 },
          svg("title", {}, `${name}: ${cost.toFixed(2)} M, ${(100 * value).toFixed(1)} %` + (from === undefined ? "" : ` (95 % interval ${(100 * from).toFixed(1)} to ${(100 * to).toFixed(1)})`))));
      }
      this.svg.append(group);
    }
    this.legend.replaceChildren(...all.map(([name, style]) => html("span", { class: `eas-key ${style}` }, name)), html("span", { class: "eas-key eas-budget" }, "budget"));
    const n = this.facts.images;
    this.note.textContent = points.length
      ? `Measured on ${n.toLocaleString("en")} test images a point; bars: 95 % interval.`
      : "This run has no test records yet.";
    return { marker, x };
  }
  show(tasks, budget, label) {
    const key = tasks.join();
    if (this.drawn?.key !== key) this.drawn = { key, ...this.axes(tasks) };
    const at = this.drawn.x(budget);
    set(this.drawn.marker, { x1: at, x2: at });
    this.svg.setAttribute("aria-label", label);
  }
}

function legend() {
  return html("div", { class: "eas-legend" },
    ...RATIOS.map((ratio) => html("span", { class: `eas-key eas-ratio-${ratio}` }, `expansion ratio ${ratio}`)),
    html("span", { class: "eas-key eas-skipped" }, "skipped block"), html("span", {}, "height: kernel size"));
}

// ------------------------------------------------------------------ the widget

function render({ model, el }) {
  const facts = model.get("facts");
  const weights = unpack(model.get("weights"), facts.layout);
  const [low, high] = facts.range;
  const step = 10 ** Math.floor(Math.log10((high - low) / 200));
  const digits = Math.max(0, -Math.floor(Math.log10(step)));

  // controls
  const names = facts.tasks.map((task, number) => [number, readable(task.name)]);
  const task = menu("Task", names, model.get("task"), (v) => change("task", Number(v)));
  const other = menu("Compare with", [[-1, "(no other task)"], ...names], model.get("other"), (v) => change("other", Number(v)));
  const budget = slider("Budget (millions of multiply-adds)",
    { min: low, max: high, step, value: model.get("budget"), format: (v) => `${v.toFixed(digits)} M` }, (v) => change("budget", v));
  const levels = html("div", { class: "eas-levels" }, ...facts.levels.map((level) =>
    html("span", { style: `left: calc(8px + (100% - 16px) * ${(level - low) / (high - low)})` },
      button(`${level}`, () => change("budget", level), `set the budget to ${level} M, a level of the results tables`))));
  budget.box.append(levels);
  const again = button("Sample again", () => change("draw", model.get("draw") + 1), "draw an architecture from the gate probabilities");
  const probable = button("Most probable", () => change("draw", 0), "the most probable gates that keep the budget");
  const classes = html("p", { class: "eas-note eas-classes" });
  const summary = html("div", { class: "eas-summary", role: "status", "aria-live": "polite" });
  const meter = html("meter", { min: 0, max: 1, "aria-label": "share of the budget used" });

  const first = new ArchitectureDrawing(), second = new ArchitectureDrawing();
  const firstTitle = html("p", { class: "eas-title" }), secondTitle = html("p", { class: "eas-title" });
  const gates = new GateDrawing(), curve = new CurveDrawing(facts);
  const drawings = html("div", {}, firstTitle, first.box, secondTitle, second.box, legend());
  const root = html("div", { class: "eas-widget eas-explorer" },
    html("div", { class: "eas-controls" }, task.box, other.box, html("div", { class: "eas-buttons" }, probable, again)),
    classes, budget.box, summary, meter, drawings, html("div", { class: "eas-pair" }, gates.box, curve.box));
  el.replaceChildren(root);

  function change(trait, value) {
    model.set(trait, value); // the listener below does the rest
  }

  function show() {
    if (!first.bars) return; // not laid out yet
    const scenario = { task: model.get("task"), budget: model.get("budget"), draw: model.get("draw") };
    const rival = model.get("other");
    const found = answer(facts, weights, scenario);
    const compared = rival >= 0 && rival !== scenario.task ? answer(facts, weights, { ...scenario, task: rival }) : null;
    const name = readable(facts.tasks[scenario.task].name);

    task.input.value = scenario.task;
    other.input.value = rival;
    budget.set(scenario.budget);
    probable.setAttribute("aria-pressed", scenario.draw === 0);
    classes.textContent = `Classes: ${facts.tasks[scenario.task].classes.map(readable).join(", ")}.`;

    const describe = (a) => `${a.madds.toLocaleString("en")} multiply-adds of ${Math.round(1e6 * scenario.budget).toLocaleString("en")} ` +
      `(${((a.madds / 1e4) / scenario.budget).toFixed(1)} %), ${blocks(a.index)} blocks, ${a.params.toLocaleString("en")} parameters`;
    const how = (a) => scenario.draw === 0 ? "Most probable architecture within the budget"
      : a.derived ? `None of ${facts.samples} samples fitted: the nearest feasible architecture was derived`
      : `Sample ${scenario.draw}; ${a.fitting} of ${facts.samples} samples fitted the budget`;
    firstTitle.textContent = `${name}: ${millions(found.madds)} M`;
    summary.replaceChildren(html("strong", {}, `${name}: `), `${describe(found)}. `, html("span", { class: "eas-how" }, `${how(found)}.`));
    set(meter, { value: found.madds / 1e6 / scenario.budget });
    first.show(found.index, compared?.index, `Architecture for ${name}: ${describe(found)}`);
    gates.show(found.z, `Probabilities of the 90 gates for ${name} at ${scenario.budget.toFixed(digits)} M`);

    secondTitle.hidden = second.box.hidden = !compared;
    if (compared) {
      const rivalName = readable(facts.tasks[rival].name);
      secondTitle.textContent = `${rivalName}: ${millions(compared.madds)} M`;
      second.show(compared.index, found.index, `Architecture for ${rivalName}: ${describe(compared)}`);
      summary.append(html("br"), html("strong", {}, `${rivalName}: `), `${describe(compared)}. `,
        html("span", { class: "eas-how" }, `${how(compared)}. Outlined blocks differ; cosine similarity ${cosine(found.index, compared.index).toFixed(2)}.`));
    }
    curve.show(compared ? [scenario.task, rival] : [scenario.task], scenario.budget,
      `Test accuracy against multiply-adds for ${name}`);
    model.set("shown", { ...scenario, architecture: toArchitecture(found.index), derived: found.derived });
  }

  function blocks(index) {
    let count = 0;
    for (let block = 0; block < BLOCKS; block++) count += exists(index, block);
    return count;
  }

  const stop = onWidth(root, (width) => {
    first.layout(width);
    second.layout(width);
    const half = width > 640 ? Math.floor((width - 20) / 2) : width;
    gates.layout(half);
    curve.layout(half);
    show();
    model.save_changes();
  });
  const traits = ["task", "other", "budget", "draw"];
  const changed = () => { // from Python, or from another view of this widget
    show();
    model.save_changes();
  };
  for (const trait of traits) model.on(`change:${trait}`, changed);
  return () => {
    stop();
    for (const trait of traits) model.off(`change:${trait}`, changed);
  };
}

export default { render };
