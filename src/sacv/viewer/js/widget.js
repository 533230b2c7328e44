// Fills the element from the state of a notebook's widget, and sends the selection back.

import "./element.js";
import { TYPES } from "./explanation.js";

/** The arrays of a widget, stored one after the other. */
function arraysOf(header, content) {
  const arrays = {};
  let from = content.byteOffset;
  for (const [name, { dtype, shape }] of Object.entries(header.arrays)) {
    const Type = TYPES[dtype], size = shape.reduce((a, b) => a * b, 1) * Type.BYTES_PER_ELEMENT;
    arrays[name] = new Type(content.buffer.slice(from, from + size)); // the copy is aligned to its type
    from += size;
  }
  return arrays;
}

/** "light" or "dark" as in Jupyter or VS Code; null where the system decides. */
function themeOf({ dataset, classList }) {
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "true" ? "light" : "dark";
  return classList.contains("vscode-dark") ? "dark" : classList.contains("vscode-light") ? "light" : null;
}

function render({ model, el }) {
  const header = JSON.parse(model.get("header")), viewer = document.createElement("sacv-viewer"), theme = themeOf(document.body);
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab must not act on the same keys
  el.addEventListener("keydown", (event) => { // at each key JupyterLab would move the focus to the active cell, and scroll there
    viewer.pressed(event);
    event.stopPropagation();
  });
  if (theme) viewer.setAttribute("theme", theme);
  el.append(viewer);
  viewer.data = { header, arrays: arraysOf(header, model.get("content")) };
  const send = () => { model.set("selection", viewer.selection); model.save_changes(); };
  viewer.addEventListener("selection", send);
  if (!model.get("selection")) send();
  return () => viewer.explanation.close();
}

export default { render };
