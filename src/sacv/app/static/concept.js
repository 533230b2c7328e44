// The tab that makes a concept from images or from painted regions: fit it, show its quality, save it.

import { at, json, post, request } from "./api.js";
import { boxes, button, checked, field, fill, make, renew } from "./dom.js";
import { drop } from "./drop.js";
import { explain, press, thumb } from "./explain.js";
import { begin, finished } from "./jobs.js";
import { Painter } from "./paint.js";
import { attempt, complain, follow, recall, refresh, remember, store } from "./store.js";

const NONE = "(none)";
const panel = document.getElementById("concept");
const stored = (key, element) => { element.addEventListener("change", () => { remember(key, element.value); render(); }); return element; };
const name = stored("name", make("input", { type: "text", list: "painted", value: recall("name", ""), placeholder: "such as striped" }));
const how = { images: radio("pictures", "images that show it"), painted: radio("painted", "regions I paint on my photos") };
const shown = stored("shown", make("select"));
const remove = button("Remove the set", () => attempt(async () => {
  await request(at("sets", removed.value), { method: "DELETE" });
  await refresh();
}));
const random = make("div", { class: "choices" });
const context = make("div", { class: "choices" }), absent = make("div", { class: "choices" });
const layers = make("div", { class: "choices" }), others = make("div", { class: "choices" }), count = make("summary");
const groups = stored("groups", make("input", { type: "text", value: recall("groups", ""), placeholder: "such as (patient\\d+)", spellcheck: "false" }));
const names = make("datalist", { id: "painted" });
const removed = make("select");
const needs = make("p", { class: "soft", role: "status" });
const photos = make("ul", { class: "thumbs" });
const painter = new Painter(() => sendMask());
const download = make("a", { download: "" }, "Export the masks (COCO)");
const start = button("Make the concept", () => fit(), { class: "main" });
const drafts = make("select", { on: { change: () => { remember("draft", drafts.value); render(); } } });
const cards = make("div"), saving = button("Save", () => save());
let sent = Promise.resolve();
const status = make("p", { role: "status" });
const bank = make("input", { type: "text", list: "banks", value: recall("save", "my-bank"), on: { input: () => { remember("save", bank.value); render(); } } });
const banks = make("datalist", { id: "banks" });
const result = make("div", { class: "card" }, make("h2", {}, "How good is it?"), make("div", { class: "row" }, field("Concept", drafts)), cards,
  make("div", { class: "row" }, button("Show it on my photos", () => showMap(), { class: "main" }), field("Save to the bank", bank), banks, saving));
const byImages = make("div", {}, make("div", { class: "row" }, field("Concept images", shown)), uploads("shown", "or drop images that show it, 20 or more.", () => name.value.trim() || "concept", (set) => remember("shown", set)));
const byPaint = make("div", {}, make("p", { class: "soft" }, "Give the concept a name, choose a photo, and paint the regions that show the concept, on two photos or, better, on five or more. Photos with a tick have a mask. Everything else in these photos counts as not showing it."), photos, painter.element, download);

const inScenes = make("div", {}, make("fieldset", {}, make("legend", {}, "Context images: photos without it, into which textures are pasted, so that the concept is learned within scenes"), context), uploads("context", "or drop such photos.", () => "scenes", (set) => remember("context", [...recall("context", []), set])));

panel.append(
  make("div", { class: "columns" },
    make("div", { class: "card" }, make("h2", {}, "What shows the concept?"), make("div", { class: "row" }, field("Its name", name), names),
      make("fieldset", {}, make("legend", {}, "I have"), make("div", { class: "choices" }, how.images.element, how.painted.element)), byImages, byPaint),
    make("div", { class: "card" }, make("h2", {}, "What does not?"),
      make("p", { class: "soft" }, "Images that differ from those of the concept only in the concept."),
      make("fieldset", {}, make("legend", {}, "Random images"), random), uploads("random", "or drop images without it.", () => "other", (set) => remember("random", [...recall("random", []), set])),
      make("fieldset", {}, make("legend", {}, "Layers of the network to compare"), layers),
      make("details", {}, count, others),
      make("details", {}, make("summary", {}, "More: absent images, context images, groups"),
        make("fieldset", {}, make("legend", {}, "Absent images: 19 or more photos like yours without it, to calibrate the presence mask"), absent), uploads("absent", "or drop such photos.", () => "without it", (set) => remember("absent", [...recall("absent", []), set])),
        inScenes,
        make("div", { class: "row" }, field("Groups of images, such as those of one patient: a regular expression on their names", groups)),
        make("div", { class: "row" }, field("A set to remove", removed), remove)), start, needs)),
  result, status,
);

function radio(value, text) {
  const input = make("input", { type: "radio", name: "how", value, on: { change: () => { remember("how", value); render(); } } });
  input.checked = recall("how", "pictures") === value;
  return { input, element: make("label", {}, input, ` ${text}`) };
}

function uploads(key, words, set, taken) {
  return drop(words, () => ["sets", set()], (names, folder) => { if (names.length) { taken(folder); render(); } });
}

/** Send the changed mask after all earlier ones, so that the last one is stored. */
function sendMask() {
  const address = at("masks", name.value.trim(), recall("painting", null)), png = painter.png();
  sent = sent.then(() => attempt(async () => {
    await request(address, { method: "PUT", body: await png });
    await refresh();
  }));
}

async function open(photo) {
  remember("painting", photo);
  await sent;
  const there = store.painted[name.value.trim()]?.includes(photo);
  await attempt(() => painter.open(photo, there ? at("masks", name.value.trim(), photo) : null));
  render();
}

function fit() {
  status.textContent = "";
  const painted = how.painted.input.checked;
  return begin("fit", {
    concept: name.value.trim(), shown: painted ? "" : shown.value, random: checked(random), context: painted ? [] : checked(context), absent: checked(absent), layers: [...checked(layers), ...checked(others)], groups: groups.value.trim(),
  }, "fit");
}

async function card() {
  const content = drafts.value ? await attempt(() => json(at("banks", drafts.value))) : null, each = content?.cards ?? [];
  const first = each.filter((one) => one.layer === content.place), rest = each.filter((one) => one.layer !== content.place);
  cards.replaceChildren(...first.map(quality), make("p", {}, content?.advice ?? ""),
    rest.length ? make("details", {}, make("summary", {}, "At its other layers"), rest.map(quality)) : "");
}

/** The quality of a concept at a layer. */
function quality(one) {
  return make("div", {}, make("p", {}, make("b", {}, one.words)),
    [...one.weak.map((text) => `Too weak: ${text}.`), ...one.remarks.map((text) => `Note: ${text}.`)].map((text) => make("p", { class: "warning" }, text)),
    make("details", {}, make("summary", {}, "Figures"), make("table", {}, make("tbody", {}, one.figures.map(([label, text]) => make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, text)))))));
}

function showMap() {
  if (!store.photos.length) { complain("There are no photos yet; drop some in 'See the map'."); return; }
  explain(drafts.value, []);
}

/** Whether saving the draft would replace a concept of the bank. */
function replaced() {
  const of = (one) => store.banks.find(({ name: known }) => known === one)?.concepts ?? [];
  return of(drafts.value).some((concept) => of(bank.value.trim()).includes(concept));
}

async function save() {
  await attempt(async () => {
    const { bank: saved } = await post("save", { draft: drafts.value, bank: bank.value.trim(), instead: replaced() });
    remember("bank", saved);
    remember("concepts", null);
    await refresh();
    status.textContent = `Saved to the bank ${saved}. It can be chosen in 'See the map' and in 'What if'.`;
  });
}

/** Offer the advised layers, and all others in a folded list. */
function offerLayers() {
  const known = store.layers.map((layer) => layer.name), picked = recall("layers", []).filter((layer) => known.includes(layer));
  const now = picked.length ? picked : store.layers.filter((layer) => layer.first).map((layer) => layer.name);
  const changed = () => { remember("layers", [...checked(layers), ...checked(others)]); render(); };
  const labels = Object.fromEntries(store.layers.map(({ name: layer, grid }) => [layer, `${layer} (${grid.join(" × ")} locations)`]));
  const some = (worth) => store.layers.filter((layer) => layer.worth === worth).map((layer) => layer.name);
  boxes(layers, some(true), now, changed, "", (layer) => labels[layer]);
  boxes(others, some(false), now, changed, "", (layer) => labels[layer]);
  count.textContent = `${some(false).length} more layers`;
  count.parentElement.hidden = !some(false).length;
}

function render() {
  const sets = Object.keys(store.sets), painted = how.painted.input.checked;
  byImages.hidden = painted;
  fill(removed, sets.length ? sets : [NONE]);
  remove.disabled = !sets.length;
  inScenes.hidden = painted;
  names.replaceChildren(...Object.keys(store.painted).map((text) => make("option", { value: text })));
  byPaint.hidden = !painted;
  fill(shown, sets.length ? sets : [NONE], recall("shown", shown.value));
  for (const [key, element] of [["random", random], ["context", context], ["absent", absent]]) {
    const choices = sets.filter((set) => painted || set !== shown.value);
    boxes(element, choices, recall(key, []), () => { remember(key, checked(element)); render(); }, "No other sets yet.", (set) => `${set} (${store.sets[set].length})`);
  }
  offerLayers();
  const masked = store.painted[name.value.trim()] ?? [];
  renew(photos, store.photos, () => store.photos.map((photo) => thumb(photo, at("photos", photo), () => open(photo))));
  press(photos, [recall("painting", null)]);
  for (const one of photos.querySelectorAll("button")) {
    one.classList.toggle("painted", masked.includes(one.title));
    one.disabled = !name.value.trim();
  }
  download.hidden = !masked.length;
  download.href = at("masks", name.value.trim());
  const missing = [!name.value.trim() && "a name", painted && !masked.length && "a painted photo", !painted && !sets.length && "images that show it",
    !painted && !checked(random).length && "images without it", !checked(layers).length && !checked(others).length && "a layer"].filter(Boolean);
  needs.textContent = missing.length ? `Still missing: ${missing.join(", ")}.` : "";
  start.disabled = missing.length > 0;
  const waiting = store.banks.filter((one) => one.name.startsWith("draft: ")).map((one) => one.name);
  fill(drafts, waiting, recall("draft", drafts.value));
  result.hidden = !waiting.length;
  saving.textContent = replaced() ? "Replace it there" : "Save";
  saving.disabled = !bank.value.trim();
  banks.replaceChildren(...store.banks.filter((one) => !one.name.startsWith("draft: ")).map((one) => make("option", { value: one.name })));
  if (drafts.value !== cards.dataset.of) { cards.dataset.of = drafts.value; card(); }
}

name.addEventListener("input", () => { remember("name", name.value); render(); });
name.addEventListener("change", () => { if (!painter.element.hidden) open(recall("painting", null)); });
document.addEventListener("shown", (event) => {
  const photo = recall("painting", null);
  if (event.detail === "tab-concept" && how.painted.input.checked && painter.element.hidden && store.photos.includes(photo)) open(photo);
});
finished("fit", async ({ bank: draft }) => {
  remember("draft", draft);
  drafts.value = draft;
  await card();
  result.scrollIntoView({ block: "nearest" });
});
follow(render);
