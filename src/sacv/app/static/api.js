// Requests from the page to the app.

import { TYPES } from "/viewer/explanation.js";

/** The identifier of this tab, whose polling holds its jobs alive. */
export const tab = sessionStorage.getItem("tab") ?? crypto.getRandomValues(new Uint32Array(3)).join("-");
sessionStorage.setItem("tab", tab);

/** Send a request; a refusal throws an error with the message of the app. */
export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The app does not answer; is 'sacv app' still running?");
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try { message = JSON.parse(text).error ?? text; } catch { /* plain text */ }
  throw new Error(message || `The app answered with status ${response.status}.`);
}

export async function json(path, options) {
  return (await request(path, options)).json();
}

/** Return the path of a resource, whose names may have any character. */
export function at(...names) {
  return `/api/${names.map(encodeURIComponent).join("/")}`;
}

export function post(name, fields) {
  return json(at(name), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ tab, ...fields }) });
}

/** Send images one after the other, calling `sent` with the number sent; a broken one fails alone. Returns [names, failures, folder]. */
export async function send(files, where, sent) {
  const names = [], failures = [];
  let folder = "";
  for (const [number, file] of files.entries()) {
    sent(number);
    try {
      const saved = await json(at(...where, file.name), { method: "PUT", body: file });
      names.push(saved.name);
      folder = saved.folder;
    } catch (error) {
      failures.push(`${file.name}: ${error.message}`);
    }
  }
  return [names, failures, folder];
}

/** Read the data of the viewer: see sacv/app/serialization.py. */
export async function explanation(name) {
  const buffer = await (await request(at("explanations", name))).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  let start = 4 + length;
  for (const [key, { dtype, shape }] of Object.entries(header.arrays)) {
    const count = shape.reduce((a, b) => a * b, 1);
    arrays[key] = new TYPES[dtype](buffer, start, count);
    start += 4 * Math.ceil(arrays[key].byteLength / 4);
  }
  return { header, arrays };
}
