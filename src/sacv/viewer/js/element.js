// <sacv-viewer>: draws an explanation from `element.data`, and reports the selection by `selection` events.

import { make, picker, term } from "./dom.js";
import { Explanation } from "./explanation.js";
import { Gallery, Patches } from "./gallery.js";
import { Legend } from "./legend.js";
import { fragmentOf, readFragment } from "./link.js";
import { Pane } from "./pane.js";
import { checkLine, Details, Scores, Values } from "./panels.js";
import { save } from "./save.js";
import { STYLE } from "./style.js";
import { figures, KIND_WORDS, KINDS, MEANING, number, percent, sentence, shortName } from "./words.js";

const KEYS = [
  ["← →", "previous, next image"], ["↑ ↓", "previous, next concept"], ["[ ]", "previous, next layer"],
  [", .", "previous, next target"], ["1 2 3 4", "the four maps"], ["shift + arrows", "move the marker by a cell"],
  ["enter", "pin the marker"], ["o O", "map more transparent, more opaque"],
  ["t T", "threshold lower, higher"], ["s", "scale of the layer or of this map"], ["c", "two maps side by side"],
  ["p P", "save as PNG, as SVG"], ["d", "light or dark"], ["?", "this help"], ["esc", "unpin, close this"],
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

  /** The numbers of image, concept, layer and target, the kind of map, and the pinned location or null. */
  get selection() {
    const { image, concept, layer, target, kind } = this.state.views[this.state.active], { explanation } = this;
    const cell = this.state.pin && this.panes[this.state.active].cellAt(this.state.pin);
    return {
      image, concept, layer, target, kind, location: cell,
      names: { image: explanation.images[image].path, concept: explanation.concepts[concept], layer: explanation.layers[layer].name,
        target: explanation.images[image].targets[target][0] },
    };
  }

  /** The view as the fragment of a link. */
  get fragment() {
    return fragmentOf(this.explanation, this.view);
  }

  /** Show what the fragment of a link names, with a note on each name that does not exist. */
  open(fragment) {
    const { changes, missing } = readFragment(this.explanation, fragment, this.view);
    this.choose(changes, missing);
  }

  get data() {
    return this.source ?? null;
  }

  /** Draw data; see docs/viewer.md. */
  set data(data) {
    this.explanation?.close();
    this.source = data;
    const explanation = (this.explanation = new Explanation(data));
    const start = { image: 0, concept: 0, layer: explanation.layers.length - 1, target: 0, kind: "relevance", plane: 0 };
    Object.assign(start, this.first(start));
    start.slice = explanation.bestSlice(start);
    this.state = {
      views: [start], active: 0, opacity: 0.6, thresholds: { relevance: 0, contribution: 0 }, own: false, pin: null, hover: null, missing: [],
    };
    this.build();
    this.render();
  }

  /** The first view: the concept with the largest share of the first image, or of all images where the first shows none. */
  first(start) {
    const { explanation } = this, each = explanation.images.flatMap((_, image) => explanation.concepts.map((_, concept) => ({ image, concept })));
    const weight = (one) => (explanation.header.cards[start.layer][one.concept].weak ? -1 : explanation.share({ ...start, ...one }) || 0);
    const most = (some) => some.reduce((best, one) => (weight(one) > weight(best) ? one : best));
    const here = most(each.slice(0, explanation.concepts.length));
    return weight(here) > 0 ? here : most(each);
  }

  build() {
    const { explanation } = this, choose = (changes) => this.choose(changes), show = (title, text) => this.explain(title, text);
    const texts = explanation.images.map((image) => shortName(image.path)), paths = explanation.images.map((image) => image.path);
    this.pickers = {
      image: picker("image", "image", texts, paths, (image) => choose({ image })),
      concept: picker("concept", "concept", explanation.concepts, [], (concept) => choose({ concept })),
      layer: picker("layer", "layer", explanation.layers.map(({ name }) => name), [], (layer) => choose({ layer })),
      target: picker("target", "target", explanation.targets, [], (target) => choose({ target })),
    };
    this.pickers.target.element.hidden = explanation.targets.length < 2;
    this.kinds = KINDS.map((kind, at) => make("button", {
      type: "button", "data-kind": kind, title: `${MEANING[kind]}${kind === "contribution" ? `${explanation.header.meaning}.` : ""} (key ${at + 1})`,
      on: { click: () => choose({ kind }) },
    }, KIND_WORDS[kind]));
    this.headline = make("h1");
    this.figures = make("p", { class: "soft figures" });
    this.warnings = make("div", { role: "status" });
    this.compare = make("button", { type: "button", "aria-pressed": "false", on: { click: () => this.toggleCompare() } }, "side by side");
    const button = (text, label, click) => make("button", { type: "button", title: label, "aria-label": label, on: { click } }, text);
    const step = (by) => button(by < 0 ? "‹" : "›", by < 0 ? "previous image" : "next image", () => this.step("image", by));
    this.sliders = {
      opacity: this.slider("opacity", 0, 1, 0.05, (opacity) => this.set({ opacity })),
      threshold: this.slider("threshold", 0, 1, 0.01, (value) => this.threshold(value)),
    };
    this.own = make("button", { type: "button", on: { click: () => this.set({ own: !this.state.own }) } }, "own scale");
    this.own.title = "Colours from the least to the greatest value of this map alone, instead of all maps of the layer";
    this.values = new Values(explanation, (concept) => choose({ concept }), show);
    this.gallery = new Gallery(explanation, (image) => choose({ image }));
    this.patches = new Patches(explanation, (view, pin) => { choose(view); this.set({ pin }); this.panes[0].stage.scrollIntoView({ block: "nearest" }); });
    this.scores = new Scores(explanation, (at) => choose(at), show);
    this.details = new Details(explanation, show);
    this.panes = [];
    this.frames = make("div", { class: "panes" });
    this.popup = make("div", { popover: "auto", role: "dialog", "aria-label": "meaning" });
    this.help = make("dialog", { "aria-label": "keys" }, make("h2", {}, "Keys"),
      make("table", {}, make("tbody", {}, KEYS.map(([key, text]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, text))))),
      make("form", { method: "dialog" }, make("button", {}, "Close")));
    this.shadowRoot.replaceChildren(
      make("header", {}, make("div", { class: "headline" }, this.headline, this.figures, this.warnings),
        make("div", { class: "group" }, button("◐", "light or dark", () => this.toggleTheme()), button("?", "help: keys", () => this.help.showModal()))),
      make(this.closest("main") ? "div" : "main", { class: "main" },
        make("div", { class: "bar", role: "group", "aria-label": "selection" },
          make("div", { class: "steps" }, step(-1), this.pickers.image.element, step(1)), this.pickers.concept.element, this.pickers.layer.element, this.pickers.target.element,
          make("div", { class: "group kinds", role: "group", "aria-label": "map" }, this.kinds, this.compare)),
        make("div", { class: "work" }, this.frames,
          make("div", { class: "side" },
            this.values.element,
            make("section", { class: "card", "aria-label": "how the map is drawn" }, this.sliders.opacity.element, this.sliders.threshold.element,
              make("div", { class: "group" }, this.own, ...["png", "svg"].map((kind) => button(`save as ${kind.toUpperCase()}`, `save as ${kind.toUpperCase()}: the image with its map and legend`, () => this.save(kind))))))),
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

  /** Choose image, concept, layer, target or kind in the active pane; `missing` are notes on a link. */
  choose(changes, missing = []) {
    const view = { ...this.view, ...changes }, planes = this.explanation.images[view.image].planes;
    if (planes.length && !("slice" in changes)) view.slice = this.explanation.bestSlice(view);
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
    const { views } = this.state, second = { ...views[0], kind: views[0].kind === "relevance" ? "contribution" : "relevance" };
    this.set(views.length > 1 ? { views: [views[this.state.active]], active: 0 } : { views: [views[0], second], active: 1 });
  }

  toggleTheme() {
    const dark = this.getAttribute("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    this.setAttribute("theme", dark === "dark" ? "light" : "dark");
  }

  /** Save the panes as "png" or "svg". */
  save(kind) {
    return save(this.explanation, this.panes, kind);
  }

  explain(title, text) {
    this.popup.replaceChildren(make("h2", {}, title), make("p", {}, text));
    this.popup.showPopover();
  }

  /** Draw the whole state. */
  render() {
    const { explanation, state } = this;
    while (this.panes.length < state.views.length) this.addPane();
    while (this.panes.length > state.views.length) this.panes.pop().element.remove();
    this.panes.forEach((pane, at) => {
      const view = state.views[at], label = this.describe(view);
      pane.draw(view, state, label);
      pane.legend.render(view, pane.scale, state.thresholds[view.kind]);
      pane.caption.textContent = state.views.length > 1 ? `${at === state.active ? "▸ " : ""}${this.caption(view)}` : "";
      pane.caption.title = explanation.images[view.image].path;
    });
    const view = this.view, scale = this.panes[state.active].scale, shown = this.showHeadline(view);
    for (const [name, { select }] of Object.entries(this.pickers)) select.value = view[name];
    this.kinds.forEach((button, at) => {
      button.setAttribute("aria-pressed", String(KINDS[at] === view.kind));
      button.disabled = !explanation.offers(KINDS[at], view) && KINDS[at] !== view.kind;
    });
    this.compare.setAttribute("aria-pressed", String(state.views.length > 1));
    this.own.setAttribute("aria-pressed", String(state.own));
    this.showSliders(view, scale);
    this.patches.render(view);
    this.gallery.render(view);
    this.scores.render(view);
    this.details.render(view, shown);
    this.point();
    clearTimeout(this.warming);
    this.warming = setTimeout(() => explanation.decode(view), 50);
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
    const pane = new Pane(this.explanation, "image", {
      moved: (hover) => { this.state.hover = hover; this.point(); },
      pinned: (pin) => { activate(); this.set({ pin, hover: null }); },
      sliced: (plane, slice) => { activate(); this.choose(slice === null ? { plane } : { plane, slice }); },
    });
    pane.again = () => this.render();
    pane.legend = new Legend(this.explanation, (title, text) => this.explain(title, text));
    pane.element.append(pane.legend.element);
    pane.stage.addEventListener("focus", activate);
    this.panes.push(pane);
    this.frames.append(pane.element);
  }

  /** Draw markers and values of the location under the pointer, in all panes at once. */
  point() {
    const { hover, pin, active } = this.state, position = hover ?? pin;
    for (const pane of this.panes) pane.point(hover, pin);
    this.values.render(this.view, position && this.panes[active].cellAt(position), !hover && Boolean(pin));
  }

  /** The figures that the headline states. */
  result(view) {
    const { explanation } = this, [target, logit] = explanation.images[view.image].targets[view.target];
    return {
      concept: explanation.concepts[view.concept], target, logit, share: explanation.share(view), score: explanation.score("sacv_score", view),
      value: explanation.header.values[view.target], unit: explanation.header.units[view.target], silent: explanation.silent(view), masked: explanation.header.cards[view.layer][view.concept].line !== "",
    };
  }

  describe(view) {
    return sentence(this.result(view)).map(({ text }) => text).join("");
  }

  caption({ image, concept, layer, target, kind }) {
    const { explanation } = this;
    return `${shortName(explanation.images[image].path)}: ${explanation.concepts[concept]}, ${KIND_WORDS[kind]}, ${explanation.layers[layer].name}`
      + (explanation.targets.length > 1 ? `, ${explanation.targets[target]}` : "");
  }

  /** Show the sentence, its figures and its warnings; returns the texts of the warnings. */
  showHeadline(view) {
    const result = this.result(view), show = (title, text) => this.explain(title, text);
    this.headline.replaceChildren(...sentence(result).map(({ text, name }) => (name ? make("b", {}, text) : text)));
    this.figures.replaceChildren(...figures(result).map(({ text, meaning }) => (meaning ? term(text, meaning, show) : text)));
    const card = this.explanation.header.cards[view.layer][view.concept], warnings = result.share > 0 ? this.explanation.warnings(view) : [];
    this.warnings.replaceChildren(
      ...this.state.missing.map((text) => make("p", { class: "note" }, text)),
      ...(card.weak ? card.notes.map((text) => make("p", { class: "warning" }, text)) : []),
      ...warnings.map((one) => checkLine(one, show)),
    );
    return warnings.map(({ text }) => text);
  }

  step(name, by) {
    const count = this.explanation[`${name}s`].length;
    this.choose({ [name]: (this.view[name] + by + count) % count });
  }

  /** Move the marker by cells. */
  walk(down, across) {
    const [rows, columns] = this.explanation.shape(this.view), pane = this.panes[this.state.active];
    const from = this.state.hover ?? this.state.pin ?? { x: 0.5, y: 0.5 }, [row, column] = pane.cellAt(from);
    const clamp = (value, count) => Math.min(Math.max(value, 0), count - 1);
    this.state.hover = { x: (clamp(column + across, columns) + 0.5) / columns, y: (clamp(row + down, rows) + 0.5) / rows };
    this.point();
  }

  pressed(event) {
    if (!this.explanation || event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    const from = event.composedPath()[0], own = event.composedPath().includes(this) || from === document.body;
    if (!own || (from instanceof Element && from.matches("input, select, textarea"))) return;
    const arrows = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const { state } = this, step = (by) => Math.min(Math.max(state.opacity + by, 0), 1);
    const lift = (by) => this.threshold(Number(this.sliders.threshold.input.value) + by * Number(this.sliders.threshold.input.step) * 10);
    const actions = {
      "[": () => this.step("layer", -1), "]": () => this.step("layer", 1), ",": () => this.step("target", -1), ".": () => this.step("target", 1),
      o: () => this.set({ opacity: step(-0.1) }), O: () => this.set({ opacity: step(0.1) }), t: () => lift(-1), T: () => lift(1),
      s: () => this.set({ own: !state.own }), c: () => this.toggleCompare(), p: () => this.save("png"), P: () => this.save("svg"), d: () => this.toggleTheme(), "?": () => this.help.showModal(),
      Escape: () => this.set({ pin: null, hover: null }),
    };
    const kind = KINDS[Number(event.key) - 1];
    if (arrows && event.shiftKey) this.walk(...arrows);
    else if (arrows) this.step(arrows[0] ? "concept" : "image", arrows[0] + arrows[1]);
    else if (kind) { if (this.explanation.offers(kind, this.view)) this.choose({ kind }); }
    else if (event.key === "Enter" && from.classList?.contains("stage")) this.set({ pin: state.hover, hover: null });
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  }
}

if (!customElements.get("sacv-viewer")) customElements.define("sacv-viewer", SacvViewer);
