// A place to drop pictures on, or to choose them with.

import { send } from "./api.js";
import { make } from "./dom.js";
import { complain, refresh } from "./store.js";

/**
 * Make the place.
 *
 * @param {string} words what to drop
 * @param {() => string[]} where path of what takes the pictures
 * @param {(names: string[], folder: string) => void} taken called with the names of those that were taken
 */
export function drop(words, where, taken) {
  const input = make("input", { type: "file", multiple: true, accept: "image/*", on: { change: () => { take([...input.files]); input.value = ""; } } });
  const said = make("span", { class: "soft", role: "status" }, words);
  const element = make("div", { class: "drop", on: {
    dragover: (event) => { event.preventDefault(); element.classList.add("over"); },
    dragleave: () => element.classList.remove("over"),
    drop: (event) => { event.preventDefault(); element.classList.remove("over"); take([...event.dataTransfer.files]); },
  } }, make("label", { class: "file" }, "Choose files", input), said);

  async function take(files) {
    if (!files.length) return;
    complain("");
    said.textContent = `Sending ${files.length} ${files.length === 1 ? "picture" : "pictures"} …`;
    const [names, failed, folder] = await send(files, ...where());
    await refresh();
    said.textContent = words;
    if (failed.length) complain(failed.join(" · "));
    taken(names, folder);
  }
  return element;
}
