// The parts beside and below the image: values at a location, the table of scores, details and provenance.

import { make, term } from "./dom.js";
import { MEANING, number, percent, signed } from "./words.js";

const POINT = "Point at the image";

/** The values of every concept at a location. */
export class Values {
  constructor(explanation, choose, show) {
    this.explanation = explanation;
    this.title = make("h2", {}, POINT);
    this.rows = explanation.concepts.map((concept, at) => {
      const cells = Array.from({ length: 4 }, () => make("td", {}, " "));
      const name = make("button", { type: "button", class: "plain", on: { click: () => choose(at) } }, concept);
      return { element: make("tr", {}, make("th", { scope: "row" }, name), ...cells), cells };
    });
    const head = (text, meaning) => make("th", { scope: "col" }, term(text, meaning, show));
    this.element = make("section", { class: "card at-location", "aria-label": "values at a location" }, this.title, make("table", { class: "values" },
      make("thead", {}, make("tr", {}, make("td"), head("relevance", MEANING.relevance), head("contribution", `${MEANING.contribution}${explanation.header.meaning}.`),
        head("present", MEANING.present), head("significant", MEANING.chance))),
      make("tbody", {}, this.rows.map(({ element }) => element))));
  }

  render(view, cell, pinned) {
    const { explanation } = this, [rows, columns] = explanation.shape(view), at = cell && cell[0] * columns + cell[1];
    this.title.textContent = cell ? `${pinned ? "Pinned: row" : "Row"} ${cell[0] + 1} of ${rows}, column ${cell[1] + 1} of ${columns}` : POINT;
    this.rows.forEach(({ element, cells }, concept) => {
      element.classList.toggle("current", concept === view.concept);
      const here = { ...view, concept }, value = (kind) => explanation.flat(kind, here)?.values[at];
      const texts = cell ? [
        number(value("relevance")),
        explanation.offers("contribution", here) ? signed(value("contribution")) : "",
        explanation.offers("present", here) ? (value("present") ? "yes" : "no") : "",
        ["", "relevance", "contribution", "both"][(value("relevance_marks") ?? 0) + 2 * (value("contribution_marks") ?? 0)],
      ] : ["", "", "", ""];
      texts.forEach((text, column) => { if (cells[column].firstChild.data !== text) cells[column].firstChild.data = text; });
    });
  }
}

/** Scores of concepts at layers, with their intervals and the quality of the CAVs. */
export class Scores {
  constructor(explanation, choose, show) {
    this.explanation = explanation;
    this.choose = choose;
    this.cells = [];
    const { concepts, layers, targets, header } = explanation;
    const columns = layers.flatMap((_, layer) => targets.map((_, target) => ({ layer, target })));
    const heads = columns.map(({ layer, target }) => make("th", { scope: "col" }, layers[layer].name + (targets.length > 1 ? `, ${targets[target]}` : "")));
    const most = Math.max(...concepts.flatMap((_, concept) => columns.map((at) => Math.abs(explanation.summary({ concept, ...at })[0])))) || 1;
    const body = concepts.map((name, concept) => make("tr", {}, make("th", { scope: "row", title: name }, name), columns.map((at) => make("td", {}, this.cell({ concept, ...at }, most)))));
    this.element = make("section", { class: "scores", "aria-label": "scores of all concepts and layers" },
      make("h2", {}, "All concepts and layers"),
      make("p", { class: "soft" }, term("SACV score", MEANING.score, show), header.count > 1 ? `, the mean over ${header.count} images` : " of this image",
        `, in ${[...new Set(header.units)].join(" or ")}, with its 95 % interval; circles: `, term("held-out AUROC of the CAV", MEANING.quality, show), "."),
      make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "table of scores" },
        make("table", {}, make("thead", {}, make("tr", {}, make("td"), heads)), make("tbody", {}, body))));
  }

  render(view) {
    for (const { at, element } of this.cells) {
      element.setAttribute("aria-pressed", String(["concept", "layer", "target"].every((name) => at[name] === view[name])));
    }
  }

  cell(at, most) {
    const { explanation } = this, card = explanation.header.cards[at.layer][at.concept], [mean, low, high] = explanation.summary(at);
    const circle = card.weak ? "weak" : card.auroc >= 0.9 ? "●" : card.auroc >= 0.75 ? "◐" : "○";
    const title = `AUROC ${card.auroc.toFixed(3)} (${card.interval[0].toFixed(3)} to ${card.interval[1].toFixed(3)})`;
    const interval = Number.isFinite(low) ? ` ${number(low)} to ${number(high)}` : "";
    const silent = explanation.silent(at), meter = make("span", { class: mean > 0 ? "meter for" : "meter against" });
    meter.style.width = silent ? "0" : `${(100 * Math.abs(mean)) / most}%`;
    const element = make("button", { type: "button", class: "plain", title, on: { click: () => this.choose(at) } },
      make("span", { class: "mean" }, silent ? "none" : signed(mean)), make("span", { class: "soft" }, interval),
      make("span", { class: "quality" }, ` ${circle}`), meter);
    this.cells.push({ at, element });
    return element;
  }
}

const NUMBERS = [
  ["share with relevance above 0", "relevant", percent], ["largest relevance", "relevance_max", number], ["image score", "image_score", number],
  ["p of the image score", "image_p", number], ["SACV score", "sacv_score", number], ["its positive part", "sacv_positive", number],
  ["its negative part", "sacv_negative", number], ["contribution of all locations", "contribution_sum", number], ["share inside the presence mask", "present", percent],
  ["share inside the significance mask", "relevance_significant", percent], ["share of locations that count", "inside", percent],
];

/** The figures of the image and of the CAV, and the provenance. */
export class Details {
  constructor(explanation, show) {
    this.explanation = explanation;
    this.show = show;
    this.image = make("div");
    this.quality = make("div");
    const facts = explanation.header.facts.map(([label, text]) => entry(label, text));
    this.element = make("section", { class: "details", "aria-label": "details" },
      make("details", { class: "of-image" }, make("summary", {}, "This image in numbers"), this.image),
      make("details", { class: "of-concept" }, make("summary", {}, "How well the concept is recognised here"), this.quality),
      make("details", { class: "made" }, make("summary", {}, "How this was made"), make("dl", {}, facts),
        explanation.header.warnings.map((text) => make("p", {}, text))));
  }

  /** @param {Array} shown texts of the checks that the page shows elsewhere */
  render(view, shown) {
    const { explanation } = this, image = explanation.images[view.image], card = explanation.header.cards[view.layer][view.concept];
    const layer = explanation.layers[view.layer], [target, value] = image.targets[view.target], valueName = explanation.header.values[view.target];
    const numbers = NUMBERS.map(([label, name, format]) => [label, explanation.score(name, view), format]).filter(([, score]) => Number.isFinite(score));
    this.image.replaceChildren(make("dl", {}, entry("image", image.path),
      image.in_fit ? entry("in the fit", "the bank was fitted on this image, which biases its scores upwards") : null,
      image.predicted === null ? null : entry("predicted", `${image.predicted} (${percent(image.probability)})`),
      entry(valueName === "the logit" ? `logit of ${target}` : valueName, number(value)), numbers.map(([label, score, format]) => entry(label, format(score)))),
    ...explanation.checks(view).filter(({ text }) => !shown.includes(text)).map((check) => checkLine(check, this.show)));
    this.quality.replaceChildren(make("p", {}, `${explanation.concepts[view.concept]} at ${layer.name}`),
      make("dl", {}, card.figures.map(([label, text]) => entry(label, text)), entry("receptive field", layer.field)),
      ...[...card.notes, ...layer.notes[view.target]].map((text) => make("p", { class: "note" }, text)));
  }
}

function entry(label, text) {
  return make("div", {}, make("dt", {}, label), make("dd", {}, text));
}

/** A reliability check in a plain sentence, with its figure on hover or click. */
export function checkLine({ text, figure, warning }, show) {
  return make("p", { class: warning ? "warning" : "check" }, warning ? "Warning: " : "", text, figure ? [" ", term("figure", figure, show)] : []);
}
