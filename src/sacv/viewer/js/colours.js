// Palettes that colour-blind people can distinguish, and scales.

/** Stops, as red, green, blue: cividis of Nunez, Anderton and Renslow (2018), from the least value. */
const CIVIDIS = [
  [0, 32, 81], [10, 48, 110], [60, 77, 110], [94, 98, 112], [127, 124, 117], [160, 151, 113], [193, 178, 101],
  [228, 207, 82], [253, 234, 69],
];

/** From blue over light grey to orange, with zero in the middle. */
const BLUE_ORANGE = [
  [8, 64, 129], [38, 111, 178], [107, 168, 214], [178, 211, 233], [242, 242, 240], [253, 208, 162], [249, 151, 72],
  [217, 95, 14], [140, 45, 4],
];

/** Of masks: relevance, contribution, both. */
export const MASK_COLOURS = [[0, 114, 178], [230, 159, 0], [204, 121, 167]];

function table(stops) {
  const colours = new Uint8ClampedArray(256 * 3);
  for (let at = 0; at < 256; at++) {
    const position = (at / 255) * (stops.length - 1), low = Math.min(Math.floor(position), stops.length - 2);
    colours.set(stops[low].map((from, part) => from + (position - low) * (stops[low + 1][part] - from)), at * 3);
  }
  return colours;
}

const TABLES = { relevance: table(CIVIDIS), contribution: table(BLUE_ORANGE) };

/** From values to colours: from `low` to `high`; a signed scale has zero in the middle. */
export function scaleOf(kind, [low, high]) {
  if (kind === "contribution") {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return { low: -most, high: most, colours: TABLES.contribution, signed: true };
  }
  return { low, high: high > low ? high : low + 1, colours: TABLES.relevance, signed: false };
}

/** The index of a value in the table of 256 colours. */
export function colourIndex(scale, value) {
  const share = (value - scale.low) / (scale.high - scale.low);
  return Math.round(255 * Math.min(Math.max(share, 0), 1));
}
