// Controls of the page, built on the elements of the viewer.

import { make } from "/viewer/dom.js";

export { make };

export function button(text, click, attributes = {}) {
  return make("button", { type: "button", on: { click }, ...attributes }, text);
}

/** A control under its label. */
export function field(label, control) {
  return make("label", { class: "field" }, make("span", {}, label), control);
}

/** Replace the children of an element if `key` has changed; else clicks and the focus are not interrupted. */
export function renew(element, key, children) {
  const text = JSON.stringify(key);
  if (element.dataset.key === text) return;
  element.dataset.key = text;
  element.replaceChildren(...children());
}

/** Fill a select with texts, and select `chosen` if it is one of them. */
export function fill(select, texts, chosen = select.value) {
  renew(select, texts, () => texts.map((text) => make("option", { value: text }, text)));
  if (texts.includes(chosen)) select.value = chosen;
}

/** Fill an element with a checkbox for each text, labelled by `words`; those in `chosen` are checked. */
export function boxes(element, texts, chosen, changed, nothing = "", words = (text) => text) {
  renew(element, texts.map((text) => [text, words(text)]), () => (texts.length || !nothing ? texts.map((text) => make("label", {}, make("input", { type: "checkbox", value: text, on: { change: changed } }), ` ${words(text)}`)) : [make("span", { class: "soft" }, nothing)]));
  for (const box of element.querySelectorAll("input")) box.checked = chosen.includes(box.value);
}

export function checked(element) {
  return [...element.querySelectorAll("input:checked")].map((box) => box.value);
}
