// The tab that removes a concept, or the pixels, from a painted region and shows how the scores change.

import { button, field, fill, make } from "./dom.js";
import { begin, finished } from "./jobs.js";
import { Painter } from "./paint.js";
import { attempt, complain, follow, recall, remember, store } from "./store.js";

const WAYS = [["concept", "a concept"], ["grey", "the pixels (mean colour)"], ["blur", "the pixels (blurred)"]];
const panel = document.getElementById("whatif");
const stored = (key, element) => { element.addEventListener("change", () => { remember(key, element.value); render(); }); return element; };
const photo = make("select", { on: { change: () => open(photo.value) } });
const how = stored("way", make("select", {}, WAYS.map(([value, text]) => make("option", { value }, text))));
const bank = stored("whatif bank", make("select")), concept = stored("whatif concept", make("select")), layer = stored("whatif layer", make("select"));
const inside = make("div", { class: "row" }, field("From the bank", bank), field("Concept", concept), field("Layer", layer));
const painter = new Painter(() => { remember("whatif strokes", [photo.value, painter.operations]); render(); });
const start = button("See what changes", () => compute(), { class: "main" });
const needs = make("p", { class: "soft", role: "status" });
const answer = make("div", { role: "status" });

how.value = recall("way", "concept");
panel.append(make("div", { class: "columns" },
  make("div", { class: "card" }, make("h2", {}, "Paint the region"), make("div", { class: "row" }, field("Photo", photo)), painter.element),
  make("div", { class: "card" }, make("h2", {}, "Remove from it"), make("div", { class: "row" }, field("What", how)), inside, start, needs, answer)));

async function open(name) {
  remember("whatif photo", name);
  remember("whatif answer", null);
  await draw(name);
}

/** Show a photo with the strokes that this tab has painted on it. */
async function draw(name) {
  const [of, strokes] = recall("whatif strokes", ["", []]);
  showChanges(recall("whatif answer", null));
  if (name) await attempt(() => painter.open(name, null, of === name ? strokes : []));
  render();
}

async function compute() {
  if (painter.empty) { complain("Paint a region of the photo first."); return; }
  const png = await painter.png(), bytes = new Uint8Array(await png.arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  await begin("what-if", { photo: photo.value, how: how.value, mask: btoa(binary), bank: bank.value, concept: concept.value, layer: layer.value }, "whatif");
}

function number(value) {
  return value.toFixed(2);
}

function percent(value) {
  return `${(100 * value).toFixed(1)}%`;
}

/** Show how the scores changed, if they were computed. */
function showChanges(classes) {
  if (!classes) { answer.replaceChildren(); return; }
  const [most] = [...classes].sort((one, other) => Math.abs(other.after - other.before) - Math.abs(one.after - one.before));
  const change = most.after - most.before;
  answer.replaceChildren(
    make("p", {}, make("b", {}, Math.abs(change) < 0.005 ? "Hardly anything changes." : `${most.name} changes most: its score ${change < 0 ? "falls" : "rises"} by ${number(Math.abs(change))}.`)),
    make("table", {}, make("caption", { class: "soft" }, "Scores are logits, before the softmax."), make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "class"), ...["before", "after", "change", "probability"].map((text) => make("th", { scope: "col", class: "number" }, text)))),
      make("tbody", {}, classes.map((one) => make("tr", {}, make("th", { scope: "row" }, one.name),
        ...[number(one.before), number(one.after), `${one.after < one.before ? "\u2212" : "+"}${number(Math.abs(one.after - one.before))}`, `${percent(one.probability[0])} → ${percent(one.probability[1])}`].map((text) => make("td", { class: "number" }, text)))))));
}

finished("whatif", ({ classes }) => {
  remember("whatif answer", classes);
  showChanges(classes);
});

function render() {
  fill(photo, store.photos, recall("whatif photo", photo.value));
  const usable = store.banks.filter((one) => !one.problem);
  fill(bank, usable.map((one) => one.name), recall("whatif bank", bank.value));
  const selected = usable.find((one) => one.name === bank.value);
  fill(concept, selected?.concepts ?? [], recall("whatif concept", concept.value));
  fill(layer, selected?.layers ?? [], recall("whatif layer", layer.value || selected?.contribution));
  inside.hidden = how.value !== "concept";
  needs.textContent = !photo.value ? "Drop photos in 'See the map' first." : painter.empty ? "Still missing: a region, painted on the photo."
    : how.value === "concept" && !concept.value ? "Still missing: a concept; make one first, or remove the pixels." : "";
  start.disabled = !photo.value || painter.empty || (how.value === "concept" && !concept.value);
}

document.addEventListener("shown", (event) => {
  if (event.detail === "tab-whatif" && painter.element.hidden && photo.value) draw(photo.value);
});
follow(render);
