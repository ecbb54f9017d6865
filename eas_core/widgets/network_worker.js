// What the page's worker does: behind network.js in one text, it keeps networks by their architecture and answers.
//
// It gets {kind: "load", facts, supernet, pictures} once, then {kind: "ask", slot, id, architecture, picture}, and sends
// {kind: "progress" | "answer" | "failed", slot, id, ...}. A later question of a slot ends the calibration of an earlier one.

const KEPT = 24; // networks that wait for a reader who comes back to a budget
const networks = new Map(), latest = {};
let loaded = null, queue = Promise.resolve(); // one calibration at a time: the first answer comes sooner

onmessage = ({ data }) => {
  if (data.kind === "load") loaded = load(data);
  else ask(data).catch((error) => postMessage({ kind: "failed", slot: data.slot, id: data.id, reason: String(error) }));
};

function load({ facts, supernet, pictures }) {
  const normal = normalisePictures(new Uint8Array(pictures), facts.mean, facts.std);
  const count = normal.length / (3 * facts.space.resolution ** 2);
  return { facts, weights: unpackHalf(new Uint8Array(supernet), facts.layout), pictures: normal, count };
}

async function ask({ slot, id, architecture, picture }) {
  latest[slot] = id;
  const name = JSON.stringify(architecture);
  if (!networks.has(name)) await (queue = queue.catch(() => {}).then(() => prepare(name, architecture, slot, id)));
  const made = networks.get(name);
  if (!made || latest[slot] !== id) return; // another question came meanwhile
  networks.delete(name); // and behind the others again: the first is the one that was not used for longest
  networks.set(name, made);
  if (networks.size > KEPT) networks.delete(networks.keys().next().value);
  const x = normalisePictures(picture, loaded.facts.mean, loaded.facts.std);
  const start = performance.now(), logits = run(made.network, x);
  postMessage({ kind: "answer", slot, id, logits, milliseconds: performance.now() - start, calibration: made.milliseconds });
}

/** Calibrate a network, unless another question of the slot comes meanwhile. */
async function prepare(name, architecture, slot, id) {
  if (latest[slot] !== id || networks.has(name)) return;
  const start = performance.now(), network = extract(loaded.facts.space, loaded.weights, architecture);
  for (const share of calibrating(network, loaded.pictures, loaded.count)) {
    postMessage({ kind: "progress", slot, id, share });
    await new Promise((resolve) => setTimeout(resolve)); // questions are heard here
    if (latest[slot] !== id) return;
  }
  networks.set(name, { network, milliseconds: performance.now() - start });
}
