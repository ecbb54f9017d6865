// Mounts the anywidgets whose state a page carries: no kernel, no server, no script of another origin.
//
// A page that was made from an executed notebook holds the state of its widgets as JSON, and a place for each that was
// displayed. The state has the widget's ES module as text, so the module is run from there with a small model object.

(() => {
  const bytes = (base64) => new DataView(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);

  /** The traits of a saved model, with its binary ones put back in their places. */
  function traits(saved) {
    const state = { ...saved.state };
    for (const { path, data } of saved.buffers ?? []) {
      const owner = path.slice(0, -1).reduce((value, key) => value[key], state);
      owner[path.at(-1)] = bytes(data);
    }
    return state;
  }

  /** What a widget's render() needs of a model: get, set, on, off; there is no kernel to save anything to. */
  function makeModel(state) {
    const listeners = new Map();
    return {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        for (const call of [...(listeners.get(`change:${name}`) ?? [])]) call();
      },
      save_changes() {},
      send() {},
      on(event, call) {
        if (!listeners.has(event)) listeners.set(event, new Set());
        listeners.get(event).add(call);
      },
      off: (event, call) => listeners.get(event)?.delete(call),
    };
  }

  async function mount(place, saved, styles) {
    const state = traits(saved);
    if (state._css && !styles.has(state._css)) {
      styles.add(state._css);
      const style = document.createElement("style");
      style.textContent = state._css;
      document.head.append(style);
    }
    const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
    const module = await import(url);
    URL.revokeObjectURL(url);
    const element = document.createElement("div");
    place.before(element);
    const model = makeModel(state);
    await module.default.initialize?.({ model });
    await module.default.render({ model, el: element });
  }

  async function mountAll() {
    const saved = {};
    for (const script of document.querySelectorAll('script[type="application/vnd.jupyter.widget-state+json"]'))
      Object.assign(saved, JSON.parse(script.textContent).state);
    const styles = new Set();
    for (const place of document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]')) {
      const model = saved[JSON.parse(place.textContent).model_id];
      if (model?.model_module === "anywidget") await mount(place, model, styles);
    }
    document.documentElement.dataset.widgets = "mounted";
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
