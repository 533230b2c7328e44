// The pure functions of the viewer's modules, in Node alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { colourIndex, scaleOf } from "../../../src/sacv/viewer/js/colours.js";
import { Explanation, extent, extremes, halves } from "../../../src/sacv/viewer/js/explanation.js";
import { endsOf, legendOf, zeroOf } from "../../../src/sacv/viewer/js/legend.js";
import { fragmentOf, readFragment } from "../../../src/sacv/viewer/js/link.js";
import { colourMap, colourMask, enlarge } from "../../../src/sacv/viewer/js/paint.js";
import { figures, KIND_WORDS, MEANING, number, percent, sentence, shortName, signed } from "../../../src/sacv/viewer/js/words.js";

const text = (pieces) => pieces.map((piece) => piece.text).join("");

/** Two images or volumes, two concepts, a layer of 2 x 2 x 2 cells or of 2 x 2, with values that count up. */
function explanation({ planes = [], grid = [2, 2], line = "present", silent = false } = {}) {
  const cells = grid.reduce((a, b) => a * b), count = 2 * 2 * cells, label = (dtype) => ({ dtype, shape: [2, 2, ...grid], scale: 1 });
  const image = (path) => ({ path, size: [4, 4], region: [0, 0, 1, 1], planes, targets: [["zebra", 3]] });
  const arrays = { "maps/0/relevance": Float32Array.from({ length: count }, (_, at) => at), "maps/0/present": new Uint8Array(count), "scores/present": new Float32Array(4) };
  return new Explanation({
    arrays, header: {
      images: [image("x/a b.jpg"), image("y/c&d=é.jpg")], concepts: ["striped", "50 % #dotted"], layers: [{ name: "late", grid, fields: null, silent: [silent] }],
      targets: ["zebra"], units: ["logits"], values: ["the logit"], meaning: "so much", cards: [[{ line }, { line }]],
      arrays: { "maps/0/relevance": label("f4"), "maps/0/present": label("u1"), "maps/0/contribution/0": label("f4") },
      sentences: { well: ["It is well.", false], far: ["It is far.", true] }, checks: [[[[[["far", "by 9"], ["well", ""]], []], [[], []]]]],
    },
  });
}

test("float16 in all its kinds", () => {
  const words = Uint16Array.of(0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x7c00, 0xfc00, 0x7e00);
  assert.deepEqual([...halves(words, 1)], [0, -0, 1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, Infinity, -Infinity, NaN]);
  assert.deepEqual([...halves(Uint16Array.of(0x3c00), 2.5)], [2.5]);
});

test("a signed scale has zero in the middle, another its own ends", () => {
  const signs = scaleOf("contribution", [-1, 3]), one = scaleOf("relevance", [-1, 3]);
  assert.deepEqual([signs.low, signs.high, colourIndex(signs, 0)], [-3, 3, 128]);
  assert.deepEqual([one.low, one.high, colourIndex(one, -1), colourIndex(one, 3), colourIndex(one, 99)], [-1, 3, 0, 255, 255]);
  for (const kind of ["relevance", "contribution"]) assert.ok(Number.isFinite(colourIndex(scaleOf(kind, [0, 0]), 0)), "a constant map");
});

test("palettes rise in brightness, or from the middle to both ends fall", () => {
  const light = ({ colours }, at) => 0.3 * colours[3 * at] + 0.6 * colours[3 * at + 1] + 0.1 * colours[3 * at + 2];
  const one = scaleOf("relevance", [0, 1]), signs = scaleOf("contribution", [-1, 1]);
  for (let at = 0; at < 255; at++) assert.ok(light(one, at + 1) >= light(one, at) - 1);
  for (let at = 0; at < 127; at++) assert.ok(light(signs, at + 1) >= light(signs, at) - 1 && light(signs, 255 - at) <= light(signs, 254 - at) + 1);
});

test("what lies below the threshold has no colour, on a signed scale by its size", () => {
  const map = { values: Float32Array.of(-1, 0.2, 0.5), rows: 1, columns: 3 };
  const alpha = (kind, least) => [...colourMap(map, scaleOf(kind, [-1, 1]), least, null, 1, 3)].filter((_, at) => at % 4 === 3).map((one) => one > 0);
  assert.deepEqual(alpha("relevance", 0.3), [false, false, true]);
  assert.deepEqual(alpha("contribution", 0.3), [true, false, true]);
});

test("a map as large as its grid is that map, and masks are not mixed", () => {
  const map = { values: Float32Array.of(1, 2, 3, 4, 5, 6), rows: 2, columns: 3 };
  assert.deepEqual([...enlarge(map, 2, 3)], [...map.values]);
  const pixels = colourMask({ values: Uint8Array.of(0, 1, 2, 3), rows: 2, columns: 2 }, { values: Uint8Array.of(1, 1, 1, 0), rows: 2, columns: 2 }, 2, 2);
  assert.deepEqual([...pixels].filter((_, at) => at % 4 === 3), [0, 255, 255, 51]);
  assert.deepEqual([...pixels.slice(4, 7)], [0, 114, 178]);
});

test("ends of a map are of finite values that count", () => {
  assert.deepEqual(extent([NaN, 3, -Infinity, 1, 7], [1, 1, 1, 1, 0]), [1, 3]);
  assert.deepEqual(extent([NaN]), [0, 1]);
});

test("neighbouring slices of a volume are one location, of other volumes they are not", () => {
  const slice = (value) => ({ values: Float32Array.of(value, 0, 0, 0), rows: 1, columns: 4 }), maps = [slice(9), slice(8), slice(7)];
  const at = (wholes) => extremes(maps, 3, 1, [], wholes).map(({ map, column }) => [map, column]);
  assert.deepEqual(at([0, 0, 0]), [[0, 0], [2, 0], [0, 2]]);
  assert.deepEqual(at([0, 1, 2]), [[0, 0], [1, 0], [2, 0]]);
});

test("each cell of a volume has the slice in its middle", () => {
  const planes = [{ axis: 0, flipped: false, captions: ["1", "2", "3", "4", "5", "6"] }], volume = explanation({ planes, grid: [2, 2, 2] });
  const at = { image: 0, concept: 1, layer: 0, target: 0, plane: 0 };
  assert.deepEqual(volume.slices(at), [1, 4]);
  assert.deepEqual(volume.slices(at).map((slice) => volume.cell({ ...at, slice })), [0, 1]);
  assert.equal(volume.bestSlice(at), 4);
  assert.deepEqual(explanation().slices(at), [undefined]);
});

test("numbers for people", () => {
  assert.deepEqual([0, -0.01234, 1234.5, 2e-7, NaN].map(number), ["0", "−0.0123", "1230", "2.0e−7", "none"]);
  assert.deepEqual([1, -1, 0].map(signed), ["+1", "−1", "0"]);
  assert.deepEqual([0, 0.001, 0.5].map(percent), ["0\u00a0%", "less than 1\u00a0%", "50\u00a0%"]);
  assert.deepEqual(["/a/b.jpg", "a\\c.png", ""].map(shortName), ["b.jpg", "c.png", ""]);
});

const RESULT = { concept: "striped", target: "zebra", value: "the logit", share: 0.5, score: 2, logit: 3, unit: "logits", silent: false, masked: false };

test("one sentence in plain words states where the concept is seen and what it supports", () => {
  const sentenceOf = (changes) => text(sentence({ ...RESULT, ...changes }));
  assert.equal(sentenceOf({}), "striped is seen in 50\u00a0% of this image and supports the class zebra.");
  assert.equal(sentenceOf({ masked: true }), "striped is clearly seen in 50\u00a0% of this image and supports the class zebra.");
  assert.equal(sentenceOf({ masked: true, share: 0 }), "striped is not clearly seen in this image; faint signs of it support the class zebra.");
  assert.equal(sentenceOf({ score: -2 }), "striped is seen in 50\u00a0% of this image and opposes the class zebra.");
  assert.equal(sentenceOf({ score: 0.001 }), "striped is seen in 50\u00a0% of this image and hardly matters for the class zebra.");
  assert.equal(sentenceOf({ share: 0, score: 0.001 }), "striped is not seen in this image and hardly matters for the class zebra.");
  assert.equal(sentenceOf({ share: 0, score: 0, unit: "per unit" }), "striped is not seen in this image and hardly matters for the class zebra.");
  assert.equal(sentenceOf({ share: 0 }), "striped is not seen in this image; faint signs of it support the class zebra.");
  assert.equal(sentenceOf({ share: NaN, silent: true }), "striped is not seen in this image; its effect on the class zebra cannot be measured at this layer.");
  assert.equal(sentenceOf({ value: "the difference", target: "cat - ant" }), "striped is seen in 50\u00a0% of this image and supports cat - ant.");
});

test("its figures have their unit and their meaning", () => {
  const pieces = figures(RESULT);
  assert.equal(text(pieces), "SACV score +2 logits; logit 3.");
  assert.equal(pieces.filter(({ meaning }) => meaning).length, 2);
  assert.equal(text(figures({ ...RESULT, unit: "per unit", value: "the area" })), "SACV score +2 per unit.");
  assert.deepEqual([figures({ ...RESULT, silent: true }), figures({ ...RESULT, share: 0 })], [[], []]);
});

test("warnings are the checks that question the maps", () => {
  const at = { image: 0, concept: 0, layer: 0, target: 0 };
  assert.deepEqual(explanation().warnings(at), [{ text: "It is far.", figure: "by 9", warning: true }]);
  assert.deepEqual(explanation().checks(at).map((one) => one.text), ["It is far.", "It is well."]);
});

test("the legend names the concept, the target and its lines", () => {
  const at = { image: 0, concept: 0, layer: 0, target: 0 }, legend = (kind, given) => legendOf(explanation(given), { ...at, kind }).map((part) => part.text).join(" ");
  assert.equal(legend("relevance"), "Yellow: high relevance of striped. White line: relevance 0. Black line: presence mask.");
  assert.equal(legend("relevance", { line: "significant" }), "Yellow: high relevance of striped. White line: relevance 0. Black line: significance mask.");
  assert.equal(legend("relevance", { line: "" }), "Yellow: high relevance of striped. White line: relevance 0.");
  assert.equal(legend("contribution"), "Orange supports zebra, blue opposes it, in logits.");
  assert.match(legend("contribution", { silent: true }), /^Nothing is drawn/);
  assert.equal(legend("present"), "presence mask of striped.");
  assert.deepEqual(legendOf(explanation(), { ...at, kind: "present" })[0].swatch, 1);
  assert.deepEqual([endsOf({ signed: true }), endsOf({ low: -1 }), endsOf({ low: 0.1 })], [["against", "for"], ["not seen", "strongly seen"], ["weakly seen", "strongly seen"]]);
  assert.deepEqual([zeroOf({ low: -1, high: 1 }), zeroOf({ low: -0.1, high: 1 }), zeroOf({ low: 1, high: 2 })], [0.5, null, null]);
});

test("the words on the page are those of the glossary", () => {
  const words = [...Object.values(MEANING), ...Object.values(KIND_WORDS)].join(" ");
  assert.doesNotMatch(words, /\b(pictures?|places?|tells?|told|says?|beats?|by chance|marked|counts)\b/i);
});

test("a link is read as it was written, whatever the names", () => {
  for (const image of [0, 1]) {
    for (const concept of [0, 1]) {
      const view = { image, concept, layer: 0, target: 0, kind: "present" };
      const { changes, missing } = readFragment(explanation(), fragmentOf(explanation(), view), {});
      assert.deepEqual([changes, missing], [view, []]);
    }
  }
  assert.deepEqual(readFragment(explanation(), "#image=c%26d%3D%C3%A9.jpg", {}).changes, { image: 1 });
  assert.deepEqual(readFragment(explanation(), "", {}), { changes: {}, missing: [] });
});

test("a note names each part of a link that does not exist", () => {
  const { changes, missing } = readFragment(explanation({ silent: true }), "#image=gone.jpg&concept=striped&map=contribution&x=y", { layer: 0, target: 0 });
  assert.deepEqual(changes, { concept: 0, kind: "relevance" });
  assert.equal(missing.length, 3);
  for (const [at, part] of ["gone.jpg", "x=y", "contribution"].entries()) assert.ok(missing[at].includes(part));
});
