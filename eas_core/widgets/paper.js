// The picture in the page: a sheet to draw on with mouse, finger or keys, pictures from files, chosen or dropped, or from the
// camera, and the few pixels that the network sees of it.

const SHEET = 256; // pixels of the sheet, each way
const LARGEST_FILE = 20e6, LARGEST_PICTURE = 40e6; // bytes, pixels

/** The sheet {box, pixels(), show(bytes), load(file)}; `changed` gets these bytes after every change, `say` one-line messages (and
 * false where nothing is wrong). */
function paper(resolution, changed, say) {
  const canvas = html("canvas", { width: SHEET, height: SHEET, tabindex: 0, class: "eas-sheet", role: "img",
    "aria-label": "Sheet to draw on. Arrow keys move the pen, the space bar puts it down or lifts it; or choose a picture below." });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const small = html("canvas", { width: resolution, height: resolution, class: "eas-small", role: "img", "aria-label": `The picture at ${resolution} by ${resolution} pixels, as the network sees it` });
  const ink = html("input", { type: "color", value: "#2b3442" }), ground = html("input", { type: "color", value: "#9dc0a4" });
  const width = slider("Pen", { min: 6, max: 40, step: 2, value: 16, format: (v) => `${v}` }, () => {});
  let from = null, pen = { x: SHEET / 2, y: SHEET / 2, down: false };

  function clear() {
    context.fillStyle = ground.value;
    context.fillRect(0, 0, SHEET, SHEET);
    done();
  }
  function line(a, b) {
    Object.assign(context, { strokeStyle: ink.value, lineWidth: Number(width.input.value), lineCap: "round" });
    context.beginPath();
    context.moveTo(a.x, a.y);
    context.lineTo(b.x, b.y + 0.01); // a point is a line too
    context.stroke();
    done();
  }
  /** The sheet's pixels by the mean of each square: bytes (resolution, resolution, 3). */
  function pixels() {
    const { data } = context.getImageData(0, 0, SHEET, SHEET), bytes = new Uint8Array(3 * resolution ** 2), step = SHEET / resolution;
    for (let row = 0; row < resolution; row++)
      for (let column = 0; column < resolution; column++)
        for (let colour = 0; colour < 3; colour++) {
          let sum = 0, count = 0;
          for (let y = Math.floor(row * step); y < (row + 1) * step; y++)
            for (let x = Math.floor(column * step); x < (column + 1) * step; x++, count++) sum += data[4 * (y * SHEET + x) + colour];
          bytes[3 * (row * resolution + column) + colour] = Math.round(sum / count);
        }
    return bytes;
  }
  function done() {
    const bytes = pixels(), image = new ImageData(resolution, resolution);
    for (let i = 0; i < resolution ** 2; i++) image.data.set([...bytes.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    small.getContext("2d").putImageData(image, 0, 0);
    changed(bytes);
  }
  /** A picture of `resolution` pixels each way, enlarged without smoothing, so that the network sees its very pixels. */
  function show(bytes) {
    const step = SHEET / resolution;
    for (let i = 0; i < resolution ** 2; i++) {
      context.fillStyle = `rgb(${bytes.subarray(3 * i, 3 * i + 3).join()})`;
      context.fillRect((i % resolution) * step, Math.floor(i / resolution) * step, step, step);
    }
    done();
  }
  /** The middle square of an image or a video, over the whole sheet. */
  function place(source, wide, high) {
    const side = Math.min(wide, high);
    context.imageSmoothingQuality = "high";
    context.fillStyle = ground.value;
    context.fillRect(0, 0, SHEET, SHEET); // behind what is transparent
    context.drawImage(source, (wide - side) / 2, (high - side) / 2, side, side, 0, 0, SHEET, SHEET);
    done();
  }
  function load(file) {
    if (!file) return;
    if (file.size > LARGEST_FILE) return say(`${file.name}: ${(file.size / 1e6).toFixed(0)} MB, at most ${LARGEST_FILE / 1e6} MB`);
    const image = new Image(), address = URL.createObjectURL(file);
    image.onerror = () => { URL.revokeObjectURL(address); say(`${file.name}: not a picture that this browser can read (PNG, JPEG, WebP, GIF)`); };
    image.onload = () => {
      URL.revokeObjectURL(address);
      const { naturalWidth: wide, naturalHeight: high } = image;
      if (!wide || !high) say(`${file.name}: the picture has no size; a picture of pixels is needed`);
      else if (wide * high > LARGEST_PICTURE) say(`${file.name}: ${wide} × ${high} pixels, at most ${LARGEST_PICTURE / 1e6} million`);
      else { say(""); place(image, wide, high); }
    };
    image.src = address;
  }

  const at = (event) => {
    const { left, top, width: shown } = canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) * SHEET) / shown, y: ((event.clientY - top) * SHEET) / shown };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = at(event);
    line(from, from);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    line(from, to);
    from = to;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (from = null));
  canvas.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key] ?? [0, 0];
    if (!dx && !dy && event.key !== " ") return;
    event.preventDefault();
    const inside = (v) => Math.min(Math.max(v, 0), SHEET), to = { x: inside(pen.x + dx), y: inside(pen.y + dy), down: pen.down };
    if (event.key === " ") to.down = !pen.down;
    if (to.down) line(pen.down ? pen : to, to);
    pen = to;
    say(`Pen ${pen.down ? "down" : "up"} at ${Math.round((100 * pen.x) / SHEET)} %, ${Math.round((100 * pen.y) / SHEET)} %`, false);
  });
  canvas.addEventListener("dragover", (event) => event.preventDefault());
  canvas.addEventListener("drop", (event) => { event.preventDefault(); load(event.dataTransfer.files[0]); });

  const file = html("input", { type: "file", accept: "image/*", onchange: () => { load(file.files[0]); file.value = ""; } });
  const camera = cameraOf(place, say);
  const box = html("div", { class: "eas-paper" }, canvas,
    html("div", { class: "eas-beside" }, html("div", {}, small, html("p", { class: "eas-note" }, `what the network sees: ${resolution} × ${resolution} pixels`)),
      html("div", { class: "eas-colours" }, labelled("Ink", ink).box, labelled("Paper", ground).box), width.box,
      html("div", { class: "eas-buttons" }, button("Clear", clear), camera.button), camera.box, labelled("Picture from a file", file).box));
  ground.addEventListener("change", clear);
  return { box, clear, show, pixels, stop: camera.stop };
}

/** A button that shows the camera's picture, and then takes it. */
function cameraOf(place, say) {
  const video = html("video", { playsinline: "", muted: "", hidden: "", class: "eas-camera" });
  let stream = null;
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.hidden = true;
    press.textContent = "Camera";
  };
  const press = button("Camera", async () => {
    if (stream) {
      place(video, video.videoWidth, video.videoHeight);
      return stop();
    }
    if (!navigator.mediaDevices?.getUserMedia) return say("Camera: this browser gives pages no camera here; choose a file instead");
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 480, height: 480 } });
    } catch (error) {
      return say(`Camera: not available (${error.name}); choose a file instead`);
    }
    video.srcObject = stream;
    video.hidden = false;
    await video.play();
    press.textContent = "Take picture";
  });
  return { button: press, box: video, stop };
}
