// The state of the app, and the selections of this tab.

import { at, json } from "./api.js";

export const store = { photos: [], sets: {}, painted: {}, banks: [], classes: [], layers: [], explanations: [], said: {}, model: "", folder: "" };
const listeners = [];

/** Call a function whenever the state may have changed. */
export function follow(listener) {
  listeners.push(listener);
}

export async function refresh() {
  Object.assign(store, await json(at("state")));
  for (const listener of listeners) listener();
}

/** A selection of this tab, which survives a reload. */
export function recall(key, otherwise) {
  return JSON.parse(sessionStorage.getItem(`chosen ${key}`) ?? "null") ?? otherwise;
}

export function remember(key, value) {
  sessionStorage.setItem(`chosen ${key}`, JSON.stringify(value));
}

const trouble = document.getElementById("trouble");

/** Show an error until the next action; paths are relative to the folder of the app. */
export function complain(text) {
  trouble.textContent = text.replaceAll(`${store.folder}/`, "");
  trouble.hidden = !text;
  if (text) trouble.scrollIntoView({ block: "nearest" });
}

/** Run an action, and show its error if it fails. */
export async function attempt(work) {
  complain("");
  try {
    return await work();
  } catch (error) {
    complain(error.message);
    return undefined;
  }
}
