// Maps, lines and boxes on canvases.

import { MARKS, placeOf } from "./colours.js";

/** Enlarge a map bilinearly with half-pixel centres, so that the middle of a cell keeps its own value. */
export function enlarge({ values, rows, columns }, height, width) {
  const across = steps(columns, width), down = steps(rows, height), found = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    const [top, bottom, part] = down[y], first = top * columns, second = bottom * columns;
    for (let x = 0; x < width; x++) {
      const [left, right, share] = across[x];
      const above = values[first + left] * (1 - share) + values[first + right] * share;
      const below = values[second + left] * (1 - share) + values[second + right] * share;
      found[y * width + x] = above * (1 - part) + below * part;
    }
  }
  return found;
}

function steps(cells, size) {
  return Array.from({ length: size }, (_, pixel) => {
    const at = Math.min(Math.max(((pixel + 0.5) * cells) / size - 0.5, 0), cells - 1);
    const low = Math.floor(at);
    return [low, Math.min(low + 1, cells - 1), at - low];
  });
}

/**
 * Colour a map: RGBA, a pixel each.
 *
 * @param {object} map values, rows, columns
 * @param {object} scale from `scaleOf`
 * @param {number} least what is weaker is left out: on a signed scale by its size
 * @param {object|null} inside a map of which locations count; others are drawn faded
 */
export function coloured(map, scale, least, inside, height, width) {
  const large = enlarge(map, height, width), pixels = new Uint8ClampedArray(height * width * 4);
  for (let at = 0; at < large.length; at++) {
    const value = large[at];
    if (!Number.isFinite(value) || (scale.signed ? Math.abs(value) < least : value < least)) continue;
    const place = placeOf(scale, value) * 3;
    pixels[at * 4] = scale.colours[place];
    pixels[at * 4 + 1] = scale.colours[place + 1];
    pixels[at * 4 + 2] = scale.colours[place + 2];
    // On a signed scale what is near zero lets the picture through.
    pixels[at * 4 + 3] = scale.signed ? 255 * Math.sqrt(Math.min(Math.abs(value) / scale.high, 1)) : 255;
  }
  if (inside) fade(pixels, inside, height, width);
  return pixels;
}

/** Colour marks: 1 for relevance, 2 for contribution, 3 for both. */
export function marked({ values, rows, columns }, inside, height, width) {
  const pixels = new Uint8ClampedArray(height * width * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const mark = values[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)];
      if (mark) pixels.set([...MARKS[mark - 1], 255], (y * width + x) * 4);
    }
  }
  if (inside) fade(pixels, inside, height, width);
  return pixels;
}

function fade(pixels, { values, rows, columns }, height, width) {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const counts = values[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)];
      if (!counts) pixels[(y * width + x) * 4 + 3] *= 0.2;
    }
  }
}

/** Draw the border of marked cells, each edge between a cell that is marked and one that is not. */
export function outline(context, { values, rows, columns }, height, width, colour = "#000") {
  const path = new Path2D();
  const is = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns && values[row * columns + column];
  const x = (column) => (column * width) / columns, y = (row) => (row * height) / rows;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!is(row, column)) continue;
      const edges = [[-1, 0, 0, 0, 0, 1], [1, 0, 1, 0, 1, 1], [0, -1, 0, 0, 1, 0], [0, 1, 0, 1, 1, 1]];
      for (const [down, across, r0, c0, r1, c1] of edges) {
        if (is(row + down, column + across)) continue;
        path.moveTo(x(column + c0), y(row + r0));
        path.lineTo(x(column + c1), y(row + r1));
      }
    }
  }
  stroke(context, path, colour === "#000" ? "#fff" : "#000", 3.5);
  stroke(context, path, colour, 2);
}

/** Draw in white where a map crosses a value, of the locations that count; by its enlarged pixels. */
export function contour(context, map, value, inside, height, width) {
  const large = enlarge(map, height, width), image = context.createImageData(width, height), { rows, columns } = map;
  const counts = (x, y) => !inside || inside.values[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)];
  const above = (x, y) => large[y * width + x] > value && counts(x, y);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!above(x, y)) continue;
      const edge = (x > 0 && !above(x - 1, y)) || (x < width - 1 && !above(x + 1, y))
        || (y > 0 && !above(x, y - 1)) || (y < height - 1 && !above(x, y + 1));
      if (edge) image.data.set([255, 255, 255, 255], (y * width + x) * 4);
    }
  }
  context.putImageData(image, 0, 0);
}

/** Draw a box given in shares of the canvas. */
export function box(context, [left, top, right, bottom], colour, dashed) {
  const { width, height } = context.canvas, path = new Path2D();
  path.rect(left * width, top * height, (right - left) * width, (bottom - top) * height);
  context.setLineDash([]);
  stroke(context, path, "#000", 4);
  context.setLineDash(dashed ? [7, 5] : []);
  stroke(context, path, colour, 2);
  context.setLineDash([]);
}

function stroke(context, path, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}
