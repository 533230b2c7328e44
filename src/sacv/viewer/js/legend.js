// What the colours and lines of a map mean, in plain words.

import { MARKS } from "./colours.js";
import { make, term } from "./dom.js";
import { MEANING, signed } from "./words.js";

/**
 * The legend of a view, as parts: [{text, meaning?, swatch?}]; a `swatch` is the number of a mark.
 */
export function legendOf(found, view) {
  const { kind, layer, concept, target } = view, name = found.images[view.image].targets[target][0];
  const line = found.header.cards[layer][concept].line, inside = found.has(`maps/${layer}/inside`);
  const parts = inside ? [{ text: "Amber line: only what lies inside counts." }] : [];
  if (!found.offers(kind, view)) return [{ text: "Nothing is drawn: the details below say why." }, ...parts];
  if (kind === "relevance") {
    const clearly = [{ text: "Black line:" }, { text: "clearly seen.", meaning: line === "present" ? MEANING.present : MEANING.chance }];
    return [{ text: "Yellow:" }, { text: "how strongly", meaning: MEANING.relevance }, { text: `the network sees ${found.concepts[concept]}.` },
      { text: "White line: seen." }, ...(line ? clearly : []), ...parts];
  }
  if (kind === "contribution") {
    const chance = [{ text: "Black line:" }, { text: "more than chance.", meaning: MEANING.lines }];
    return [{ text: `Orange speaks for ${name}, blue against it, in` },
      { text: `${found.header.units[target]}.`, meaning: `${MEANING.contribution}${found.header.meaning}.` },
      ...(found.nameOf("contribution_marks", layer, target) ? chance : []), ...parts];
  }
  if (kind === "present") return [{ text: `${found.concepts[concept]} is clearly seen here.`, meaning: MEANING.present, swatch: 1 }, ...parts];
  return [{ text: "seen", swatch: 1 }, { text: "counts", swatch: 2 }, { text: "both,", swatch: 3 },
    { text: "more than by chance.", meaning: MEANING.chance }, ...parts];
}

/** The ends of a scale in words. */
export function endsOf(scale) {
  return scale.signed ? ["against", "for"] : [scale.low < 0 ? "not seen" : "least seen", "most seen"];
}

/** Where zero stands on a scale, from 0 to 1, or null where its figure would meet those of the ends. */
export function zeroOf(scale) {
  const share = -scale.low / (scale.high - scale.low);
  return share > 0.12 && share < 0.88 ? share : null;
}

/** The colour of a mark. */
export function markColour(mark) {
  return `rgb(${MARKS[mark - 1].join(", ")})`;
}

/** The legend below a picture. */
export class Legend {
  constructor(found, show) {
    this.found = found;
    this.show = show;
    this.bar = make("canvas", { class: "ramp", width: 256, height: 1, role: "img", "aria-label": "colour scale" });
    this.ticks = make("div", { class: "ticks" });
    this.ends = make("div", { class: "ends" });
    this.words = make("p", { class: "legend-words" });
    this.element = make("div", { class: "legend", role: "group", "aria-label": "legend" }, this.ends, this.bar, this.ticks, this.words);
  }

  /** Show the legend of a view; colours of values that are left out below `threshold` are faint. */
  render(view, scale, threshold) {
    for (const element of [this.bar, this.ticks, this.ends]) element.hidden = scale === null;
    if (scale !== null) this.showScale(scale, threshold);
    this.words.replaceChildren(...legendOf(this.found, view).flatMap(({ text, meaning, swatch }) => {
      const mark = swatch ? make("span", { class: `swatch mark-${swatch}` }) : "";
      return [mark, meaning ? term(text, meaning, this.show) : text, " "];
    }));
  }

  showScale(scale, threshold) {
    const context = this.bar.getContext("2d"), pixels = context.createImageData(256, 1);
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
