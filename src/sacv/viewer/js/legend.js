// What the colours and lines of a map mean, in plain words.

import { MASK_COLOURS } from "./colours.js";
import { make, term } from "./dom.js";
import { MEANING, signed } from "./words.js";

/** The legend of a view, as parts: [{text, meaning?, swatch?}]; a `swatch` is the number of a mask. */
export function legendOf(explanation, view) {
  const { kind, layer, concept, target } = view, name = explanation.images[view.image].targets[target][0];
  const line = explanation.header.cards[layer][concept].line, of = { text: `of ${explanation.concepts[concept]}.` };
  const parts = explanation.has(`maps/${layer}/inside`) ? [{ text: "Amber line: only locations inside count." }] : [];
  if (!explanation.offers(kind, view)) return [{ text: "Nothing is drawn: see the reason in the details below." }, ...parts];
  const present = { text: "presence mask", meaning: MEANING.present }, significant = { text: "significance mask", meaning: MEANING.chance };
  const black = (mask) => [{ text: "Black line:" }, { ...mask, text: `${mask.text}.` }];
  if (kind === "relevance") {
    return [{ text: "Yellow: high" }, { text: "relevance", meaning: MEANING.relevance }, of, { text: "White line: relevance 0." },
      ...(line ? black(line === "present" ? present : significant) : []), ...parts];
  }
  if (kind === "contribution") {
    return [{ text: `Orange supports ${name}, blue opposes it, in` },
      { text: `${explanation.header.units[target]}.`, meaning: `${MEANING.contribution}${explanation.header.meaning}.` },
      ...(explanation.nameOf("contribution_marks", layer, target) ? black(significant) : []), ...parts];
  }
  if (kind === "present") return [{ ...present, swatch: 1 }, of, ...parts];
  return [significant, { text: "of" }, { text: "relevance", swatch: 1 }, { text: "contribution", swatch: 2 }, { text: "both.", swatch: 3 }, ...parts];
}

/** The ends of a scale in words. */
export function endsOf(scale) {
  return scale.signed ? ["against", "for"] : [scale.low < 0 ? "not seen" : "weakly seen", "strongly seen"];
}

/** The position of zero on a scale, from 0 to 1, or null where its label would overlap those of the ends. */
export function zeroOf(scale) {
  const share = -scale.low / (scale.high - scale.low);
  return share > 0.12 && share < 0.88 ? share : null;
}

/** The colour of a mask. */
export function maskColour(mask) {
  return `rgb(${MASK_COLOURS[mask - 1].join(", ")})`;
}

/** The legend below an image. */
export class Legend {
  constructor(explanation, show) {
    this.explanation = explanation;
    this.show = show;
    this.ramp = make("canvas", { class: "ramp", width: 256, height: 1, role: "img", "aria-label": "colour scale" });
    this.ticks = make("div", { class: "ticks" });
    this.ends = make("div", { class: "ends" });
    this.words = make("p", { class: "legend-words" });
    this.element = make("div", { class: "legend", role: "group", "aria-label": "legend" }, this.ends, this.ramp, this.ticks, this.words);
  }

  /** Show the legend of a view; colours of values below `threshold`, which are not drawn, are faint. */
  render(view, scale, threshold) {
    for (const element of [this.ramp, this.ticks, this.ends]) element.hidden = scale === null;
    if (scale !== null) this.showScale(scale, threshold);
    this.words.replaceChildren(...legendOf(this.explanation, view).flatMap(({ text, meaning, swatch }) => {
      const box = swatch ? make("span", { class: `swatch mask-${swatch}` }) : "";
      return [box, meaning ? term(text, meaning, this.show) : text, " "];
    }));
  }

  showScale(scale, threshold) {
    const context = this.ramp.getContext("2d"), pixels = context.createImageData(256, 1);
    for (let at = 0; at < 256; at++) {
      const value = scale.low + (at / 255) * (scale.high - scale.low), drawn = (scale.signed ? Math.abs(value) : value) >= threshold;
      pixels.data.set([...scale.colours.subarray(at * 3, at * 3 + 3), drawn ? 255 : 60], at * 4);
    }
    context.putImageData(pixels, 0, 0);
    const share = zeroOf(scale), zero = make("span", { class: "zero", hidden: share === null }, "0");
    zero.style.left = `${100 * share}%`;
    this.ticks.replaceChildren(make("span", {}, signed(scale.low)), zero, make("span", {}, signed(scale.high)));
    this.ends.replaceChildren(...endsOf(scale).map((text) => make("span", {}, text)));
  }
}
