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

/** A share in per cent; what is there at all is never called 0. */
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
 * What is seen in a picture, as pieces of text and of names: [{text, name?}].
 *
 * @param {object} seen concept, target, value ("the logit" of a class), share (0 to 1, or NaN), kind ("present",
 *   "significant" or ""), score, logit, unit, silent.
 */
export function sentence(seen) {
  const what = [{ text: seen.value === "the logit" ? "the class " : "" }, { text: seen.target, name: true }];
  const there = seen.share > 0, how = seen.kind && there ? "clearly " : "";
  const pieces = [{ text: seen.concept, name: true }, { text: there ? ` is ${how}seen in ${percent(seen.share)} of this picture` : ` is not ${seen.kind ? "clearly " : ""}seen in this picture` }];
  if (seen.silent) return [...pieces, { text: "; what it means for " }, ...what, { text: " cannot be told here." }];
  const hardly = Math.abs(seen.score) < 0.005 * Math.max(Math.abs(seen.logit), 1) && seen.unit === "logits";
  const verb = hardly ? "hardly counts for" : seen.score > 0 ? "speaks for" : "speaks against";
  const joint = there ? " and " : hardly ? ", and " : "; what little there is ";
  return [...pieces, { text: `${joint}${verb} ` }, ...what, { text: "." }];
}

/** The figures of that sentence, as pieces of text with what they mean: [{text, meaning?}]; none where there are none. */
export function reckoning({ share, score, unit, logit, value, silent }) {
  if (silent || !(share > 0)) return [];
  const amount = { text: unit === "logits" ? signed(score) : `${signed(score)} ${unit}`, meaning: MEANING.score };
  const whole = value === "the logit" ? [{ text: "; the class scores " }, { text: number(logit), meaning: MEANING.logit }] : [];
  return [{ text: "It counts " }, amount, ...whole, { text: "." }];
}

/** The kinds of maps: what they are called in data and links, in words, and what they mean. */
export const KINDS = ["relevance", "contribution", "present", "chance"];
export const KIND_WORDS = {
  relevance: "where it is seen", contribution: "what it counts for", present: "clearly seen", chance: "not by chance",
};

/** What the numbers and marks mean, by the word that is shown. */
export const MEANING = {
  relevance:
    "Relevance: how much of the concept the network sees at a place, the activation along the direction that detects " +
    "the concept, less the threshold. Above 0 the concept is seen. The white line encloses what lies above 0.",
  contribution:
    "Contribution: how much each place counts for or against what is explained, in the unit that the legend names. " +
    "Above 0 it speaks for it, below 0 against it. This method says ",
  present:
    "Present: the concept is in this picture, here. A picture without the concept, of the kind that the mask was " +
    "calibrated on, is marked anywhere at all with a probability of at most 5 %; close to 5 % where the " +
    "mask is cross-conformal.",
  chance:
    "Beats chance: what directions of no concept hardly ever reach. On the map of what is seen it judges the activation " +
    "along the concept\u2019s vector v; on the map of what it counts for, the derivative of the value explained along v, " +
    "whatever the contribution measures. With a vector of no concept, the chance that even one place of one picture is " +
    "marked is meant to be 5 % for each kind of map.",
  lines:
    "Black lines on the map of what is seen enclose where the concept is present, where that mask is calibrated; " +
    "elsewhere what beats chance. On the map of what it counts for they enclose where the derivative along v beats " +
    "chance. White lines enclose what lies above 0.",
  score:
    "SACV score: the sum of the contribution over the places where the concept is seen, in the unit of the " +
    "contribution; in the table the mean over all images, with its 95 % interval over images.",
  logit: "The logit: the network\u2019s own score of a class, before scores are made into probabilities.",
  quality:
    "AUROC: how well the concept\u2019s direction tells its images from random ones that it was not fitted on. 0.5 is " +
    "chance, 1 is perfect. A full circle is 0.9 or more, a half one 0.75 or more, an empty one less.",
  field: "Receptive field: all pixels that can reach the place. The small square is the place\u2019s own cell of the grid.",
};
