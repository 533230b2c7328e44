// Fills the element from the state of a notebook's widget, and sends back what is chosen.

import "./element.js";

const TYPES = { f2: Uint16Array, f4: Float32Array, u1: Uint8Array };

/** The arrays of a widget, which lie one after the other. */
function arraysOf(header, content) {
  const arrays = {};
  let from = content.byteOffset;
  for (const [name, { dtype, shape }] of Object.entries(header.arrays)) {
    const Type = TYPES[dtype], size = shape.reduce((a, b) => a * b, 1) * Type.BYTES_PER_ELEMENT;
    arrays[name] = new Type(content.buffer.slice(from, from + size)); // a copy begins where its numbers may
    from += size;
  }
  return arrays;
}

/** "light" or "dark" as Jupyter or VS Code say; null where the system decides. */
function themeOf({ dataset, classList }) {
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "true" ? "light" : "dark";
  return classList.contains("vscode-dark") ? "dark" : classList.contains("vscode-light") ? "light" : null;
}

function render({ model, el }) {
  const header = JSON.parse(model.get("header")), viewer = document.createElement("sacv-viewer"), theme = themeOf(document.body);
  el.dataset.lmSuppressShortcuts = "true"; // of JupyterLab, whose keys would do something else besides
  el.addEventListener("keydown", (event) => { // at each key JupyterLab would take the focus to the cell that is active, and scroll there
    viewer.pressed(event);
    event.stopPropagation();
  });
  if (theme) viewer.setAttribute("theme", theme);
  el.append(viewer);
  viewer.data = { header, arrays: arraysOf(header, model.get("content")) };
  const tell = () => { model.set("selection", viewer.selection); model.save_changes(); };
  viewer.addEventListener("selection", tell);
  if (!model.get("selection")) tell();
  return () => viewer.found.close();
}

export default { render };
