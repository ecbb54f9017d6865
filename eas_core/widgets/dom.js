// Small helpers that every widget of this folder shares. Python puts this file in front of the widget's own, so that the
// result is one ES module without imports: it can be carried in a page's widget state and run from there.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes (on* are listeners) and children (elements or text). */
function html(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element, in the same way. */
function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Set attributes of an existing element. */
function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
}

let controls = 0; // so that every label finds its own control, also with several widgets on a page

/** A labelled control: {box, input}. */
function labelled(text, input) {
  input.id = `eas-control-${++controls}`;
  return { box: html("div", { class: "eas-control" }, html("label", { for: input.id }, text), input), input };
}

/** A labelled slider whose value stands beside its label; `changed` gets the number. */
function slider(text, { min, max, step, value, format }, changed) {
  const output = html("output", { class: "eas-value" }, format(value));
  const input = html("input", { type: "range", min, max, step, value });
  const { box } = labelled(text, input);
  output.htmlFor = input.id;
  box.children[0].append(" ", output);
  const show = (number) => {
    output.textContent = format(number);
    input.setAttribute("aria-valuetext", format(number));
  };
  show(value);
  input.addEventListener("input", () => {
    show(Number(input.value));
    changed(Number(input.value));
  });
  return { box, input, set: (number) => { input.value = number; show(number); } };
}

/** A labelled menu of entries [value, text]; `changed` gets the value, a string. */
function menu(text, entries, value, changed) {
  const select = html("select", {}, ...entries.map(([key, name]) => html("option", { value: key }, name)));
  select.value = value;
  select.addEventListener("change", () => changed(select.value));
  return labelled(text, select);
}

/** Small text in a drawing; `anchor` is start, middle or end. */
function caption(x, y, text, anchor, attributes = {}) {
  return svg("text", { x, y, "text-anchor": anchor, class: "eas-tick", ...attributes }, text);
}

function button(text, pressed, title = null) {
  return html("button", { type: "button", title, onclick: pressed }, text);
}

/** Call `draw(width inside, in pixels)` now and whenever the element's width changes; returns the function that stops it. */
function onWidth(element, draw) {
  let last = 0;
  const observer = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width && width !== last) draw((last = width));
  });
  observer.observe(element);
  return () => observer.disconnect();
}

/** Numbers at round places between low and high, about `count` of them. */
function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Uniform numbers in (0, 1) from a seed and a position: mulberry32's hash, which Python repeats bit for bit. */
function uniform(seed, position) {
  let a = (Math.imul(seed, 0x9e3779b1) + Math.imul(position + 1, 0x6d2b79f5)) >>> 0;
  let t = Math.imul(a ^ (a >>> 15), a | 1);
  t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
  return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
