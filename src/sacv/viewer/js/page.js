// Fills the element of a page from its blocks, each decoded when it is first needed, and updates its address.

import "./element.js";
import { TYPES } from "./explanation.js";

function bytes(text) {
  const binary = atob(text), values = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) values[at] = binary.charCodeAt(at);
  return values;
}

const header = JSON.parse(document.getElementById("sacv-header").textContent);
const arrays = {};
for (const block of document.querySelectorAll("script[data-name]")) {
  const { name } = block.dataset;
  Object.defineProperty(arrays, name, {
    enumerable: true, configurable: true,
    get() {
      const value = new TYPES[header.arrays[name].dtype](bytes(block.textContent).buffer);
      Object.defineProperty(arrays, name, { value, enumerable: true });
      block.textContent = "";
      return value;
    },
  });
}
const viewer = document.querySelector("sacv-viewer");
viewer.data = { header, arrays };

if (location.protocol !== "about:") { // a frame of a notebook has no address of its own
  const follow = () => { if (location.hash.length > 1) viewer.open(location.hash); };
  addEventListener("hashchange", follow);
  follow();
  viewer.addEventListener("selection", () => { if (!viewer.state.missing.length) history.replaceState(null, "", viewer.fragment); });
}
