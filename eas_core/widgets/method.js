// The method in the page: the generator's forward pass, gates, exact cost, and the architecture of a scenario.
//
// Pure functions, the same as eas_core.network.generator and eas_core.search.specialize. Widgets that need them have this file in
// front of their own.

const UNITS = 5, PER_UNIT = 4, BLOCKS = 20, PAIRS = 45, GATES = 90;
const DEPTHS = [2, 3, 4], RATIOS = [3, 4, 6], KERNELS = [3, 5, 7];

// ------------------------------------------------------------------ the generator

/** Named weights from bytes (float32, little-endian): {name: {shape, data}}, in the order of `layout`. */
export function unpack(bytes, layout) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const weights = {};
  let start = 0;
  for (const [name, shape] of layout) {
    const size = shape.reduce((a, b) => a * b, 1);
    weights[name] = { shape, data: new Float32Array(buffer, 4 * start, size) };
    start += size;
  }
  return weights;
}

/** out += matrix (rows, columns) times x. */
function addProduct(out, matrix, x) {
  const columns = x.length;
  for (let row = 0, place = 0; row < out.length; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += matrix[place++] * x[column];
    out[row] += sum;
  }
}

/** Embedding of a budget in millions: exact at the K anchors, linear in between. */
function embedBudget(weights, budget, [low, high]) {
  const { shape: [anchors, size], data } = weights.budget_embedding;
  const place = Math.min(Math.max(((Math.fround(budget) - low) / (high - low)) * (anchors - 1), 0), anchors - 1);
  const left = Math.min(Math.floor(place), anchors - 2);
  const share = place - left;
  return Float64Array.from({ length: size }, (_, i) => (1 - share) * data[left * size + i] + share * data[(left + 1) * size + i]);
}

/** The generator's forward pass: logits z (90) of one task (a number) and budget (millions). */
export function forward(weights, range, task, budget) {
  const { shape: [, size], data: tasks } = weights.task_embedding;
  const scenario = [...tasks.subarray(task * size, (task + 1) * size), ...embedBudget(weights, budget, range)];
  const w = (name) => weights[name].data;
  const hidden = weights["lstm.weight_hh_l0"].shape[1];
  const h = new Float64Array(hidden), c = new Float64Array(hidden), sums = new Float64Array(4 * hidden);
  const x = new Float64Array(scenario.length), z = new Float64Array(GATES);
  const heads = [["kernel_head", 0], ["width_head", 2 * BLOCKS], ["depth_head", 4 * BLOCKS]];
  for (let unit = 0; unit < UNITS; unit++) {
    for (let i = 0; i < x.length; i++) x[i] = scenario[i] + w("unit_embedding")[unit * x.length + i];
    for (let i = 0; i < sums.length; i++) sums[i] = w("lstm.bias_ih_l0")[i] + w("lstm.bias_hh_l0")[i];
    addProduct(sums, w("lstm.weight_ih_l0"), x);
    addProduct(sums, w("lstm.weight_hh_l0"), h);
    for (let i = 0; i < hidden; i++) { // torch's order: input, forget, cell, output
      c[i] = sigmoid(sums[hidden + i]) * c[i] + sigmoid(sums[i]) * Math.tanh(sums[2 * hidden + i]);
      h[i] = sigmoid(sums[3 * hidden + i]) * Math.tanh(c[i]);
    }
    for (const [head, start] of heads) {
      const out = Float64Array.from(w(`${head}.bias`));
      addProduct(out, w(`${head}.weight`), h);
      z.set(out, start + unit * out.length);
    }
  }
  return z;
}

// ------------------------------------------------------------------ gates, cost, budget

/** The index (45) of gates (90): each nested pair 0, 1 or 2. The second gate of a pair counts only with the first. */
export function indexOf(gates) {
  return Int32Array.from({ length: PAIRS }, (_, i) => (gates[2 * i] ? 1 + (gates[2 * i + 1] ? 1 : 0) : 0));
}

const exists = (index, block) => block % PER_UNIT < DEPTHS[index[2 * BLOCKS + Math.floor(block / PER_UNIT)]];

/** Exact cost of an index by a table {fixed, blocks: 20 x 9}. */
export function costOf(table, index) {
  let cost = table.fixed;
  for (let block = 0; block < BLOCKS; block++)
    if (exists(index, block)) cost += table.blocks[block][3 * index[block] + index[BLOCKS + block]];
  return cost;
}

/** The most probable gates of z, changed one at a time until the budget is kept: `nearest_feasible` of the library. */
export function nearestFeasible(z, table, budget) {
  const cost = (gates) => costOf(table, indexOf(gates)) / 1e6;
  let gates = Array.from(z, (value, i) => (value > 0 && (i % 2 === 0 || z[i - 1] > 0) ? 1 : 0));
  const order = Array.from(z.keys()).sort((a, b) => z[a] - z[b]); // least probable first
  for (const gate of order) {
    if (cost(gates) <= budget) break;
    gates[gate] = 0;
  }
  for (;;) {
    const now = cost(gates);
    let best = -1;
    for (let gate = 0; gate < GATES; gate++) {
      if (gates[gate]) continue;
      gates[gate] = 1;
      const raised = cost(gates);
      gates[gate] = 0;
      if (raised > now && raised <= budget && (best < 0 || z[gate] > z[best])) best = gate;
    }
    if (best < 0) break;
    gates[best] = 1;
  }
  return indexOf(gates);
}

/** Sample `count` architectures with noise of that seed; the first within the budget, and how many were. */
export function sampleFeasible(z, table, budget, tolerance, count, seed) {
  let first = null, fitting = 0;
  for (let sample = 0; sample < count; sample++) {
    const index = indexOf(Array.from(z, (value, i) => {
      const u = uniform(seed, sample * GATES + i);
      return value + Math.log(u / (1 - u)) > 0; // Eq. (I) and (J): 1 with probability sigmoid(z)
    }));
    const cost = costOf(table, index) / 1e6;
    if (cost > budget || cost < (1 - tolerance) * budget) continue;
    fitting++;
    first ??= index;
  }
  return { index: first, fitting };
}

/** What a scenario {task, budget, draw} gives: draw 0 is the most probable architecture, others are samples. */
export function answer(facts, weights, { task, budget, draw }) {
  const z = forward(weights, facts.range, task, budget);
  let index = null, fitting = null;
  if (draw > 0) ({ index, fitting } = sampleFeasible(z, facts.madds, budget, facts.tolerance, facts.samples, draw));
  const derived = draw > 0 && index === null;
  index ??= nearestFeasible(z, facts.madds, budget);
  return { z, index, fitting, derived, madds: costOf(facts.madds, index), params: costOf(facts.params, index) };
}

/** The architecture in the library's JSON form; blocks that do not exist have the smallest choices. */
export function toArchitecture(index) {
  const pick = (choices, start) =>
    Array.from({ length: BLOCKS }, (_, b) => choices[exists(index, b) ? index[start + b] : 0]);
  const depth = Array.from({ length: UNITS }, (_, u) => DEPTHS[index[2 * BLOCKS + u]]);
  return { depth, expand: pick(RATIOS, BLOCKS), kernel: pick(KERNELS, 0) };
}

/** Cosine similarity of the one-hot encodings of two architectures (blocks that do not exist count as zeros). */
function cosine(a, b) {
  let same = 0, sizeA = 0, sizeB = 0;
  for (let block = 0; block < BLOCKS; block++) {
    const inA = exists(a, block), inB = exists(b, block);
    sizeA += 2 * inA;
    sizeB += 2 * inB;
    if (inA && inB) same += (a[block] === b[block]) + (a[BLOCKS + block] === b[BLOCKS + block]);
  }
  for (let unit = 2 * BLOCKS; unit < PAIRS; unit++) same += a[unit] === b[unit];
  return same / Math.sqrt((sizeA + UNITS) * (sizeB + UNITS));
}
