// The tab that draws maps: photos, concepts, targets and the viewer.

import { at, explanation, request } from "./api.js";
import { boxes, button, checked, field, fill, make, renew } from "./dom.js";
import { drop } from "./drop.js";
import { begin, beginQuietly, finished } from "./jobs.js";
import { attempt, complain, follow, recall, refresh, remember, store } from "./store.js";

const PREDICTED = "predicted";
/** Maximum number of classes of a map, of photos predicted at once, and of classes offered. */
const TARGETS = 5, PREDICTIONS = 24, OFFERED = 8;
/** Maximum number of photos that are explained if none is chosen. */
const SOME = 24;
const panel = document.getElementById("explain");
const thumbs = make("ul", { class: "thumbs" });
const count = make("p", { class: "soft", role: "status" });
const bank = make("select", { on: { change: () => { remember("bank", bank.value); remember("concepts", null); render(); } } });
const concepts = make("div", { class: "choices" });
const classes = make("datalist", { id: "classes" });
const targets = make("div", { class: "choices" });
const another = make("input", { type: "text", list: "classes", placeholder: "name of a class", on: { change: () => addTarget() } });
const predictions = make("ul", { class: "predictions" });
const predicted = make("details", {}, make("summary", {}, "What the network predicts for the chosen photos"), predictions);
const requested = new Set();
const start = button("Show the map", () => explain(), { class: "main" });
const advice = make("p", { class: "soft" });
const layer = make("p", { class: "soft" });
const needs = make("p", { class: "soft", role: "status" });
const first = button("Make a concept", () => document.dispatchEvent(new CustomEvent("go", { detail: "tab-concept" })), { class: "main" });
const controls = [
  make("div", { class: "row" }, field("Concepts from", bank)),
  make("fieldset", {}, make("legend", {}, "Concepts"), concepts), layer,
  make("fieldset", {}, make("legend", {}, "Does it support these classes?"), targets), make("div", { class: "row" }, field("Another class", another), classes), predicted, start, needs,
];
const earlier = make("select", { on: { change: () => show(earlier.value) } });
const past = make("div", { class: "row" }, field("Maps made so far", earlier));
const viewer = make("sacv-viewer", { hidden: true });
const examples = button("Add example images", () => begin("examples", {}, "examples"));
const remove = button("Remove chosen photos", () => attempt(async () => {
  for (const name of chosen()) await request(at("photos", name), { method: "DELETE" });
  await refresh();
}));

panel.append(
  make("div", { class: "columns" },
    make("div", { class: "card" }, make("h2", {}, "Your photos"),
      drop("or drop photos here.", () => ["photos"], (names) => choose([...chosen(), ...names])),
      make("div", { class: "row" }, button("All", () => choose(store.photos)), button("None", () => choose([])), remove, examples), count, thumbs),
    make("div", { class: "card" }, make("h2", {}, "The concepts"), advice, first, controls)),
  past, viewer,
);

/** The chosen photos that still exist. */
export function chosen() {
  return recall("photos", []).filter((name) => store.photos.includes(name));
}

function choose(names) {
  remember("photos", [...new Set(names)]);
  render();
}

function toggle(name) {
  const names = chosen();
  choose(names.includes(name) ? names.filter((one) => one !== name) : [...names, name]);
}

/** Set which thumbnails are pressed. */
export function press(list, names) {
  for (const one of list.querySelectorAll("button")) one.setAttribute("aria-pressed", String(names.includes(one.title)));
}

/** A thumbnail with its name, as a button. */
export function thumb(name, address, click) {
  return make("li", {}, make("button", { type: "button", title: name, on: { click } },
    make("img", { src: `${address}?side=320`, alt: "", loading: "lazy" }), make("span", { class: "name" }, name)));
}

/** Explain the chosen photos with a bank; if none is chosen, the first ones. */
export function explain(name = bank.value, which = checked(concepts)) {
  document.dispatchEvent(new CustomEvent("go", { detail: "tab-explain" }));
  if (!chosen().length) choose(store.photos.slice(0, SOME));
  const classes = checked(targets).slice(0, TARGETS);
  return begin("explain", { photos: chosen(), bank: name, concepts: which, targets: classes.length ? classes : [PREDICTED] }, "explain");
}

/** Add the class that was typed in as a target. */
function addTarget() {
  const name = another.value.trim();
  another.value = "";
  if (!name) return;
  if (store.classes.length && !store.classes.includes(name) && !/^\d+$/.test(name)) { complain(`The network has no class '${name}'; choose one of the list.`); return; }
  complain("");
  remember("targets", [...new Set([...checked(targets), name])]);
  render();
}

/** The most probable classes of the chosen photos, each with its greatest probability. */
function likely(photos) {
  const probabilities = new Map();
  for (const [name, probability] of photos.flatMap((photo) => store.said[photo] ?? [])) probabilities.set(name, Math.max(probability, probabilities.get(name) ?? 0));
  return new Map([...probabilities].sort((one, other) => other[1] - one[1]).slice(0, OFFERED));
}

function percent(probability) {
  return probability < 0.01 ? "under 1%" : `${Math.round(100 * probability)}%`;
}

/** The most probable class of a photo, and others of at least 1 %. */
function classesOf(photo) {
  return store.said[photo].filter(([, probability], number) => !number || probability >= 0.01).map(([one, probability]) => `${one} ${percent(probability)}`).join(", ");
}

/** Offer classes, and request the predictions for photos without one. */
function offer(photos) {
  const unknown = photos.slice(0, PREDICTIONS).filter((name) => !store.said[name] && !requested.has(name));
  for (const name of unknown) requested.add(name);
  if (unknown.length) beginQuietly("predictions", { photos: unknown }, "predictions");
  const offered = likely(photos), picked = recall("targets", [PREDICTED]);
  boxes(targets, [...new Set([PREDICTED, ...offered.keys(), ...picked])], picked, () => { remember("targets", checked(targets)); render(); }, "",
    (name) => (name === PREDICTED ? "the most probable class of each photo" : offered.has(name) ? `${name} (${percent(offered.get(name))})` : name));
  const known = photos.filter((name) => store.said[name]);
  predicted.hidden = !known.length;
  renew(predictions, known.map((name) => [name, store.said[name]]), () => known.map((name) => make("li", {}, make("b", {}, name), ` ${classesOf(name)}`)));
}

/** The number of the layer that the bank advises for locating concepts. */
function firstLayer({ header }) {
  const names = header.layers.map(({ name }) => name);
  const source = store.banks.find((one) => one.layers.join() === names.join() && header.concepts.every((concept) => one.concepts.includes(concept)));
  return names.indexOf(source?.place);
}

async function show(name) {
  const data = await attempt(() => explanation(name));
  if (!data) return;
  viewer.hidden = false;
  viewer.data = data;
  const at = firstLayer(data);
  if (at >= 0) viewer.choose({ layer: at });
  remember("explanation", name);
  earlier.value = name;
}

function render() {
  const picked = chosen();
  renew(thumbs, store.photos, () => store.photos.map((name) => thumb(name, at("photos", name), () => toggle(name))));
  press(thumbs, picked);
  count.textContent = store.photos.length ? `${picked.length} of ${store.photos.length} chosen` : "No photos yet.";
  examples.hidden = store.photos.length > 0 || store.model !== "demo";
  remove.disabled = !picked.length;
  fill(bank, store.banks.map(({ name }) => name), recall("bank", bank.value));
  const selected = store.banks.find(({ name }) => name === bank.value);
  boxes(concepts, selected?.concepts ?? [], recall("concepts", null) ?? selected?.concepts ?? [], () => { remember("concepts", checked(concepts)); render(); });
  renew(classes, store.classes, () => store.classes.map((text) => make("option", { value: text })));
  advice.textContent = selected ? selected.problem : "A concept is something that people have a word for, such as stripes. There is none yet.";
  layer.textContent = selected?.advice ?? "";
  first.hidden = Boolean(selected);
  for (const element of controls) element.hidden = !selected;
  if (selected) offer(picked);
  const tooMany = checked(targets).length > TARGETS;
  const missing = [!picked.length && "photos", !checked(concepts).length && "a concept", tooMany && `at most ${TARGETS} classes`].filter(Boolean);
  needs.textContent = selected && !selected.problem && missing.length ? `Still to choose: ${missing.join(", ")}.` : "";
  start.disabled = !selected || Boolean(selected.problem) || missing.length > 0;
  fill(earlier, [...store.explanations].reverse(), recall("explanation", earlier.value));
  past.hidden = !store.explanations.length;
  const last = recall("explanation", null);
  if (viewer.hidden && store.explanations.includes(last)) show(last);
}

finished("explain", async ({ explanation: name }) => {
  await show(name);
  if (panel.hidden) document.getElementById("tab-explain").classList.add("fresh"); // a user on another tab stays there
  else viewer.scrollIntoView({ block: "start" });
});
finished("examples", () => choose(store.photos));
follow(render);
