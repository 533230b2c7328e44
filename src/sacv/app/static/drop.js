// A place to drop images on, or to choose them with.

import { send } from "./api.js";
import { make } from "./dom.js";
import { complain, refresh } from "./store.js";

/** Failures that are named; of more the number is told. */
const NAMED = 5;

function told(failed) {
  const more = failed.length - NAMED;
  return [...failed.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join(" · ");
}

/** The files that are dropped, and those in folders that are; hidden ones are left out. */
export async function filesOf(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...dropped.files];
  return (await Promise.all(entries.filter(Boolean).map(within))).flat();
}

async function within(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise((given, failed) => entry.file(given, failed))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((given, failed) => reader.readEntries(given, failed)); // a hundred at a time
    if (!some.length) return (await Promise.all(found.map(within))).flat();
    found.push(...some);
  }
}

/**
 * Make the place.
 *
 * @param {string} words what to drop
 * @param {() => string[]} where path of what takes the images
 * @param {(names: string[], folder: string) => void} taken called with the names of those that were taken
 */
export function drop(words, where, taken) {
  const input = make("input", { type: "file", multiple: true, accept: "image/*", on: { change: () => { take([...input.files]); input.value = ""; } } });
  const said = make("span", { class: "soft", role: "status" }, words);
  const element = make("div", { class: "drop", on: {
    dragover: (event) => { event.preventDefault(); element.classList.add("over"); },
    dragleave: () => element.classList.remove("over"),
    drop: (event) => { event.preventDefault(); element.classList.remove("over"); filesOf(event.dataTransfer).then(take); },
  } }, make("label", { class: "file" }, "Choose files", input), said);

  async function take(files) {
    if (!files.length) return;
    complain("");
    const tell = (sent) => { said.textContent = files.length === 1 ? "Sending 1 image …" : `Sending image ${sent + 1} of ${files.length} …`; };
    const [names, failed, folder] = await send(files, where(), tell);
    await refresh();
    said.textContent = words;
    if (failed.length) complain(told(failed));
    taken(names, folder);
  }
  return element;
}
