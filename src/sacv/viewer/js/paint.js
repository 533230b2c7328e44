// Maps, lines and boxes on canvases.

import { colourIndex, MASK_COLOURS } from "./colours.js";

/** Enlarge a map bilinearly with half-pixel centres, so that the middle of a cell has its own value. */
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

/** The function from a pixel to the value of the cell that it lies in. */
function nearest({ values, rows, columns }, height, width) {
  return (x, y) => values[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)];
}

/**
 * Colour a map: RGBA of each pixel.
 *
 * @param {object} map values, rows, columns
 * @param {object} scale from `scaleOf`
 * @param {number} least weaker values are left out: on a signed scale by their size
 * @param {object|null} inside the locations that count; others are drawn faded
 */
export function colourMap(map, scale, least, inside, height, width) {
  const large = enlarge(map, height, width), pixels = new Uint8ClampedArray(height * width * 4);
  for (let at = 0; at < large.length; at++) {
    const value = large[at], size = scale.signed ? Math.abs(value) : value;
    if (!Number.isFinite(value) || size < least) continue;
    const index = colourIndex(scale, value) * 3;
    pixels.set(scale.colours.subarray(index, index + 3), at * 4);
    // On a signed scale values near zero let the image through.
    pixels[at * 4 + 3] = scale.signed ? 255 * Math.sqrt(Math.min(size / scale.high, 1)) : 255;
  }
  return faded(pixels, inside, height, width);
}

/** Colour masks: 1 for relevance, 2 for contribution, 3 for both. */
export function colourMask(mask, inside, height, width) {
  const pixels = new Uint8ClampedArray(height * width * 4), valueAt = nearest(mask, height, width);
  for (let at = 0; at < height * width; at++) {
    const value = valueAt(at % width, Math.floor(at / width));
    if (value) pixels.set([...MASK_COLOURS[value - 1], 255], at * 4);
  }
  return faded(pixels, inside, height, width);
}

function faded(pixels, inside, height, width) {
  const counts = inside && nearest(inside, height, width);
  for (let at = 0; inside && at < height * width; at++) if (!counts(at % width, Math.floor(at / width))) pixels[at * 4 + 3] *= 0.2;
  return pixels;
}

/** Draw the border of a mask: each edge between a cell inside and one outside. */
export function outline(context, { values, rows, columns }, height, width, colour = "#000") {
  const inside = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns && values[row * columns + column] > 0;
  const x = (column) => (column * width) / columns, y = (row) => (row * height) / rows;
  let path = "";
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      if (inside(row, column) !== inside(row - 1, column)) path += `M${x(column)} ${y(row)}H${x(column + 1)}`;
      if (inside(row, column) !== inside(row, column - 1)) path += `M${x(column)} ${y(row)}V${y(row + 1)}`;
    }
  }
  stroke(context, new Path2D(path), colour === "#000" ? "#fff" : "#000", 3.5);
  stroke(context, new Path2D(path), colour, 2);
}

/** Draw in white where an enlarged map crosses a value, among the locations that count. */
export function contour(context, map, value, inside, height, width) {
  const large = enlarge(map, height, width), image = context.createImageData(width, height);
  const counts = inside ? nearest(inside, height, width) : () => true;
  const above = (x, y) => large[y * width + x] > value && counts(x, y);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const edge = above(x, y) && ((x > 0 && !above(x - 1, y)) || (x < width - 1 && !above(x + 1, y))
        || (y > 0 && !above(x, y - 1)) || (y < height - 1 && !above(x, y + 1)));
      if (edge) image.data.set([255, 255, 255, 255], (y * width + x) * 4);
    }
  }
  context.putImageData(image, 0, 0);
}

/** Draw a box, in shares of the canvas. */
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
