// A sub-network of the supernet, in plain JavaScript: cut out, calibrated on a few pictures, and run.
//
// The same as eas_core.network.supernet.Supernet.extract and eas_core.network.calibrate. Activations of n pictures are one
// Float32Array in the order (n, height, width, channels): then a 1 x 1 convolution is a matrix times each pixel.
// It runs in a worker of the page (draw.js) and in node (the tests).

const DEEPEST = 4; // blocks that a unit has at most
const EPSILON = 1e-5; // of BatchNorm
const POWERS = Float64Array.from({ length: 31 }, (_, e) => 2 ** (e - 15));

/** A number from the 16 bits of IEEE half precision. */
export function half(bits) {
  const exponent = (bits >> 10) & 31, rest = (bits & 1023) / 1024, sign = bits & 32768 ? -1 : 1;
  if (exponent === 31) return rest ? NaN : sign * Infinity;
  return sign * (exponent ? POWERS[exponent] * (1 + rest) : POWERS[1] * rest);
}

/** Named weights from bytes (float16, little-endian): {name: {shape, data: Float32Array}}, in the order of `layout`. */
export function unpackHalf(bytes, layout) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), weights = {};
  let start = 0;
  for (const [name, shape] of layout) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++, start += 2) data[i] = half(view.getUint16(start, true));
    weights[name] = { shape, data };
  }
  return weights;
}

/** Round a channel count to a multiple of 8, never more than 10 % down: make_divisible of the library. */
function divisible(value) {
  const rounded = Math.max(8, Math.floor((value + 4) / 8) * 8);
  return rounded < 0.9 * value ? rounded + 8 : rounded;
}

// ------------------------------------------------------------------ cutting out

/** The leading `rows` x `columns` of a matrix of weights (r, c, ...), and its bias if it has one. */
function matrix(weights, name, rows, columns) {
  const { shape, data } = weights[`${name}.weight`], width = data.length / shape[0];
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) values.set(data.subarray(row * width, row * width + columns), row * columns);
  return { values, rows, columns, bias: weights[`${name}.bias`]?.data.subarray(0, rows) };
}

/** The centre of the leading channels' depthwise kernels: taps in reading order, each with all its channels. */
function taps(weights, name, channels, kernel, stride) {
  const { shape, data } = weights[`${name}.weight`], full = shape[2], margin = (full - kernel) / 2;
  const values = new Float32Array(kernel * kernel * channels);
  for (let row = 0; row < kernel; row++)
    for (let column = 0; column < kernel; column++)
      for (let c = 0; c < channels; c++)
        values[(row * kernel + column) * channels + c] = data[c * full * full + (row + margin) * full + column + margin];
  return { values, kernel, stride, channels };
}

/** The leading channels of a BatchNorm; its statistics come by calibration. */
function batchNorm(weights, name, channels) {
  const part = (key) => weights[`${name}.${key}`].data.subarray(0, channels);
  return { scale: part("weight"), shift: part("bias"), mean: null, variance: null };
}

/** The plain network of an architecture {depth, expand, kernel}: its layers, each with the weights that it uses. */
export function extract(space, weights, { depth, expand, kernel }) {
  const blocks = [];
  let width = space.first_width;
  for (let block = 0; block < depth.length * DEEPEST; block++) {
    const unit = Math.floor(block / DEEPEST), place = block % DEEPEST, name = `blocks.${block}`;
    if (place >= depth[unit]) continue;
    const mid = divisible(width * expand[block]), out = space.widths[unit], hidden = divisible(Math.floor(mid / 4));
    const stride = place ? 1 : space.strides[unit];
    blocks.push({
      activation: space.hswish[unit] ? hardSwish : relu,
      expand: matrix(weights, `${name}.expand`, mid, width), norm1: batchNorm(weights, `${name}.norm1`, mid),
      depthwise: taps(weights, `${name}.depthwise`, mid, kernel[block], stride), norm2: batchNorm(weights, `${name}.norm2`, mid),
      reduce: space.squeeze_excite[unit] ? matrix(weights, `${name}.se.reduce`, hidden, mid) : null,
      restore: space.squeeze_excite[unit] ? matrix(weights, `${name}.se.expand`, mid, hidden) : null,
      project: matrix(weights, `${name}.project`, out, mid), norm3: batchNorm(weights, `${name}.norm3`, out),
      residual: stride === 1 && width === out,
    });
    width = out;
  }
  const stem = space.stem_width, first = space.first_width, final = space.final_width, head = space.head_width;
  return {
    resolution: space.resolution,
    stem: {
      conv: matrix(weights, "stem.conv", stem, 27), stride: space.stem_stride, norm: batchNorm(weights, "stem.norm", stem),
      depthwise: taps(weights, "stem.depthwise", stem, 3, 1), norm1: batchNorm(weights, "stem.norm1", stem),
      project: matrix(weights, "stem.project", first, stem), norm2: batchNorm(weights, "stem.norm2", first),
      residual: stem === first,
    },
    blocks,
    head: {
      conv: matrix(weights, "head.conv", final, width), norm: batchNorm(weights, "head.norm", final),
      hidden: matrix(weights, "head.hidden", head, final), classifier: matrix(weights, "head.classifier", space.num_classes, head),
    },
  };
}

// ------------------------------------------------------------------ layers

const hardSigmoid = (v) => (v <= -3 ? 0 : v >= 3 ? 1 : (v + 3) / 6);
const hardSwish = (v) => (v <= -3 ? 0 : v >= 3 ? v : (v * (v + 3)) / 6);
const relu = (v) => (v > 0 ? v : 0);

/** A matrix times each pixel, plus its bias: x (pixels, columns) to (pixels, rows). Two pixels by four rows at a time. */
function pointwise(x, { values: w, rows, columns, bias }) {
  const pixels = x.length / columns, y = new Float32Array(pixels * rows);
  for (let p = 0; p < pixels; p += 2) {
    const q = Math.min(p + 1, pixels - 1); // of an odd number, the last pixel is done twice
    const from = p * columns, other = q * columns;
    for (let row = 0; row < rows; row += 4) {
      const w0 = row * columns, w1 = Math.min(row + 1, rows - 1) * columns;
      const w2 = Math.min(row + 2, rows - 1) * columns, w3 = Math.min(row + 3, rows - 1) * columns;
      let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
      for (let c = 0; c < columns; c++) {
        const u = x[from + c], v = x[other + c], k0 = w[w0 + c], k1 = w[w1 + c], k2 = w[w2 + c], k3 = w[w3 + c];
        a0 += u * k0; a1 += u * k1; a2 += u * k2; a3 += u * k3;
        b0 += v * k0; b1 += v * k1; b2 += v * k2; b3 += v * k3;
      }
      const to = p * rows + row, beside = q * rows + row, left = rows - row;
      y[to] = a0; y[beside] = b0;
      if (left > 1) { y[to + 1] = a1; y[beside + 1] = b1; }
      if (left > 2) { y[to + 2] = a2; y[beside + 2] = b2; }
      if (left > 3) { y[to + 3] = a3; y[beside + 3] = b3; }
    }
  }
  if (bias) for (let i = 0; i < y.length; i++) y[i] += bias[i % rows];
  return y;
}

/** A depthwise convolution with zeros around: x (n, size, size, channels) to (n, size / stride, size / stride, channels). */
function depthwise(x, n, size, { values: w, kernel, stride, channels }) {
  const out = Math.ceil(size / stride), margin = (kernel - 1) / 2, y = new Float32Array(n * out * out * channels);
  for (let image = 0; image < n; image++)
    for (let row = 0; row < out; row++)
      for (let column = 0; column < out; column++) {
        const to = ((image * out + row) * out + column) * channels;
        for (let i = 0; i < kernel; i++) {
          const r = row * stride + i - margin;
          if (r < 0 || r >= size) continue;
          for (let j = 0; j < kernel; j++) {
            const s = column * stride + j - margin;
            if (s < 0 || s >= size) continue;
            const from = ((image * size + r) * size + s) * channels, tap = (i * kernel + j) * channels;
            for (let c = 0; c < channels; c++) y[to + c] += x[from + c] * w[tap + c];
          }
        }
      }
  return y;
}

/** The 3 x 3 neighbourhoods of each pixel, in the order of a convolution's weights: channel, row, column. */
function neighbourhoods(x, n, size, channels, stride) {
  const out = Math.ceil(size / stride), y = new Float32Array(n * out * out * channels * 9);
  for (let place = 0; place < n * out * out; place++) {
    const image = Math.floor(place / (out * out)), row = Math.floor(place / out) % out, column = place % out;
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++) {
        const r = row * stride + i - 1, s = column * stride + j - 1;
        if (r < 0 || r >= size || s < 0 || s >= size) continue;
        for (let c = 0; c < channels; c++)
          y[place * channels * 9 + c * 9 + i * 3 + j] = x[((image * size + r) * size + s) * channels + c];
      }
  }
  return y;
}

/** BatchNorm and the activation after it, in place. With `measure` its statistics become those of these pictures. */
function normalised(x, norm, activation, measure) {
  const channels = norm.scale.length, pixels = x.length / channels;
  let variance = norm.variance;
  if (measure) {
    const mean = new Float64Array(channels), square = new Float64Array(channels);
    for (let i = 0, c = 0; i < x.length; i++, c = c + 1 === channels ? 0 : c + 1) mean[c] += x[i] / pixels;
    for (let i = 0, c = 0; i < x.length; i++, c = c + 1 === channels ? 0 : c + 1) square[c] += (x[i] - mean[c]) ** 2;
    norm.mean = mean;
    norm.variance = square.map((v) => v / Math.max(pixels - 1, 1)); // torch keeps the unbiased one,
    variance = square.map((v) => v / pixels); // and divides by the other
  }
  const factor = variance.map((v, c) => norm.scale[c] / Math.sqrt(v + EPSILON));
  const shift = factor.map((f, c) => norm.shift[c] - norm.mean[c] * f);
  if (activation === relu)
    for (let i = 0, c = 0; i < x.length; i++, c = c + 1 === channels ? 0 : c + 1) x[i] = relu(x[i] * factor[c] + shift[c]);
  else if (activation === hardSwish)
    for (let i = 0, c = 0; i < x.length; i++, c = c + 1 === channels ? 0 : c + 1) x[i] = hardSwish(x[i] * factor[c] + shift[c]);
  else
    for (let i = 0, c = 0; i < x.length; i++, c = c + 1 === channels ? 0 : c + 1) x[i] = x[i] * factor[c] + shift[c];
  return x;
}

/** The mean over the pixels of each picture: (n, ..., channels) to (n, channels). */
function pooled(x, n, channels) {
  const y = new Float32Array(n * channels), pixels = x.length / n / channels;
  for (let image = 0, i = 0; image < n; image++)
    for (let p = 0; p < pixels; p++) for (let c = 0; c < channels; c++, i++) y[image * channels + c] += x[i] / pixels;
  return y;
}

function squeezeExcite(x, n, { reduce, restore }) {
  const channels = restore.rows;
  const scale = pointwise(pointwise(pooled(x, n, channels), reduce).map(relu), restore).map(hardSigmoid);
  const pixels = x.length / n / channels;
  for (let image = 0, i = 0; image < n; image++)
    for (let p = 0; p < pixels; p++) for (let c = 0; c < channels; c++, i++) x[i] *= scale[image * channels + c];
  return x;
}

function add(x, y) {
  for (let i = 0; i < y.length; i++) y[i] += x[i];
  return y;
}

// ------------------------------------------------------------------ running

/** The layers one after another; stops after each part, with the share that is done, and returns the logits in the end. */
function* steps(network, x, n, measure) {
  const { stem, blocks, head } = network, parts = blocks.length + 2;
  let size = Math.ceil(network.resolution / stem.stride);
  x = pointwise(neighbourhoods(x, n, network.resolution, 3, stem.stride), stem.conv);
  x = normalised(x, stem.norm, hardSwish, measure);
  let y = normalised(depthwise(x, n, size, stem.depthwise), stem.norm1, relu, measure);
  y = normalised(pointwise(y, stem.project), stem.norm2, null, measure);
  x = stem.residual ? add(x, y) : y;
  yield 1 / parts;
  for (const [number, block] of blocks.entries()) {
    y = normalised(pointwise(x, block.expand), block.norm1, block.activation, measure);
    y = normalised(depthwise(y, n, size, block.depthwise), block.norm2, block.activation, measure);
    size = Math.ceil(size / block.depthwise.stride);
    if (block.reduce) y = squeezeExcite(y, n, block);
    y = normalised(pointwise(y, block.project), block.norm3, null, measure);
    x = block.residual ? add(x, y) : y;
    yield (number + 2) / parts;
  }
  x = pooled(normalised(pointwise(x, head.conv), head.norm, hardSwish, measure), n, head.conv.rows);
  return pointwise(pointwise(x, head.hidden).map(hardSwish), head.classifier);
}

/** Calibration on n pictures, a part at a time: an iterator of the share that is done, so that it can be stopped. */
export const calibrating = (network, pictures, n) => steps(network, pictures, n, true);

/** Logits (n, classes) of normalised pictures (n, size, size, 3), by a network that has been calibrated. */
export function run(network, pictures, n = 1) {
  const going = steps(network, pictures, n, false);
  for (;;) {
    const { value, done } = going.next();
    if (done) return value;
  }
}

/** Pictures from bytes (n, size, size, 3), red, green, blue, to what the network takes; mean and std are of values 0 to 1. */
export function normalisePictures(bytes, mean, std) {
  return Float32Array.from(bytes, (value, i) => (value - 255 * mean[i % 3]) / (255 * std[i % 3]));
}
