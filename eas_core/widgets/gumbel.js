// The relaxed gate of Eq. (I): its density, some draws of it, and the gradient that the straight-through estimator takes.

const logit = (p) => Math.log(p / (1 - p));

/** Relaxed gates h of Eq. (I) with the noise of that seed. */
export function relaxed(p, tau, seed, count) {
  return Float64Array.from({ length: count }, (_, i) => sigmoid((logit(p) + logit(uniform(seed, i))) / tau));
}

/** Density of h: that of the logistic noise which gives this h, times the noise's slope. */
export function density(h, p, tau) {
  const e = Math.exp(-Math.abs(tau * logit(h) - logit(p)));
  return (e / (1 + e) ** 2) * (tau / (h * (1 - h)));
}

/** Of draws h: the share above 0.5, and mean and standard deviation of the straight-through gradient h(1-h)/tau. */
export function measure(h, tau) {
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const gradients = h.map((value) => (value * (1 - value)) / tau);
  const middle = mean(gradients);
  return { share: mean(h.map((value) => (value > 0.5 ? 1 : 0))), mean: middle, deviation: Math.sqrt(mean(gradients.map((g) => (g - middle) ** 2))) };
}

const TOP = 8, HIGH = 4; // of the axis of densities, which have no bound
const PLACES = [0.0005, ...Array.from({ length: 199 }, (_, i) => (i + 1) / 200), 0.9995];

function render({ model, el }) {
  const data = model.get("data");
  const state = { p: data.p, tau: data.tau, seed: data.seed };
  const decimals = (v) => v.toFixed(2);
  const p = slider("Gate probability p", { min: data.ranges.p[0], max: data.ranges.p[1], step: 0.01, value: state.p, format: decimals }, (v) => change("p", v));
  const tau = slider("Temperature τ", { min: data.ranges.tau[0], max: data.ranges.tau[1], step: 0.05, value: state.tau, format: decimals }, (v) => change("tau", v));
  const again = button("Draw again", () => change("seed", state.seed + 1), `${data.draws} new draws`);

  const drawing = svg("svg", { role: "img", class: "eas-drawing" });
  const area = svg("path", { class: "eas-area" }), curve = svg("path", { class: "eas-curve" });
  const on = svg("path", { class: "eas-draws eas-on" }), off = svg("path", { class: "eas-draws" });
  const onLabel = svg("text", { class: "eas-tick", y: TOP + 12 }), offLabel = svg("text", { class: "eas-tick", y: TOP + 12, "text-anchor": "end" });
  const summary = html("div", { class: "eas-numbers", role: "status", "aria-live": "polite" });
  const root = html("div", { class: "eas-widget eas-gumbel" },
    html("div", { class: "eas-controls" }, p.box, tau.box, html("div", { class: "eas-buttons" }, again)), drawing, summary);
  el.replaceChildren(root);

  function change(name, value) {
    state[name] = value;
    show();
  }

  let x, y, base;
  function layout(width) {
    const left = 34, right = 10;
    base = TOP + (width > 460 ? 150 : 120);
    x = (h) => left + h * (width - left - right);
    y = (value) => base - (Math.min(value, HIGH) / HIGH) * (base - TOP);
    set(drawing, { width, height: base + 58 });
    drawing.replaceChildren();
    for (const value of [0, 1, 2, 3, 4])
      drawing.append(svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "eas-grid" }),
        caption(left - 6, y(value) + 4, `${value}`, "end"));
    for (const value of ticks(0, 1, 4)) drawing.append(caption(x(value), base + 36, `${value}`, "middle"));
    drawing.append(
      caption((left + width - right) / 2, base + 52, `relaxed gate h; below the axis: ${data.draws} draws`, "middle"),
      caption(10, (TOP + base) / 2, "density", "middle", { transform: `rotate(-90 10 ${(TOP + base) / 2})` }),
      area, curve, svg("line", { x1: x(0.5), x2: x(0.5), y1: TOP, y2: base + 20, class: "eas-middle" }), off, on, onLabel, offLabel);
    set(onLabel, { x: x(0.5) + 6 });
    set(offLabel, { x: x(0.5) - 6 });
  }

  function show() {
    const line = (places) => places.map((h) => `${x(h).toFixed(1)} ${y(density(h, state.p, state.tau)).toFixed(1)}`).join("L");
    set(curve, { d: `M${line(PLACES)}` });
    set(area, { d: `M${x(0.5)} ${base}L${line(PLACES.filter((h) => h >= 0.5))}L${x(1)} ${base}Z` });
    const h = relaxed(state.p, state.tau, state.seed, data.draws), found = measure(h, state.tau);
    const marks = (values) => Array.from(values, (value) => `M${x(value).toFixed(1)} ${base + 4}v14`).join("");
    set(on, { d: marks(h.filter((value) => value > 0.5)) });
    set(off, { d: marks(h.filter((value) => value <= 0.5)) });
    onLabel.textContent = `on: ${decimals(state.p)}`;
    offLabel.textContent = `off: ${decimals(1 - state.p)}`;
    drawing.setAttribute("aria-label", `Density of the relaxed gate h for p = ${decimals(state.p)} and temperature ${decimals(state.tau)}; ` +
      `the shaded area right of 0.5 is ${decimals(state.p)}`);
    summary.replaceChildren(
      html("p", {}, "Above ½: exactly ", html("strong", {}, `${(100 * state.p).toFixed(0)}\u00a0%`), " at every temperature, ",
        html("strong", {}, `${(100 * found.share).toFixed(1)}\u00a0%`), ` of these ${data.draws} draws.`),
      html("p", {}, "Straight-through gradient h(1−h)/τ of these draws: mean ", html("strong", {}, found.mean.toFixed(3)),
        ", standard deviation ", html("strong", {}, found.deviation.toFixed(3)), `. The true slope of the probability is p(1−p) = ${(state.p * (1 - state.p)).toFixed(3)}.`));
  }

  return onWidth(root, (width) => {
    layout(width);
    show();
  });
}

export default { render };
