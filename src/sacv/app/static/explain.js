// Photos, concepts and a target, and the map of them.

import { ask, at, explanation } from "./api.js";
import { boxes, button, checked, field, fill, make, renew } from "./dom.js";
import { drop } from "./drop.js";
import { begin, finished } from "./jobs.js";
import { attempt, follow, recall, refresh, remember, store } from "./store.js";

const PREDICTED = "predicted";
const panel = document.getElementById("explain");
const thumbs = make("ul", { class: "thumbs" });
const count = make("p", { class: "soft", role: "status" });
const bank = make("select", { on: { change: () => { remember("bank", bank.value); remember("concepts", null); render(); } } });
const concepts = make("div", { class: "choices" });
const classes = make("datalist", { id: "classes" });
const target = make("input", { type: "text", list: "classes", value: recall("target", PREDICTED), on: { change: () => remember("target", target.value) } });
const start = button("Show the map", () => explain(), { class: "main" });
const advice = make("p", { class: "soft" });
const first = button("Make a concept", () => document.dispatchEvent(new CustomEvent("go", { detail: "tab-concept" })), { class: "main" });
const looking = [
  make("div", { class: "row" }, field("Concepts from", bank)),
  make("fieldset", {}, make("legend", {}, "Concepts"), concepts),
  make("div", { class: "row" }, field("Does it count for this class? (predicted: the likeliest of each photo)", target), classes), start,
];
const earlier = make("select", { on: { change: () => show(earlier.value) } });
const past = make("div", { class: "row" }, field("Maps made so far", earlier));
const viewer = make("sacv-viewer", { hidden: true });
const examples = button("Add example pictures", () => begin("examples", {}, "examples"));
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

/** Show which of some pictures are pressed. */
export function press(list, names) {
  for (const one of list.querySelectorAll("button")) one.setAttribute("aria-pressed", String(names.includes(one.title)));
}

/** A picture with its name, that can be pressed. */
export function thumb(name, address, click) {
  return make("li", {}, make("button", { type: "button", title: name, on: { click } },
    make("img", { src: `${address}?side=320`, alt: "", loading: "lazy" }), make("span", { class: "name" }, name)));
}

/** Explain the chosen photos with a bank. */
export function explain(name = bank.value, which = checked(concepts)) {
  return begin("explain", { photos: chosen(), bank: name, concepts: which, targets: [target.value.trim() || PREDICTED] }, "explain");
}

async function show(name) {
  const data = await attempt(() => explanation(name));
  if (!data) return;
  viewer.hidden = false;
  viewer.data = data;
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
  renew(classes, store.classes, () => [PREDICTED, ...store.classes].map((text) => make("option", { value: text })));
  advice.textContent = told ? told.problem : "A concept is something that people have a word for, such as stripes. There is none yet.";
  first.hidden = Boolean(told);
  for (const element of looking) element.hidden = !told;
  start.disabled = !told || Boolean(told.problem) || !picked.length || !checked(concepts).length;
  start.title = !picked.length ? "Choose photos first" : "";
  fill(earlier, [...store.explanations].reverse(), recall("explanation", earlier.value));
  past.hidden = !store.explanations.length;
  const last = recall("explanation", null);
  if (viewer.hidden && store.explanations.includes(last)) show(last);
}

finished("explain", async ({ explanation: name }) => {
  document.dispatchEvent(new CustomEvent("go", { detail: "tab-explain" }));
  await show(name);
  viewer.scrollIntoView({ block: "start" });
});
finished("examples", () => choose(store.photos));
follow(render);
