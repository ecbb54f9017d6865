// Draw a shape: a picture in, class probabilities of two generated networks out, everything computed in the page.
//
// method.js finds the architectures, network.js in a worker (network_worker.js) cuts them out of the supernet and runs them.

const readable = (name) => name.replaceAll("_", " ");
const SHOWN = 8; // bars of a network at most
const OWN = "own"; // the menu's entry for classes that the reader ticks

const buffer = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

/** Probabilities of some classes only: the softmax of their logits. */
function probabilities(logits, classes) {
  const top = Math.max(...classes.map((c) => logits[c]));
  const powers = classes.map((c) => Math.exp(logits[c] - top)), sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Starts the worker; null where the browser has none. */
function startWorker(model, facts, heard, failed) {
  try {
    const address = URL.createObjectURL(new Blob([model.get("engine")], { type: "text/javascript" }));
    const worker = new Worker(address);
    worker.onmessage = ({ data }) => heard(data);
    worker.onerror = (event) => failed(event.message);
    const supernet = buffer(model.get("supernet")), pictures = buffer(model.get("pictures"));
    worker.postMessage({ kind: "load", facts, supernet, pictures }, [supernet, pictures]);
    return worker;
  } catch (error) {
    failed(error.message);
    return null;
  }
}

/** The classes that a reader ticks: {box, ticked()}. */
function classBoxes(tasks, changed) {
  const boxes = [];
  const groups = tasks.map((task) => html("fieldset", {}, html("legend", {}, readable(task.name)), ...task.classes.map((name) => {
    const input = html("input", { type: "checkbox", onchange: changed });
    boxes.push(input);
    return html("label", {}, input, readable(name));
  })));
  const set = (number, on) => (boxes[number].checked = on);
  return { box: html("div", { class: "eas-ticks" }, ...groups), set, ticked: () => boxes.flatMap((box, number) => (box.checked ? [number] : [])) };
}

/** One network's side of the page: its scenario, what it costs, its answer. */
class Side {
  constructor(number, { data, weights, names, ask, own, open }) {
    Object.assign(this, { number, data, weights, names, ask, own, id: 0, waiting: null });
    const tasks = data.tasks.map((task, t) => [t, readable(task.name)]), [low, high] = data.range;
    this.task = menu("Classes", [...tasks, [OWN, "those ticked below"]], 0, (value) => { if (value === OWN) open(); this.changed(); });
    this.budget = slider("Budget (millions of multiply-adds)",
      { min: low, max: high, step: 0.02, value: data.levels[number ? data.levels.length - 1 : 0], format: (v) => `${v.toFixed(2)} M` }, () => this.changed());
    this.title = html("p", { class: "eas-draw-title" }, `Network ${number + 1}`);
    this.cost = html("p", { class: "eas-note" });
    this.time = html("p", { class: "eas-note" });
    this.progress = html("progress", { max: 1, value: 0, "aria-label": `network ${number + 1} is being calibrated` });
    this.bars = html("ol", { class: "eas-bars", "aria-label": `class probabilities of network ${number + 1}` });
    this.saved = html("div", { class: "eas-saved" });
    this.save = button("Save this network", () => this.keep());
    this.box = html("div", { class: "eas-side", role: "group", "aria-label": `Network ${number + 1}` }, this.title, this.task.box, this.budget.box,
      this.cost, this.progress, this.bars, this.time, html("div", { class: "eas-buttons" }, this.save), this.saved);
  }
  /** The numbers of the classes to choose from, and the task whose network it is. */
  scenario() {
    const first = (t) => this.data.tasks.slice(0, t).reduce((sum, task) => sum + task.classes.length, 0);
    if (this.task.input.value !== OWN) {
      const task = Number(this.task.input.value);
      return { task, classes: this.data.tasks[task].classes.map((_, i) => first(task) + i) };
    }
    const classes = this.own(), counts = this.data.tasks.map((task, t) => classes.filter((c) => c >= first(t) && c < first(t) + task.classes.length).length);
    return { task: counts.indexOf(Math.max(...counts)), classes }; // of equal counts, the first
  }
  changed() {
    const { task, classes } = this.scenario(), budget = Number(this.budget.input.value);
    const found = answer(this.data, this.weights, { task, budget, draw: 0 });
    this.found = { task, classes, budget, architecture: toArchitecture(found.index), madds: found.madds };
    const depth = this.found.architecture.depth.reduce((a, b) => a + b, 0);
    const of = this.task.input.value === OWN ? `, the architecture of ${readable(this.data.tasks[task].name)}` : "";
    this.cost.textContent = `${(found.madds / 1e6).toFixed(2)} M multiply-adds, ${depth} blocks, ${found.params.toLocaleString("en")} parameters${of}`;
    this.saved.replaceChildren();
    this.look(true);
  }
  /** Ask the worker about the picture; while it answers about the same network, the next picture waits. */
  look(other = false) {
    if (!this.found.classes.length) {
      this.id++;
      this.busy = false;
      this.progress.hidden = true;
      this.time.textContent = "Tick at least one class.";
      this.bars.replaceChildren();
      return;
    }
    if (this.busy && !other) return void (this.again = true);
    this.busy = true;
    this.again = false;
    this.ask(this.number, ++this.id, this.found.architecture);
  }
  heard(message) {
    if (message.id !== this.id) return;
    this.progress.hidden = message.kind !== "progress";
    if (message.kind === "progress") return void (this.progress.value = message.share);
    this.busy = false;
    if (message.kind === "failed") return void (this.time.textContent = `Network ${this.number + 1} could not be run: ${message.reason}`);
    this.show(message);
    if (this.again) this.look();
  }
  show({ logits, milliseconds, calibration }) {
    const { classes, madds } = this.found;
    const p = probabilities(logits, classes), order = [...classes.keys()].sort((a, b) => p[b] - p[a]);
    const bar = (name, value, style) => html("li", { class: style }, html("span", {}, name), html("span", { class: "eas-bar", "aria-hidden": "true" },
      html("span", { style: `width: ${(100 * value).toFixed(1)}%` })), html("span", { class: "eas-share" }, `${(100 * value).toFixed(1)} %`));
    const rest = order.slice(SHOWN), others = rest.reduce((sum, i) => sum + p[i], 0);
    this.bars.replaceChildren(...order.slice(0, SHOWN).map((i, place) => bar(this.names[classes[i]], p[i], place ? "" : "eas-top")),
      ...(rest.length ? [bar(`${rest.length} other classes`, others, "")] : []));
    this.best = { name: this.names[classes[order[0]]], p: p[order[0]] };
    this.time.textContent = `${milliseconds.toFixed(1)} ms for ${(madds / 1e6).toFixed(2)} M multiply-adds; calibration took ${(calibration / 1000).toFixed(2)} s` +
      (classes.length === 1 ? ". With one class there is nothing to choose." : "");
  }
  /** Download the architecture, and show the command that exports this network. */
  keep() {
    const { architecture, task, budget } = this.found, name = this.data.tasks[task].name, file = `${name}-${budget.toFixed(2)}.json`;
    const address = URL.createObjectURL(new Blob([JSON.stringify(architecture) + "\n"], { type: "application/json" }));
    html("a", { href: address, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    const command = `eas export --release ${this.data.release} --task ${name} --budget ${budget.toFixed(2)} --architecture ${file} --out network`;
    this.saved.replaceChildren(html("p", { class: "eas-note" }, `${file} was saved. Beside it, this command exports the network for the classes of ${readable(name)}:`),
      html("code", {}, command));
  }
}

function render({ model, el }) {
  const data = model.get("data"), names = data.tasks.flatMap((task) => task.classes.map(readable));
  const message = html("p", { class: "eas-draw-message", role: "status" });
  const summary = html("p", { class: "eas-how eas-draw-summary", role: "status", "aria-live": "polite" });
  const say = (text, wrong = true) => {
    message.textContent = text;
    message.classList.toggle("eas-wrong", wrong);
  };
  let picture = null, spoken = null, worker = null;

  const ask = (slot, id, architecture) => worker?.postMessage({ kind: "ask", slot, id, architecture, picture });
  const own = classBoxes(data.tasks, () => sides.forEach((side) => side.task.input.value === OWN && side.changed()));
  const details = html("details", {}, html("summary", {}, "Tick classes of your own"), own.box);
  const options = { data, weights: unpack(model.get("weights"), data.layout), names, ask, own: own.ticked, open: () => (details.open = true) };
  const sides = [0, 1].map((number) => new Side(number, options));
  data.ticked.forEach((number) => own.set(number, true));
  const sheet = paper(data.network.space.resolution, (bytes) => {
    picture = bytes;
    sides.forEach((side) => side.found && side.look());
  }, say);

  let example = 0; // valid images, one of each class; those of the first network's classes in turn
  const examples = new Uint8Array(buffer(model.get("examples")));
  const next = button("Example", () => {
    const { classes } = sides[0].scenario(), size = examples.length / names.length;
    const number = classes.length ? classes[example++ % classes.length] : example++ % names.length;
    sheet.show(examples.subarray(number * size, (number + 1) * size));
    say(`Example: ${names[number]}, an image that no network was trained on.`, false);
  }, "an image of the next class, not used in training");
  sheet.box.querySelector(".eas-buttons").append(next);

  const root = html("div", { class: "eas-widget eas-draw" }, html("div", { class: "eas-draw-columns" }, sheet.box, ...sides.map((side) => side.box)), message, summary, details);
  el.replaceChildren(root);

  const heard = (answered) => {
    sides[answered.slot].heard(answered);
    if (answered.kind !== "answer") return;
    clearTimeout(spoken); // a screen reader hears the last of many answers
    spoken = setTimeout(() => (summary.textContent = sides.filter((side) => side.best)
      .map((side) => `Network ${side.number + 1} (${(side.found.madds / 1e6).toFixed(2)} M): ${side.best.name}, ${(100 * side.best.p).toFixed(0)} %`).join(". ") + "."), 300);
  };
  worker = startWorker(model, data.network, heard, (reason) => say(`This browser runs no worker from a page (${reason}); the network needs one.`));
  sheet.clear();
  sides.forEach((side) => side.changed());
  return () => {
    worker?.terminate();
    sheet.stop();
  };
}

export default { render };
