// Task dropout, Eq. (A) and (B): which tasks an image's logits lose, and what is left of its softmax in both readings.

const readable = (name) => name.replaceAll("_", " ");

/** For each image and task: kept or not. The own task always is, any other where its uniform number is at least q. */
export function keptTasks(data, q, seed) {
  const count = data.tasks.length;
  return data.labels.map((label, row) => data.tasks.map((task, t) => task.classes.includes(label) || uniform(seed, row * count + t) >= q));
}

/** Softmax of one image's logits, times `scale`, when only some tasks are kept: "zero" counts a dropped class as e^0, "exclude" not at all. */
export function softmax(data, row, kept, reading, scale = 1) {
  const logits = data.logits[row].map((o) => scale * o);
  data.tasks.forEach((task, t) => {
    if (!kept[t]) for (const c of task.classes) logits[c] = reading === "zero" ? 0 : -Infinity;
  });
  const highest = Math.max(...logits), e = logits.map((o) => Math.exp(o - highest));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((value) => value / sum);
}

function render({ model, el }) {
  const data = model.get("data"), rows = data.labels.length, columns = data.tasks.length;
  const state = { q: data.q, reading: data.reading, seed: data.seed, scale: 1, row: 0 };
  const own = data.labels.map((label) => data.tasks.findIndex((task) => task.classes.includes(label)));
  const className = (row) => readable(data.class_names[data.labels[row]]);
  const percent = (v) => `${(100 * v).toFixed(1)}\u00a0%`;

  const q = slider("Drop rate q", { min: 0, max: 1, step: 0.05, value: state.q, format: (v) => v.toFixed(2) }, (v) => change("q", v));
  const reading = menu("Reading", [["exclude", "exclude"], ["zero", "zero"]], state.reading, (v) => change("reading", v));
  const image = menu("Image", data.labels.map((_, row) => [row, `${row + 1}: ${className(row)}`]), 0, (v) => change("row", Number(v)));
  const scale = slider("Logits times", { min: 0.05, max: 1, step: 0.05, value: 1, format: (v) => v.toFixed(2) }, (v) => change("scale", v));
  const again = button("Draw again", () => change("seed", state.seed + 1), "a new mask");
  const grid = svg("svg", { role: "img", class: "eas-drawing" }), bars = svg("svg", { role: "img", class: "eas-drawing" });
  const title = html("p", { class: "eas-title" }), summary = html("div", { class: "eas-numbers", role: "status", "aria-live": "polite" });
  const key = (style, text) => html("span", { class: `eas-key ${style}` }, text);
  const root = html("div", { class: "eas-widget eas-dropout" },
    html("div", { class: "eas-controls" }, q.box, scale.box, reading.box, image.box, html("div", { class: "eas-buttons" }, again)),
    grid, html("div", { class: "eas-legend" }, key("eas-kept", "kept"), key("eas-skipped", "dropped"), key("eas-own", "the image's own task")),
    title, bars, html("div", { class: "eas-legend" }, key("eas-eas", "the right class"), key("eas-rivals", "its rivals in the task"), key("eas-kept", "another task, kept"), key("eas-left", "dropped, but still counted")),
    summary);
  el.replaceChildren(root);

  function change(name, value) {
    state[name] = value;
    image.input.value = state.row;
    show();
  }

  const ROW = 18, TOP = 18;
  grid.addEventListener("click", (event) => {
    const row = Math.floor((event.clientY - grid.getBoundingClientRect().top - TOP) / ROW);
    if (row >= 0 && row < rows) change("row", row);
  });

  let cells, chances, marker, parts, y;
  function layout(width) {
    const wide = width > 560, left = wide ? 110 : 42, right = 44, step = (width - left - right) / columns, small = Math.min(3, step / 8);
    const names = data.tasks.map((task) => readable(task.name)), longest = Math.max(...names.map((name) => name.length));
    // the grid
    set(grid, { width, height: TOP + rows * ROW + 4 });
    marker = svg("rect", { x: 1, width: width - 2, height: ROW, rx: 3, class: "eas-selected" });
    grid.replaceChildren(marker, caption(width, 12, "right class", "end"));
    cells = [];
    chances = [];
    for (let row = 0; row < rows; row++) {
      const at = TOP + row * ROW;
      grid.append(caption(left - 6, at + 13, wide ? `${row + 1}: ${shorten(className(row), 15)}` : `${row + 1}`, "end"));
      cells.push(data.tasks.map((task, t) => svg("rect", { x: left + t * step + small, y: at + 3, width: step - 2 * small, height: ROW - 6 }, svg("title"))));
      chances.push(caption(width - 4, at + 13, "", "end"));
      grid.append(...cells[row], chances[row]);
    }
    // the bars under the same columns
    const base = 118, slanted = step > 36, room = slanted ? longest * 3.4 + 18 : longest * 5.6 + 12;
    y = (share) => base - share * (base - 8);
    set(bars, { width, height: base + room });
    bars.replaceChildren();
    for (const share of [0, 0.5, 1])
      bars.append(svg("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), class: "eas-grid" }), caption(left - 6, y(share) + 4, `${100 * share} %`, "end"));
    parts = names.map((name, t) => {
      const middle = left + (t + 0.5) * step, turn = slanted ? -35 : -90;
      const [x, at] = slanted ? [middle + 4, base + 12] : [middle + 4, base + 6];
      const pair = [0, 1].map(() => svg("rect", { x: left + t * step + small, width: step - 2 * small }, svg("title")));
      bars.append(...pair, caption(x, at, name, "end", { transform: `rotate(${turn} ${x} ${at})` }));
      return pair;
    });
  }

  function show() {
    const kept = keptTasks(data, state.q, state.seed), { row } = state;
    set(marker, { y: TOP + row * ROW });
    for (let i = 0; i < rows; i++) {
      cells[i].forEach((cell, t) => {
        set(cell, { class: (kept[i][t] ? "eas-kept" : "eas-skipped") + (own[i] === t ? " eas-own" : "") });
        cell.firstChild.textContent = `image ${i + 1}, ${readable(data.tasks[t].name)}: ${own[i] === t ? "its own task, always kept" : kept[i][t] ? "kept" : "dropped"}`;
      });
      chances[i].textContent = percent(softmax(data, i, kept[i], state.reading, state.scale)[data.labels[i]]);
    }
    const right = data.labels[row], probabilities = softmax(data, row, kept[row], state.reading, state.scale);
    data.tasks.forEach((task, t) => {
      const sum = task.classes.reduce((total, c) => total + probabilities[c], 0), first = own[row] === t ? probabilities[right] : 0;
      const bar = (rect, from, to, style, text) => {
        set(rect, { y: y(to), height: Math.max(y(from) - y(to), 0), class: style });
        rect.firstChild.textContent = `${text}: ${percent(to - from)}`;
      };
      bar(parts[t][0], 0, first, "eas-eas", className(row));
      bar(parts[t][1], first, sum, own[row] === t ? "eas-rivals" : kept[row][t] ? "eas-kept" : "eas-left",
        own[row] === t ? "other classes of its task" : readable(task.name) + (kept[row][t] ? "" : ", dropped"));
    });
    const dropped = kept[row].filter((keep) => !keep).length;
    const all = kept[row].map(() => true);
    const chance = (mask, name) => percent(softmax(data, row, mask, name, state.scale)[right]);
    title.textContent = `Softmax of image ${row + 1}, ${className(row)}, by task`;
    summary.replaceChildren(`Probability of the right class, ${className(row)}, with ${dropped} of ${columns - 1} other tasks dropped: `,
      html("strong", {}, chance(kept[row], "exclude")), " under exclude, ", html("strong", {}, chance(kept[row], "zero")),
      ` under zero. With nothing dropped: ${chance(all, "exclude")}.`);
    const total = kept.flat().filter((keep) => !keep).length;
    grid.setAttribute("aria-label", `Kept and dropped tasks of ${rows} images at q = ${state.q.toFixed(2)}: ${total} of ${rows * (columns - 1)} dropped`);
    bars.setAttribute("aria-label", `Softmax of image ${row + 1} by task, reading ${state.reading}: ` +
      data.tasks.map((task) => `${readable(task.name)} ${percent(task.classes.reduce((sum, c) => sum + probabilities[c], 0))}`).join(", "));
  }

  return onWidth(root, (width) => {
    layout(width);
    show();
  });
}

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export default { render };
