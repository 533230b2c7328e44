// Photos, concepts and a target, and the map of them.

import { ask, at, explanation } from "./api.js";
import { boxes, button, checked, field, fill, make, renew } from "./dom.js";
import { drop } from "./drop.js";
import { begin, beginQuietly, finished } from "./jobs.js";
import { attempt, complain, follow, recall, refresh, remember, store } from "./store.js";

const PREDICTED = "predicted";
/** Classes of a map at most; photos of which it is asked at once what the network says; classes that are offered. */
const TARGETS = 5, ASKED = 24, OFFERED = 8;
/** Photos that are looked at where none are chosen. */
const SOME = 24;
const panel = document.getElementById("explain");
const thumbs = make("ul", { class: "thumbs" });
const count = make("p", { class: "soft", role: "status" });
const bank = make("select", { on: { change: () => { remember("bank", bank.value); remember("concepts", null); render(); } } });
const concepts = make("div", { class: "choices" });
const classes = make("datalist", { id: "classes" });
const targets = make("div", { class: "choices" });
const another = make("input", { type: "text", list: "classes", placeholder: "name of a class", on: { change: () => aim() } });
const said = make("ul", { class: "said" });
const saying = make("details", {}, make("summary", {}, "What the network predicts for the chosen photos"), said);
const asked = new Set();
const start = button("Show the map", () => explain(), { class: "main" });
const advice = make("p", { class: "soft" });
const layer = make("p", { class: "soft" });
const needs = make("p", { class: "soft", role: "status" });
const first = button("Make a concept", () => document.dispatchEvent(new CustomEvent("go", { detail: "tab-concept" })), { class: "main" });
const looking = [
  make("div", { class: "row" }, field("Concepts from", bank)),
  make("fieldset", {}, make("legend", {}, "Concepts"), concepts), layer,
  make("fieldset", {}, make("legend", {}, "Does it count for these classes?"), targets), make("div", { class: "row" }, field("Another class", another), classes), saying, start, needs,
];
const earlier = make("select", { on: { change: () => show(earlier.value) } });
const past = make("div", { class: "row" }, field("Maps made so far", earlier));
const viewer = make("sacv-viewer", { hidden: true });
const examples = button("Add example images", () => begin("examples", {}, "examples"));
const remove = button("Remove chosen photos", () => attempt(async () => {
  for (const name of chosen()) await ask(at("photos", name), { method: "DELETE" });
  await refresh();
}));

panel.append(
  make("div", { class: "columns" },
    make("div", { class: "card" }, make("h2", {}, "Your photos"),
      drop("or drop photos here.", () => ["photos"], (names) => choose([...chosen(), ...names])),
      make("div", { class: "row" }, button("All", () => choose(store.photos)), button("None", () => choose([])), remove, examples), count, thumbs),
    make("div", { class: "card" }, make("h2", {}, "What to look for"), advice, first, looking)),
  past, viewer,
);

/** Photos that are chosen and still there. */
export function chosen() {
  return recall("photos", []).filter((name) => store.photos.includes(name));
}

function choose(names) {
  remember("photos", [...new Set(names)]);
  render();
}

function toggle(name) {
  const before = chosen();
  choose(before.includes(name) ? before.filter((one) => one !== name) : [...before, name]);
}

/** Show which of some images are pressed. */
export function press(list, names) {
  for (const one of list.querySelectorAll("button")) one.setAttribute("aria-pressed", String(names.includes(one.title)));
}

/** An image with its name, that can be pressed. */
export function thumb(name, address, click) {
  return make("li", {}, make("button", { type: "button", title: name, on: { click } },
    make("img", { src: `${address}?side=320`, alt: "", loading: "lazy" }), make("span", { class: "name" }, name)));
}

/** Explain the chosen photos with a bank, or some where none are chosen. */
export function explain(name = bank.value, which = checked(concepts)) {
  document.dispatchEvent(new CustomEvent("go", { detail: "tab-explain" }));
  if (!chosen().length) choose(store.photos.slice(0, SOME));
  const asking = checked(targets).slice(0, TARGETS);
  return begin("explain", { photos: chosen(), bank: name, concepts: which, targets: asking.length ? asking : [PREDICTED] }, "explain");
}

/** Take the class that was typed in as another target. */
function aim() {
  const name = another.value.trim();
  another.value = "";
  if (!name) return;
  if (store.classes.length && !store.classes.includes(name) && !/^\d+$/.test(name)) { complain(`The network has no class '${name}'; choose one of the list.`); return; }
  complain("");
  remember("targets", [...new Set([...checked(targets), name])]);
  render();
}

/** The likeliest classes of the chosen photos, each with its greatest probability. */
function likely(photos) {
  const found = new Map();
  for (const [name, chance] of photos.flatMap((photo) => store.said[photo] ?? [])) found.set(name, Math.max(chance, found.get(name) ?? 0));
  return new Map([...found].sort((one, other) => other[1] - one[1]).slice(0, OFFERED));
}

function percent(chance) {
  return chance < 0.01 ? "under 1%" : `${Math.round(100 * chance)}%`;
}

/** The likeliest class of a photo, and the others that are worth a word. */
function classesOf(photo) {
  return store.said[photo].filter(([, chance], number) => !number || chance >= 0.01).map(([one, chance]) => `${one} ${percent(chance)}`).join(", ");
}

/** Offer classes, and request the predictions for photos without one. */
function offer(photos) {
  const unknown = photos.slice(0, ASKED).filter((name) => !store.said[name] && !asked.has(name));
  for (const name of unknown) asked.add(name);
  if (unknown.length) beginQuietly("predictions", { photos: unknown }, "predictions");
  const known = likely(photos), picked = recall("targets", [PREDICTED]);
  boxes(targets, [...new Set([PREDICTED, ...known.keys(), ...picked])], picked, () => { remember("targets", checked(targets)); render(); }, "",
    (name) => (name === PREDICTED ? "the likeliest of each photo" : known.has(name) ? `${name} (${percent(known.get(name))})` : name));
  const told = photos.filter((name) => store.said[name]);
  saying.hidden = !told.length;
  renew(said, told.map((name) => [name, store.said[name]]), () => told.map((name) => make("li", {}, make("b", {}, name), ` ${classesOf(name)}`)));
}

/** The layer to begin at: that which the bank of the map advises for place. */
function beginning({ header }) {
  const names = header.layers.map(({ name }) => name);
  const told = store.banks.find((one) => one.layers.join() === names.join() && header.concepts.every((concept) => one.concepts.includes(concept)));
  return names.indexOf(told?.place);
}

async function show(name) {
  const data = await attempt(() => explanation(name));
  if (!data) return;
  viewer.hidden = false;
  viewer.data = data;
  const at = beginning(data);
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
  const told = store.banks.find(({ name }) => name === bank.value);
  boxes(concepts, told?.concepts ?? [], recall("concepts", null) ?? told?.concepts ?? [], () => { remember("concepts", checked(concepts)); render(); });
  renew(classes, store.classes, () => store.classes.map((text) => make("option", { value: text })));
  advice.textContent = told ? told.problem : "A concept is something that people have a word for, such as stripes. There is none yet.";
  layer.textContent = told?.advice ?? "";
  first.hidden = Boolean(told);
  for (const element of looking) element.hidden = !told;
  if (told) offer(picked);
  const classesOff = checked(targets).length > TARGETS;
  const missing = [!picked.length && "photos", !checked(concepts).length && "a concept", classesOff && `at most ${TARGETS} classes`].filter(Boolean);
  needs.textContent = told && !told.problem && missing.length ? `Still to choose: ${missing.join(", ")}.` : "";
  start.disabled = !told || Boolean(told.problem) || missing.length > 0;
  fill(earlier, [...store.explanations].reverse(), recall("explanation", earlier.value));
  past.hidden = !store.explanations.length;
  const last = recall("explanation", null);
  if (viewer.hidden && store.explanations.includes(last)) show(last);
}

finished("explain", async ({ explanation: name }) => {
  await show(name);
  if (panel.hidden) document.getElementById("tab-explain").classList.add("fresh"); // who has gone elsewhere stays there
  else viewer.scrollIntoView({ block: "start" });
});
finished("examples", () => choose(store.photos));
follow(render);
