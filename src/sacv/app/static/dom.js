// Controls of the page, made as the viewer makes its elements.

import { make } from "/viewer/dom.js";

export { make };

export function button(text, click, attributes = {}) {
  return make("button", { type: "button", on: { click }, ...attributes }, text);
}

/** A control under its label. */
export function field(label, control) {
  return make("label", { class: "field" }, make("span", {}, label), control);
}

/** Put children into an element, unless they would be those that are there: a press or the focus outlasts it. */
export function renew(element, key, children) {
  const text = JSON.stringify(key);
  if (element.dataset.key === text) return;
  element.dataset.key = text;
  element.replaceChildren(...children());
}

/** Fill a select with texts, and keep what was chosen if it is still there. */
export function fill(select, texts, chosen = select.value) {
  renew(select, texts, () => texts.map((text) => make("option", { value: text }, text)));
  if (texts.includes(chosen)) select.value = chosen;
}

/** Fill an element with boxes to check, one for each text, as `words` put it; `chosen` are checked. */
export function boxes(element, texts, chosen, changed, nothing = "", words = (text) => text) {
  renew(element, texts.map((text) => [text, words(text)]), () => (texts.length || !nothing ? texts.map((text) => make("label", {}, make("input", { type: "checkbox", value: text, on: { change: changed } }), ` ${words(text)}`)) : [make("span", { class: "soft" }, nothing)]));
  for (const box of element.querySelectorAll("input")) box.checked = chosen.includes(box.value);
}

export function checked(element) {
  return [...element.querySelectorAll("input:checked")].map((box) => box.value);
}
