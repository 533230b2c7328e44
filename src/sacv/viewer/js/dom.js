// Elements from text that is never read as markup.

/** Create an element: `on` holds its listeners, `null` children are left out, and text stays text. */
export function make(tag, { on = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const [kind, listener] of Object.entries(on)) element.addEventListener(kind, listener);
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

/** A word whose meaning is shown on hover or click. */
export function term(text, meaning, show) {
  return make("button", { class: "term", type: "button", title: meaning, on: { click: () => show(text, meaning) } }, text);
}

/** A picker with a label; `choices` are texts, by number. */
export function picker(label, id, choices, titles, choose) {
  const select = make("select", { id, on: { change: () => choose(Number(select.value)) } });
  choices.forEach((text, number) => select.append(make("option", { value: number, title: titles[number] }, text)));
  const element = make("label", { class: "picker", for: id }, make("span", {}, label), select);
  return { element, select };
}
