// Numbers and sentences for people.

const MINUS = "\u2212";

/** Three significant digits, with a true minus sign. */
export function number(value) {
  if (!Number.isFinite(value)) return "none";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-3 ? size.toExponential(1) : String(Number(size.toPrecision(3)));
  return (value < 0 ? MINUS : "") + text.replace("-", MINUS);
}

/** The same, with its sign. */
export function signed(value) {
  return (value > 0 ? "+" : "") + number(value);
}

/** A share in per cent; a share above 0 is never shown as 0. */
export function percent(share) {
  if (share > 0 && share < 0.01) return "less than 1\u00a0%";
  return `${Math.round(share * 100)}\u00a0%`;
}

/** The last part of a path. */
export function shortName(path) {
  const parts = path.split(/[\\/]/).filter(Boolean);
  return parts.length ? parts[parts.length - 1] : path;
}

/**
 * The result for an image in plain words, as pieces of text and of names: [{text, name?}].
 *
 * @param {object} result concept, target, value ("the logit" of a class), share of the image (0 to 1, or NaN), score, logit, unit, silent, masked (whether the share is of a mask).
 */
export function sentence({ concept, target, value, share, score, logit, unit, silent, masked }) {
  const what = [{ text: value === "the logit" ? "the class " : "" }, { text: target, name: true }], there = share > 0, seen = masked ? "clearly seen" : "seen";
  const pieces = [{ text: concept, name: true }, { text: there ? ` is ${seen} in ${percent(share)} of this image` : ` is not ${seen} in this image` }];
  if (silent) return [...pieces, { text: "; its effect on " }, ...what, { text: " cannot be measured at this layer." }];
  const hardly = Math.abs(score) <= (unit === "logits" ? 0.005 * Math.max(Math.abs(logit), 1) : 0), effect = score > 0 ? "support" : "oppose";
  const verb = hardly ? " and hardly matters for " : there ? ` and ${effect}s ` : `; faint signs of it ${effect} `;
  return [...pieces, { text: verb }, ...what, { text: "." }];
}

/** The figures behind that sentence, as pieces of text with their meaning: [{text, meaning?}]; empty without any. */
export function figures({ share, score, unit, logit, value, silent }) {
  if (silent || !(share > 0)) return [];
  const whole = value === "the logit" ? [{ text: "; logit " }, { text: number(logit), meaning: MEANING.logit }] : [];
  return [{ text: "SACV score " }, { text: `${signed(score)} ${unit}`, meaning: MEANING.score }, ...whole, { text: "." }];
}

/** The kinds of maps: their names in data and links, in words, and what they mean. */
export const KINDS = ["relevance", "contribution", "present", "chance"];
export const KIND_WORDS = { relevance: "relevance", contribution: "contribution", present: "presence mask", chance: "significance mask" };

/** What the numbers and masks mean, by the word that is shown. */
export const MEANING = {
  relevance:
    "Relevance: how strongly a location shows the concept, which is its activation along the concept\u2019s detector, less the " +
    "threshold. Above 0 the concept is seen. The white line encloses what lies above 0.",
  contribution:
    "Contribution: how much the concept at each location adds to the value explained, in the unit that the legend names. Above 0 it " +
    "supports the target, below 0 it opposes it. This method measures ",
  present:
    "Presence mask: the locations that show the concept. In an image without the concept, of the kind that the mask was calibrated " +
    "on, the probability of any location at all is at most 5 %; it is close to 5 % where the mask is cross-conformal.",
  chance:
    "Significance mask: the locations whose value exceeds the null distribution, that of directions of no concept. For relevance the " +
    "test uses the activation along the concept\u2019s vector v; for contribution the derivative of the value explained along v, " +
    "whichever method draws the map. For a vector of no concept, the probability of even one location in any of the images is 5 %, " +
    "for each kind of map.",
  score:
    "SACV score: the sum of the contribution over the locations where the concept is seen, in the unit of the contribution; in the " +
    "table the mean over all images, with its 95 % interval over images.",
  logit: "The logit: the network\u2019s own score of a class, before scores become probabilities.",
  quality:
    "AUROC: how well the CAV separates images of the concept from random images, both held out. 0.5 is chance, 1 is perfect. A full " +
    "circle is 0.9 or more, a half one 0.75 or more, an empty one less.",
};
