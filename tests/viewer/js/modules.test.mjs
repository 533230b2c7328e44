// The pure functions of the viewer's modules, in Node alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { placeOf, scaleOf } from "../../../src/sacv/viewer/js/colours.js";
import { extent, extremes, Found, halves } from "../../../src/sacv/viewer/js/found.js";
import { endsOf, legendOf, zeroOf } from "../../../src/sacv/viewer/js/legend.js";
import { fragmentOf, readFragment } from "../../../src/sacv/viewer/js/link.js";
import { coloured, enlarge, marked } from "../../../src/sacv/viewer/js/paint.js";
import { number, percent, reckoning, sentence, shortName, signed } from "../../../src/sacv/viewer/js/words.js";

const text = (pieces) => pieces.map((piece) => piece.text).join("");

/** A picture and a volume, two concepts, a layer of 2 x 2 x 2 cells or of 2 x 2, with values that count up. */
function found({ planes = [], grid = [2, 2], line = "present", silent = false } = {}) {
  const cells = grid.reduce((a, b) => a * b), count = 2 * 2 * cells, told = (dtype) => ({ dtype, shape: [2, 2, ...grid], scale: 1 });
  const image = (path) => ({ path, size: [4, 4], region: [0, 0, 1, 1], planes, targets: [["zebra", 3]] });
  const arrays = { "maps/0/relevance": Float32Array.from({ length: count }, (_, at) => at), "maps/0/present": new Uint8Array(count), "scores/present": new Float32Array(4) };
  return new Found({
    arrays, header: {
      images: [image("x/a b.jpg"), image("y/c&d=é.jpg")], concepts: ["striped", "50 % #dotted"], layers: [{ name: "late", grid, fields: null, silent: [silent] }],
      targets: ["zebra"], units: ["logits"], values: ["the logit"], meaning: "so much", cards: [[{ line }, { line }]],
      arrays: { "maps/0/relevance": told("f4"), "maps/0/present": told("u1"), "maps/0/contribution/0": told("f4") },
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
  assert.deepEqual([signs.low, signs.high, placeOf(signs, 0)], [-3, 3, 128]);
  assert.deepEqual([one.low, one.high, placeOf(one, -1), placeOf(one, 3), placeOf(one, 99)], [-1, 3, 0, 255, 255]);
  for (const kind of ["relevance", "contribution"]) assert.ok(Number.isFinite(placeOf(scaleOf(kind, [0, 0]), 0)), "a constant map");
});

test("palettes rise in brightness, or from the middle to both ends fall", () => {
  const light = ({ colours }, at) => 0.3 * colours[3 * at] + 0.6 * colours[3 * at + 1] + 0.1 * colours[3 * at + 2];
  const one = scaleOf("relevance", [0, 1]), signs = scaleOf("contribution", [-1, 1]);
  for (let at = 0; at < 255; at++) assert.ok(light(one, at + 1) >= light(one, at) - 1);
  for (let at = 0; at < 127; at++) assert.ok(light(signs, at + 1) >= light(signs, at) - 1 && light(signs, 255 - at) <= light(signs, 254 - at) + 1);
});

test("what lies below the threshold has no colour, on a signed scale by its size", () => {
  const map = { values: Float32Array.of(-1, 0.2, 0.5), rows: 1, columns: 3 };
  const alpha = (kind, least) => [...coloured(map, scaleOf(kind, [-1, 1]), least, null, 1, 3)].filter((_, at) => at % 4 === 3).map((one) => one > 0);
  assert.deepEqual(alpha("relevance", 0.3), [false, false, true]);
  assert.deepEqual(alpha("contribution", 0.3), [true, false, true]);
});

test("a map as large as its grid is that map, and marks are not mixed", () => {
  const map = { values: Float32Array.of(1, 2, 3, 4, 5, 6), rows: 2, columns: 3 };
  assert.deepEqual([...enlarge(map, 2, 3)], [...map.values]);
  const pixels = marked({ values: Uint8Array.of(0, 1, 2, 3), rows: 2, columns: 2 }, { values: Uint8Array.of(1, 1, 1, 0), rows: 2, columns: 2 }, 2, 2);
  assert.deepEqual([...pixels].filter((_, at) => at % 4 === 3), [0, 255, 255, 51]);
  assert.deepEqual([...pixels.slice(4, 7)], [0, 114, 178]);
});

test("ends of a map are of finite values that count", () => {
  assert.deepEqual(extent([NaN, 3, -Infinity, 1, 7], [1, 1, 1, 1, 0]), [1, 3]);
  assert.deepEqual(extent([NaN]), [0, 1]);
});

test("neighbouring slices of a volume are one place, of other volumes they are not", () => {
  const slice = (value) => ({ values: Float32Array.of(value, 0, 0, 0), rows: 1, columns: 4 }), maps = [slice(9), slice(8), slice(7)];
  const at = (wholes) => extremes(maps, 3, 1, [], wholes).map(({ map, column }) => [map, column]);
  assert.deepEqual(at([0, 0, 0]), [[0, 0], [2, 0], [0, 2]]);
  assert.deepEqual(at([0, 1, 2]), [[0, 0], [1, 0], [2, 0]]);
});

test("each cell of a volume has the slice in its middle", () => {
  const planes = [{ axis: 0, flipped: false, captions: ["1", "2", "3", "4", "5", "6"] }], volume = found({ planes, grid: [2, 2, 2] });
  const at = { image: 0, concept: 1, layer: 0, target: 0, plane: 0 };
  assert.deepEqual(volume.slices(at), [1, 4]);
  assert.deepEqual(volume.slices(at).map((slice) => volume.cell({ ...at, slice })), [0, 1]);
  assert.equal(volume.bestSlice(at), 4);
  assert.deepEqual(found().slices(at), [undefined]);
});

test("numbers for people", () => {
  assert.deepEqual([0, -0.01234, 1234.5, 2e-7, NaN].map(number), ["0", "−0.0123", "1230", "2.0e−7", "none"]);
  assert.deepEqual([1, -1, 0].map(signed), ["+1", "−1", "0"]);
  assert.deepEqual([0, 0.001, 0.5].map(percent), ["0\u00a0%", "less than 1\u00a0%", "50\u00a0%"]);
  assert.deepEqual(["/a/b.jpg", "a\\c.png", ""].map(shortName), ["b.jpg", "c.png", ""]);
});

const SEEN = { concept: "striped", target: "zebra", value: "the logit", share: 0.5, kind: "present", score: 2, logit: 3, unit: "logits", silent: false };

test("one sentence says where it is seen and whether it counts", () => {
  const said = (changes) => text(sentence({ ...SEEN, ...changes }));
  assert.equal(said({}), "striped is clearly seen in 50\u00a0% of this picture and speaks for the class zebra.");
  assert.equal(said({ kind: "", score: -2 }), "striped is seen in 50\u00a0% of this picture and speaks against the class zebra.");
  assert.equal(said({ share: 0, score: 0.001 }), "striped is not clearly seen in this picture, and hardly counts for the class zebra.");
  assert.equal(said({ share: 0 }), "striped is not clearly seen in this picture; what little there is speaks for the class zebra.");
  assert.equal(said({ kind: "", share: 0, score: 0.001 }), "striped is not seen in this picture, and hardly counts for the class zebra.");
  assert.equal(said({ share: NaN, silent: true }), "striped is not clearly seen in this picture; what it means for the class zebra cannot be told here.");
  assert.equal(said({ value: "the difference", target: "cat - ant" }), "striped is clearly seen in 50\u00a0% of this picture and speaks for cat - ant.");
});

test("its figures stand beside it, with what they mean", () => {
  const pieces = reckoning(SEEN);
  assert.equal(text(pieces), "It counts +2; the class scores 3.");
  assert.equal(pieces.filter(({ meaning }) => meaning).length, 2);
  assert.equal(text(reckoning({ ...SEEN, unit: "per unit", value: "the area" })), "It counts +2 per unit.");
  assert.deepEqual([reckoning({ ...SEEN, silent: true }), reckoning({ ...SEEN, share: 0 })], [[], []]);
});

test("doubts are those checks that speak against the maps", () => {
  const at = { image: 0, concept: 0, layer: 0, target: 0 };
  assert.deepEqual(found().doubts(at), [{ text: "It is far.", figure: "by 9", doubt: true }]);
  assert.deepEqual(found().checks(at).map((one) => one.text), ["It is far.", "It is well."]);
});

test("the legend names the concept, the target and its lines", () => {
  const at = { image: 0, concept: 0, layer: 0, target: 0 }, said = (kind, given) => legendOf(found(given), { ...at, kind }).map((part) => part.text).join(" ");
  assert.equal(said("relevance"), "Yellow: how strongly the network sees striped. White line: seen. Black line: clearly seen.");
  assert.equal(said("relevance", { line: "" }), "Yellow: how strongly the network sees striped. White line: seen.");
  assert.equal(said("contribution"), "Orange speaks for zebra, blue against it, in logits.");
  assert.match(said("contribution", { silent: true }), /^Nothing is drawn/);
  assert.deepEqual(legendOf(found(), { ...at, kind: "present" })[0].swatch, 1);
  assert.deepEqual([endsOf({ signed: true }), endsOf({ low: -1 }), endsOf({ low: 0.1 })], [["against", "for"], ["not seen", "most seen"], ["least seen", "most seen"]]);
  assert.deepEqual([zeroOf({ low: -1, high: 1 }), zeroOf({ low: -0.1, high: 1 }), zeroOf({ low: 1, high: 2 })], [0.5, null, null]);
});

test("a link is read as it was written, whatever the names", () => {
  for (const image of [0, 1]) {
    for (const concept of [0, 1]) {
      const view = { image, concept, layer: 0, target: 0, kind: "present" };
      const { changes, missing } = readFragment(found(), fragmentOf(found(), view), {});
      assert.deepEqual([changes, missing], [view, []]);
    }
  }
  assert.deepEqual(readFragment(found(), "#image=c%26d%3D%C3%A9.jpg", {}).changes, { image: 1 });
  assert.deepEqual(readFragment(found(), "", {}), { changes: {}, missing: [] });
});

test("what a link names and is not there is said", () => {
  const { changes, missing } = readFragment(found({ silent: true }), "#image=gone.jpg&concept=striped&map=contribution&x=y", { layer: 0, target: 0 });
  assert.deepEqual(changes, { concept: 0, kind: "relevance" });
  assert.equal(missing.length, 3);
  for (const [at, part] of ["gone.jpg", "x=y", "contribution"].entries()) assert.ok(missing[at].includes(part));
});
