// <sacv-viewer>: an explanation, drawn from `element.data`; it tells of what is chosen by `selection` events.

import { make, picker, term } from "./dom.js";
import { Found } from "./found.js";
import { Gallery, Patches } from "./gallery.js";
import { Legend } from "./legend.js";
import { fragmentOf, readFragment } from "./link.js";
import { Pane } from "./pane.js";
import { checked, Details, Scores, Values } from "./panels.js";
import { save } from "./save.js";
import { STYLE } from "./style.js";
import { KIND_WORDS, KINDS, MEANING, number, percent, reckoning, sentence, shortName } from "./words.js";

const KEYS = [
  ["← →", "picture before, after"], ["↑ ↓", "concept before, after"], ["[ ]", "layer before, after"],
  [", .", "target before, after"], ["1 2 3 4", "the four maps"], ["shift + arrows", "move the marker by a cell"],
  ["enter", "pin the marker, or let it go"], ["o O", "map more transparent, more opaque"],
  ["t T", "threshold lower, higher"], ["s", "common or own scale"], ["c", "two maps side by side"],
  ["p P", "save as PNG, as SVG"], ["d", "light or dark"], ["?", "this help"], ["esc", "let the pin go, close this"],
];

class SacvViewer extends HTMLElement {
  constructor() {
    super();
    this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.shadowRoot.adoptedStyleSheets = [sheet];
    this.key = (event) => this.pressed(event);
  }

  connectedCallback() {
    document.addEventListener("keydown", this.key);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.key);
  }

  /** What is chosen: numbers of image, concept, layer and target, the kind of map, and the pinned place or null. */
  get selection() {
    const { image, concept, layer, target, kind } = this.state.views[this.state.active], { found } = this;
    const cell = this.state.pin && this.panes[this.state.active].cellAt(this.state.pin);
    return {
      image, concept, layer, target, kind, location: cell,
      names: { image: found.images[image].path, concept: found.concepts[concept], layer: found.layers[layer].name,
        target: found.images[image].targets[target][0] },
    };
  }

  /** What is chosen as the fragment of a link. */
  get fragment() {
    return fragmentOf(this.found, this.view);
  }

  /** Show what the fragment of a link names; what is not there is said. */
  open(fragment) {
    const { changes, missing } = readFragment(this.found, fragment, this.view);
    this.choose(changes, missing);
  }

  get data() {
    return this.given ?? null;
  }

  /** Take in data and draw them; see docs/viewer.md. */
  set data(data) {
    this.found?.close();
    this.given = data;
    this.found = new Found(data);
    const { found } = this;
    const start = { image: 0, concept: 0, layer: found.layers.length - 1, target: 0, kind: "relevance", plane: 0 };
    Object.assign(start, this.first(start));
    start.slice = found.bestSlice(start);
    this.state = {
      views: [start], active: 0, opacity: 0.6, thresholds: { relevance: 0, contribution: 0 }, own: false, pin: null, hover: null, missing: [],
    };
    this.build();
    this.render();
  }

  /** What the first screen shows: the most seen concept of the first picture, or of all where nothing is seen there. */
  first(start) {
    const { found } = this, each = found.images.flatMap((_, image) => found.concepts.map((_, concept) => ({ image, concept })));
    const weight = (one) => (found.header.cards[start.layer][one.concept].weak ? -1 : found.share({ ...start, ...one }) || 0);
    const most = (some) => some.reduce((best, one) => (weight(one) > weight(best) ? one : best));
    const here = most(each.slice(0, found.concepts.length));
    return weight(here) > 0 ? here : most(each);
  }

  build() {
    const { found } = this, choose = (changes) => this.choose(changes), show = (title, text) => this.explain(title, text);
    const texts = found.images.map((image) => shortName(image.path)), paths = found.images.map((image) => image.path);
    this.pickers = {
      image: picker("picture", "image", texts, paths, (image) => choose({ image })),
      concept: picker("concept", "concept", found.concepts, [], (concept) => choose({ concept })),
      layer: picker("layer", "layer", found.layers.map(({ name }) => name), [], (layer) => choose({ layer })),
      target: picker("target", "target", found.targets, [], (target) => choose({ target })),
    };
    this.pickers.target.element.hidden = found.targets.length < 2;
    this.kinds = KINDS.map((kind, at) => make("button", {
      type: "button", "data-kind": kind, title: `${MEANING[kind]}${kind === "contribution" ? `${found.header.meaning}.` : ""} (key ${at + 1})`,
      on: { click: () => choose({ kind }) },
    }, KIND_WORDS[kind]));
    this.say = make("h1");
    this.figures = make("p", { class: "soft figures" });
    this.doubts = make("div", { role: "status" });
    this.compare = make("button", { type: "button", "aria-pressed": "false", on: { click: () => this.toggleCompare() } }, "side by side");
    const button = (text, label, click) => make("button", { type: "button", title: label, "aria-label": label, on: { click } }, text);
    const step = (by) => button(by < 0 ? "‹" : "›", by < 0 ? "picture before" : "picture after", () => this.step("image", by));
    this.sliders = {
      opacity: this.slider("opacity", 0, 1, 0.05, (opacity) => this.set({ opacity })),
      threshold: this.slider("threshold", 0, 1, 0.01, (value) => this.threshold(value)),
    };
    this.own = make("button", { type: "button", on: { click: () => this.set({ own: !this.state.own }) } }, "own scale");
    this.own.title = "Colours from the least to the greatest value of this map alone, rather than of all maps of the layer";
    this.values = new Values(found, (concept) => choose({ concept }), show);
    this.gallery = new Gallery(found, (image) => choose({ image }));
    this.patches = new Patches(found, (place, pin) => { choose(place); this.set({ pin }); this.panes[0].stage.scrollIntoView({ block: "nearest" }); });
    this.scores = new Scores(found, (at) => choose(at), show);
    this.details = new Details(found, show);
    this.panes = [];
    this.frames = make("div", { class: "panes" });
    this.popup = make("div", { popover: "auto", role: "dialog", "aria-label": "meaning" });
    this.help = make("dialog", { "aria-label": "keys" }, make("h2", {}, "Keys"),
      make("table", {}, make("tbody", {}, KEYS.map(([key, text]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, text))))),
      make("form", { method: "dialog" }, make("button", {}, "Close")));
    this.shadowRoot.replaceChildren(
      make("header", {}, make("div", { class: "say" }, this.say, this.figures, this.doubts),
        make("div", { class: "group" }, button("◐", "light or dark", () => this.toggleTheme()), button("?", "help: keys", () => this.help.showModal()))),
      make(this.closest("main") ? "div" : "main", { class: "main" },
        make("div", { class: "bar", role: "group", "aria-label": "what is shown" },
          make("div", { class: "steps" }, step(-1), this.pickers.image.element, step(1)), this.pickers.concept.element, this.pickers.layer.element, this.pickers.target.element,
          make("div", { class: "group kinds", role: "group", "aria-label": "map" }, this.kinds, this.compare)),
        make("div", { class: "work" }, this.frames,
          make("div", { class: "side" },
            this.values.element,
            make("section", { class: "card", "aria-label": "how the map is drawn" }, this.sliders.opacity.element, this.sliders.threshold.element,
              make("div", { class: "group" }, this.own, ...["png", "svg"].map((kind) => button(`save as ${kind.toUpperCase()}`, `save as ${kind.toUpperCase()}: the picture with its map and legend`, () => this.save(kind))))))),
        this.patches.element, this.gallery.element, this.scores.element, this.details.element),
      this.popup, this.help,
    );
  }

  slider(label, min, max, step, moved) {
    const input = make("input", { type: "range", min, max, step, "aria-label": label, on: { input: () => moved(Number(input.value)) } });
    const output = make("output");
    return { element: make("div", { class: "slider" }, make("span", {}, label), input, output), input, output };
  }

  /** The view that pickers and keys change. */
  get view() {
    return this.state.views[this.state.active];
  }

  /** Choose image, concept, layer, target or kind in the active pane; `missing` says what a link names in vain. */
  choose(changes, missing = []) {
    const view = { ...this.view, ...changes }, planes = this.found.images[view.image].planes;
    if (planes.length && !("slice" in changes)) view.slice = this.found.bestSlice(view);
    const views = this.state.views.map((one, at) => (at === this.state.active ? view : one));
    this.set({ views, missing, ...("image" in changes && changes.image !== this.view.image ? { pin: null, hover: null } : {}) });
  }

  set(changes) {
    Object.assign(this.state, changes);
    this.render();
    this.dispatchEvent(new CustomEvent("selection", { detail: this.selection, bubbles: true, composed: true }));
  }

  threshold(value) {
    const kind = this.view.kind === "contribution" ? "contribution" : "relevance";
    this.set({ thresholds: { ...this.state.thresholds, [kind]: value } });
  }

  toggleCompare() {
    const { views } = this.state, other = { ...views[0], kind: views[0].kind === "relevance" ? "contribution" : "relevance" };
    this.set(views.length > 1 ? { views: [views[this.state.active]], active: 0 } : { views: [views[0], other], active: 1 });
  }

  toggleTheme() {
    const dark = this.getAttribute("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    this.setAttribute("theme", dark === "dark" ? "light" : "dark");
  }

  /** Save what is shown as "png" or "svg". */
  save(kind) {
    return save(this.found, this.panes, kind);
  }

  explain(title, text) {
    this.popup.replaceChildren(make("h2", {}, title), make("p", {}, text));
    this.popup.showPopover();
  }

  /** Draw the whole state. */
  render() {
    const { found, state } = this;
    while (this.panes.length < state.views.length) this.addPane();
    while (this.panes.length > state.views.length) this.panes.pop().element.remove();
    this.panes.forEach((pane, at) => {
      const view = state.views[at], label = this.describe(view);
      pane.draw(view, state, label);
      pane.legend.render(view, pane.scale, state.thresholds[view.kind]);
      pane.caption.textContent = state.views.length > 1 ? `${at === state.active ? "▸ " : ""}${this.caption(view)}` : "";
      pane.caption.title = found.images[view.image].path;
    });
    const view = this.view, scale = this.panes[state.active].scale, said = this.speak(view);
    for (const [name, { select }] of Object.entries(this.pickers)) select.value = view[name];
    this.kinds.forEach((button, at) => {
      button.setAttribute("aria-pressed", String(KINDS[at] === view.kind));
      button.disabled = !found.offers(KINDS[at], view) && KINDS[at] !== view.kind;
    });
    this.compare.setAttribute("aria-pressed", String(state.views.length > 1));
    this.own.setAttribute("aria-pressed", String(state.own));
    this.showSliders(view, scale);
    this.patches.render(view);
    this.gallery.render(view);
    this.scores.render(view);
    this.details.render(view, said);
    this.point();
    clearTimeout(this.warming);
    this.warming = setTimeout(() => found.warm(view), 50);
  }

  showSliders(view, scale) {
    const { opacity, threshold } = this.sliders;
    opacity.input.value = this.state.opacity;
    opacity.output.textContent = percent(this.state.opacity);
    threshold.element.hidden = scale === null;
    if (scale === null) return;
    const low = scale.signed ? 0 : scale.low, value = this.state.thresholds[view.kind];
    Object.assign(threshold.input, { min: low, max: scale.high, step: (scale.high - low) / 200 });
    threshold.input.value = value;
    threshold.output.textContent = number(Number(value.toPrecision(3)));
  }

  addPane() {
    const at = this.panes.length, activate = () => { if (this.state.active !== at) this.set({ active: at }); };
    const pane = new Pane(this.found, "picture", {
      moved: (place) => { this.state.hover = place; this.point(); },
      pinned: (place) => { activate(); this.set({ pin: place, hover: null }); },
      sliced: (plane, slice) => { activate(); this.choose(slice === null ? { plane } : { plane, slice }); },
    });
    pane.again = () => this.render();
    pane.legend = new Legend(this.found, (title, text) => this.explain(title, text));
    pane.element.append(pane.legend.element);
    pane.stage.addEventListener("focus", activate);
    this.panes.push(pane);
    this.frames.append(pane.element);
  }

  /** Draw markers and values of the place under the pointer, in all panes at once. */
  point() {
    const { hover, pin, active } = this.state, place = hover ?? pin;
    for (const pane of this.panes) pane.point(hover, pin);
    this.values.render(this.view, place && this.panes[active].cellAt(place), !hover && Boolean(pin));
  }

  seen(view) {
    const { found } = this, [target, logit] = found.images[view.image].targets[view.target];
    return {
      concept: found.concepts[view.concept], target, logit, share: found.share(view), score: found.score("sacv_score", view),
      value: found.header.values[view.target], kind: found.header.cards[view.layer][view.concept].line, unit: found.header.units[view.target], silent: found.silent(view),
    };
  }

  describe(view) {
    return sentence(this.seen(view)).map(({ text }) => text).join("");
  }

  caption({ image, concept, layer, target, kind }) {
    const { found } = this;
    return `${shortName(found.images[image].path)}: ${found.concepts[concept]}, ${KIND_WORDS[kind]}, ${found.layers[layer].name}`
      + (found.targets.length > 1 ? `, ${found.targets[target]}` : "");
  }

  /** Say what is seen, and once what speaks against it; gives the doubts that were said. */
  speak(view) {
    const seen = this.seen(view), show = (title, text) => this.explain(title, text);
    this.say.replaceChildren(...sentence(seen).map(({ text, name }) => (name ? make("b", {}, text) : text)));
    this.figures.replaceChildren(...reckoning(seen).map(({ text, meaning }) => (meaning ? term(text, meaning, show) : text)));
    const card = this.found.header.cards[view.layer][view.concept], doubts = seen.share > 0 ? this.found.doubts(view) : [];
    this.doubts.replaceChildren(
      ...this.state.missing.map((text) => make("p", { class: "note" }, text)),
      ...(card.weak ? card.notes.map((text) => make("p", { class: "doubt" }, text)) : []),
      ...doubts.map((one) => checked(one, show)),
    );
    return doubts.map(({ text }) => text);
  }

  step(name, by) {
    const count = { image: this.found.images, concept: this.found.concepts, layer: this.found.layers, target: this.found.targets }[name].length;
    this.choose({ [name]: (this.view[name] + by + count) % count });
  }

  /** Move the marker by cells. */
  walk(down, across) {
    const [rows, columns] = this.found.shape(this.view), pane = this.panes[this.state.active];
    const from = this.state.hover ?? this.state.pin ?? { x: 0.5, y: 0.5 }, [row, column] = pane.cellAt(from);
    const clamp = (value, count) => Math.min(Math.max(value, 0), count - 1);
    this.state.hover = { x: (clamp(column + across, columns) + 0.5) / columns, y: (clamp(row + down, rows) + 0.5) / rows };
    this.point();
  }

  pressed(event) {
    if (!this.found || event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    const inside = event.composedPath()[0], own = event.composedPath().includes(this) || inside === document.body;
    if (!own || (inside instanceof Element && inside.matches("input, select, textarea"))) return;
    const arrows = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const { state } = this, step = (by) => Math.min(Math.max(state.opacity + by, 0), 1);
    const lift = (by) => this.threshold(Number(this.sliders.threshold.input.value) + by * Number(this.sliders.threshold.input.step) * 10);
    const deeds = {
      "[": () => this.step("layer", -1), "]": () => this.step("layer", 1), ",": () => this.step("target", -1), ".": () => this.step("target", 1),
      o: () => this.set({ opacity: step(-0.1) }), O: () => this.set({ opacity: step(0.1) }), t: () => lift(-1), T: () => lift(1),
      s: () => this.set({ own: !state.own }), c: () => this.toggleCompare(), p: () => this.save("png"), P: () => this.save("svg"), d: () => this.toggleTheme(), "?": () => this.help.showModal(),
      Escape: () => this.set({ pin: null, hover: null }),
    };
    const kind = KINDS[Number(event.key) - 1];
    if (arrows && event.shiftKey) this.walk(...arrows);
    else if (arrows) this.step(arrows[0] ? "concept" : "image", arrows[0] + arrows[1]);
    else if (kind) { if (this.found.offers(kind, this.view)) this.choose({ kind }); }
    else if (event.key === "Enter" && inside.classList?.contains("stage")) this.set({ pin: state.hover, hover: null });
    else if (deeds[event.key]) deeds[event.key]();
    else return;
    event.preventDefault();
  }
}

if (!customElements.get("sacv-viewer")) customElements.define("sacv-viewer", SacvViewer);
