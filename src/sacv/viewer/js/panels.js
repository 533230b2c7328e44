// What stands beside and below the picture: values of a place, the table of scores, how it was made.

import { make, term } from "./dom.js";
import { MEANING, number, percent, signed } from "./words.js";

/** The values of every concept at a place. */
export class Values {
  constructor(found, choose, show) {
    this.found = found;
    this.title = make("h2", {}, "Point at the picture");
    this.rows = found.concepts.map((concept, at) => {
      const cells = Array.from({ length: 4 }, () => make("td", {}, " "));
      const name = make("button", { type: "button", class: "plain", on: { click: () => choose(at) } }, concept);
      return { element: make("tr", {}, make("th", { scope: "row" }, name), ...cells), cells };
    });
    const head = (text, meaning) => make("th", { scope: "col" }, term(text, meaning, show));
    this.table = make("table", { class: "values" },
      make("thead", {}, make("tr", {}, make("td"), head("seen", MEANING.relevance),
        head("counts", MEANING.contribution + found.header.meaning + "."), head("present", MEANING.present),
        head("not by chance", MEANING.chance))),
      make("tbody", {}, this.rows.map(({ element }) => element)));
    this.element = make("section", { class: "card at-place", "aria-label": "values at a place" }, this.title, this.table);
  }

  render(view, cell, pinned) {
    const { found } = this, places = cell && found.shape(view);
    this.title.textContent = cell
      ? `${pinned ? "Pinned: row" : "Row"} ${cell[0] + 1} of ${places[0]}, column ${cell[1] + 1} of ${places[1]}`
      : "Point at the picture";
    const at = cell && cell[0] * places[1] + cell[1];
    this.rows.forEach(({ element, cells }, concept) => {
      element.classList.toggle("current", concept === view.concept);
      const here = { ...view, concept }, value = (kind) => found.flat(kind, here)?.values[at];
      const texts = cell ? [
        number(value("relevance")),
        found.offers("contribution", here) ? signed(value("contribution")) : "",
        found.offers("present", here) ? (value("present") ? "yes" : "no") : "",
        [value("relevance_marks") && "seen", value("contribution_marks") && "counts"].filter(Boolean).join(", "),
      ] : ["", "", "", ""];
      texts.forEach((text, column) => {
        if (cells[column].firstChild.data !== text) cells[column].firstChild.data = text;
      });
    });
  }
}

/** Scores of concepts at layers, with their intervals and the quality of the directions. */
export class Scores {
  constructor(found, choose, show) {
    this.found = found;
    this.choose = choose;
    this.body = make("tbody");
    this.columns = found.layers.flatMap((_, layer) => found.targets.map((_, target) => ({ layer, target })));
    const head = this.columns.map(({ layer, target }) =>
      make("th", { scope: "col" }, found.layers[layer].name + (found.targets.length > 1 ? `, ${found.targets[target]}` : "")));
    const some = found.header.count > 1 ? `over ${found.header.count} pictures` : "in this picture";
    this.element = make("section", { class: "scores", "aria-label": "scores of all concepts and layers" },
      make("h2", {}, "All concepts and layers"),
      make("p", { class: "soft" }, `How much each concept counts ${some}: `, term("mean score", MEANING.score, show),
        `, in ${[...new Set(found.header.units)].join(" or ")}, with its 95 % interval; circles: `, term("how well the concept is recognised", MEANING.quality, show), "."),
      make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "table of scores" },
        make("table", {}, make("thead", {}, make("tr", {}, make("td"), head)), this.body)));
  }

  render(view) {
    const { found } = this;
    if (!this.cells) {
      this.cells = [];
      const means = found.concepts.flatMap((_, concept) => this.columns.map((at) => Math.abs(found.summary({ concept, ...at })[0])));
      const most = Math.max(...means) || 1;
      this.body.replaceChildren(...found.concepts.map((name, concept) => make("tr", {}, make("th", { scope: "row", title: name }, name),
        this.columns.map((at) => make("td", {}, this.cell({ concept, ...at }, most))))));
    }
    for (const { at, element } of this.cells) {
      element.setAttribute("aria-pressed", String(["concept", "layer", "target"].every((name) => at[name] === view[name])));
    }
  }

  cell(at, most) {
    const { found } = this, card = found.header.cards[at.layer][at.concept], [mean, low, high] = found.summary(at);
    const circle = card.weak ? "weak" : card.auroc >= 0.9 ? "●" : card.auroc >= 0.75 ? "◐" : "○";
    const told = `AUROC ${card.auroc.toFixed(3)} (${card.interval[0].toFixed(3)} to ${card.interval[1].toFixed(3)})`;
    const interval = Number.isFinite(low) ? ` ${number(low)} to ${number(high)}` : "";
    const silent = found.silent(at), bar = make("span", { class: mean > 0 ? "meter for" : "meter against" });
    bar.style.width = silent ? "0" : `${(100 * Math.abs(mean)) / most}%`;
    const element = make("button", { type: "button", class: "plain", title: told, on: { click: () => this.choose(at) } },
      make("span", { class: "mean" }, silent ? "none" : signed(mean)), make("span", { class: "soft" }, interval),
      make("span", { class: "quality" }, ` ${circle}`), bar);
    this.cells.push({ at, element });
    return element;
  }
}

const NUMBERS = [
  ["relevant share", "relevant"], ["largest relevance", "relevance_max"], ["image score", "image_score"],
  ["image p", "image_p"], ["SACV score", "sacv_score"],
  ["positive part", "sacv_positive"], ["negative part", "sacv_negative"], ["sum over all places", "contribution_sum"],
  ["present", "present"], ["beats chance", "relevance_significant"], ["share of places that count", "inside"],
];

const SHARES = ["relevant share", "present", "beats chance", "share of places that count"];

/** Everything else: figures of the picture, of the concept's direction, and how all was made. */
export class Details {
  constructor(found, show) {
    this.found = found;
    this.show = show;
    this.picture = make("div");
    this.direction = make("div");
    const facts = found.header.facts.map(([label, text]) => entry(label, text));
    this.element = make("section", { class: "details", "aria-label": "details" },
      make("details", { class: "of-picture" }, make("summary", {}, "This picture in numbers"), this.picture),
      make("details", { class: "of-concept" }, make("summary", {}, "How well the concept is recognised here"), this.direction),
      make("details", { class: "made" }, make("summary", {}, "How this was made"), make("dl", {}, facts),
        found.header.warnings.map((text) => make("p", {}, text))));
  }

  /** @param {Array} said checks that are said elsewhere */
  render(view, said) {
    const { found } = this, image = found.images[view.image], card = found.header.cards[view.layer][view.concept];
    const layer = found.layers[view.layer], [target, value] = image.targets[view.target];
    const checks = found.checks(view).filter(({ text }) => !said.includes(text));
    const valueName = found.header.values[view.target];
    const known = NUMBERS.map(([label, name]) => [label, found.score(name, view)]).filter(([, one]) => Number.isFinite(one));
    this.picture.replaceChildren(make("dl", {}, entry("picture", image.path),
      image.in_fit ? entry("in the fit", "the bank was fitted on this picture, so that its scores are too good") : null,
      image.predicted === null ? null : entry("predicted", `${image.predicted} (${percent(image.probability)})`),
      entry(valueName === "the logit" ? `logit of ${target}` : valueName, number(value)),
      known.map(([label, one]) => entry(label, SHARES.includes(label) ? percent(one) : number(one)))),
    ...checks.map((one) => checked(one, this.show)));
    this.direction.replaceChildren(make("p", {}, `${found.concepts[view.concept]} at ${layer.name}`),
      make("dl", {}, card.figures.map(([label, text]) => entry(label, text)), entry("receptive field", layer.field)),
      ...[...card.notes, ...layer.notes[view.target]].map((text) => make("p", { class: "note" }, text)));
  }
}

function entry(label, text) {
  return make("div", {}, make("dt", {}, label), make("dd", {}, text));
}

/** A check in a plain sentence, whose figure is one hover or click away. */
export function checked({ text, figure, doubt }, show) {
  return make("p", { class: doubt ? "doubt" : "check" }, doubt ? "Doubt: " : "", text, figure ? [" ", term("figure", figure, show)] : []);
}
