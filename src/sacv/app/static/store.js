// What there is, as the app tells it, and what this tab has chosen.

import { at, json } from "./api.js";

export const store = { photos: [], sets: {}, painted: {}, banks: [], classes: [], layers: [], explanations: [], said: {}, model: "", folder: "" };
const listeners = [];

/** Call a function now and whenever what there is may have changed. */
export function follow(listener) {
  listeners.push(listener);
}

export async function refresh() {
  Object.assign(store, await json(at("state")));
  for (const listener of listeners) listener();
}

/** What this tab has chosen, which a reload leaves as it is. */
export function recall(key, otherwise) {
  return JSON.parse(sessionStorage.getItem(`chosen ${key}`) ?? "null") ?? otherwise;
}

export function remember(key, value) {
  sessionStorage.setItem(`chosen ${key}`, JSON.stringify(value));
}

const trouble = document.getElementById("trouble");

/** Say what went wrong, until the next thing is done; files are named from the app's folder on. */
export function complain(text) {
  trouble.textContent = text.replaceAll(`${store.folder}/`, "");
  trouble.hidden = !text;
  if (text) trouble.scrollIntoView({ block: "nearest" });
}

/** Do something, and say it if it fails. */
export async function attempt(work) {
  complain("");
  try {
    return await work();
  } catch (error) {
    complain(error.message);
    return undefined;
  }
}
