// An area to drop images on, with a button to choose files.

import { send } from "./api.js";
import { make } from "./dom.js";
import { complain, refresh } from "./store.js";

/** Failures that are named; the rest is counted. */
const NAMED = 5;

function summary(failed) {
  const more = failed.length - NAMED;
  return [...failed.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join(" · ");
}

/** The files that are dropped, and those in dropped folders; hidden ones are left out. */
export async function filesOf(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...dropped.files];
  return (await Promise.all(entries.filter(Boolean).map(within))).flat();
}

async function within(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) return (await Promise.all(found.map(within))).flat();
    found.push(...some);
  }
}

/**
 * Create the area.
 *
 * @param {string} words what to drop
 * @param {() => string[]} where the path that the images are sent to
 * @param {(names: string[], folder: string) => void} taken called with the names of the images that were stored
 */
export function drop(words, where, taken) {
  const input = make("input", { type: "file", multiple: true, accept: "image/*", on: { change: () => { take([...input.files]); input.value = ""; } } });
  const status = make("span", { class: "soft", role: "status" }, words);
  const element = make("div", { class: "drop", on: {
    dragover: (event) => { event.preventDefault(); element.classList.add("over"); },
    dragleave: () => element.classList.remove("over"),
    drop: (event) => { event.preventDefault(); element.classList.remove("over"); filesOf(event.dataTransfer).then(take); },
  } }, make("label", { class: "file" }, "Choose files", input), status);

  async function take(files) {
    if (!files.length) return;
    complain("");
    const progress = (sent) => { status.textContent = files.length === 1 ? "Sending 1 image …" : `Sending image ${sent + 1} of ${files.length} …`; };
    const [names, failed, folder] = await send(files, where(), progress);
    await refresh();
    status.textContent = words;
    if (failed.length) complain(summary(failed));
    taken(names, folder);
  }
  return element;
}
