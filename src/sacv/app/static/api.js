// What the page asks of the app.

/** This tab: it holds the work that it asked for by inquiring after it. */
export const tab = sessionStorage.getItem("tab") ?? crypto.getRandomValues(new Uint32Array(3)).join("-");
sessionStorage.setItem("tab", tab);

/** Ask for something; what is refused is an error with the app's own words. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The app does not answer; is 'sacv app' still running?");
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let told = text;
  try { told = JSON.parse(text).error ?? text; } catch { /* it is plain text */ }
  throw new Error(told || `The app answered with status ${answer.status}.`);
}

export async function json(path, options) {
  return (await ask(path, options)).json();
}

/** Give the path of something whose names may hold any character. */
export function at(...names) {
  return `/api/${names.map(encodeURIComponent).join("/")}`;
}

export function post(name, fields) {
  return json(at(name), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ tab, ...fields }) });
}

/** Send images one after the other, telling how many are sent; a broken one fails alone. Gives [names taken, words of what failed, folder]. */
export async function send(files, where, sent) {
  const taken = [], failed = [];
  let folder = "";
  for (const [number, file] of files.entries()) {
    sent(number);
    try {
      const told = await json(at(...where, file.name), { method: "PUT", body: file });
      taken.push(told.name);
      folder = told.folder;
    } catch (error) {
      failed.push(`${file.name}: ${error.message}`);
    }
  }
  return [taken, failed, folder];
}

/** Read what the viewer draws: see sacv/app/wire.py. */
export async function explanation(name) {
  const buffer = await (await ask(at("explanations", name))).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const kinds = { f2: Uint16Array, f4: Float32Array, u1: Uint8Array }, arrays = {};
  let start = 4 + length;
  for (const [key, { dtype, shape }] of Object.entries(header.arrays)) {
    const count = shape.reduce((a, b) => a * b, 1);
    arrays[key] = new kinds[dtype](buffer, start, count);
    start += 4 * Math.ceil(arrays[key].byteLength / 4);
  }
  return { header, arrays };
}
