// The maps, scores and labels of an explanation, by the numbers of image, concept, layer and target.

/** The types of arrays as their bytes lie in memory; float16 is decoded when it is first needed. */
export const TYPES = { f2: Uint16Array, f4: Float32Array, u1: Uint8Array };

const HALF = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits++) {
  const sign = bits & 0x8000 ? -1 : 1, power = (bits >> 10) & 31, rest = bits & 1023;
  HALF[bits] = sign * (power === 0 ? rest * 2 ** -24
    : power === 31 ? (rest ? NaN : Infinity) : (1 + rest / 1024) * 2 ** (power - 15));
}

/** Decode float16, given as its bits, to numbers times a scale. */
export function halves(words, scale) {
  const values = new Float32Array(words.length);
  for (let at = 0; at < words.length; at++) values[at] = HALF[words[at]] * scale;
  return values;
}

/** The labels and arrays that an element draws. */
export class Explanation {
  /** @param {{header: object, arrays: Object<string, ArrayLike>}} data see docs/viewer.md */
  constructor({ header, arrays }) {
    const { images, concepts, layers, targets } = header;
    Object.assign(this, { header, arrays, images, concepts, layers, targets, cache: new Map(), urls: new Map() });
  }

  has(name) {
    return name in this.header.arrays;
  }

  /** All values of an array. */
  array(name) {
    if (!this.cache.has(name)) {
      const { dtype, scale } = this.header.arrays[name], raw = this.arrays[name];
      this.cache.set(name, dtype === "f2" ? halves(raw, scale) : raw);
    }
    return this.cache.get(name);
  }

  /** The name of the array of a kind of map at a layer; null if there is no such map. */
  nameOf(kind, layer, target) {
    const name = `maps/${layer}/${kind}${kind.startsWith("contribution") ? `/${target}` : ""}`;
    return this.has(name) ? name : null;
  }

  /** Whether contribution at a layer cannot differ between locations. */
  silent({ layer, target }) {
    return this.layers[layer].silent[target];
  }

  /** Whether a kind of map can be drawn. */
  offers(kind, { layer, concept, target }) {
    if (kind === "contribution") return !this.silent({ layer, target });
    if (kind === "present" && this.header.cards[layer][concept].line !== "present") return false;
    return this.nameOf(kind === "chance" ? "relevance_marks" : kind, layer, target) !== null;
  }

  /** A map over the whole grid, or "inside", the locations that count: {values, grid}, or null if there is none. */
  map(kind, { image, concept, layer, target }) {
    const name = this.nameOf(kind, layer, target);
    if (name === null) return null;
    const grid = this.layers[layer].grid, cells = grid.reduce((a, b) => a * b, 1);
    const start = (kind === "inside" ? image : image * this.concepts.length + concept) * cells;
    return { values: this.array(name).subarray(start, start + cells), grid };
  }

  /** The plane of a volume that is shown: {axis, flipped, captions}; null for an image. */
  plane({ image, plane }) {
    return this.images[image].planes[plane] ?? null;
  }

  /** A map in two dimensions, of a volume at one slice: {values, rows, columns}. */
  flat(kind, at) {
    const map = this.map(kind, at), plane = this.plane(at);
    return map && cut(map, plane, plane && this.cell(at));
  }

  /** The cell of a volume that a slice lies in. */
  cell({ image, layer, plane, slice }) {
    const { axis, captions } = this.images[image].planes[plane];
    return Math.floor(((slice + 0.5) * this.layers[layer].grid[axis]) / captions.length);
  }

  /** The slice of a volume with the highest relevance; 0 for an image. */
  bestSlice(at) {
    const plane = this.plane(at);
    if (plane === null) return 0;
    const { values, grid } = this.map("relevance", at), { axis, captions } = plane;
    let best = 0;
    for (let cell = 1; cell < values.length; cell++) if (values[cell] > values[best]) best = cell;
    const cell = [Math.floor(best / (grid[1] * grid[2])), Math.floor(best / grid[2]) % grid[1], best % grid[2]][axis];
    return middle(cell, captions.length, grid[axis]);
  }

  /** The slices in the middle of each cell along a plane's axis; [undefined] for an image. */
  slices(at) {
    const plane = this.plane(at), cells = plane && this.layers[at.layer].grid[plane.axis];
    return plane ? Array.from({ length: cells }, (_, cell) => middle(cell, plane.captions.length, cells)) : [undefined];
  }

  /** A score of an image, or NaN. */
  score(name, { image, concept, layer, target }) {
    if (!this.has(`scores/${name}`)) return NaN;
    const [, layers, concepts, images] = this.header.arrays[`scores/${name}`].shape;
    return this.array(`scores/${name}`)[((target * layers + layer) * concepts + concept) * images + image];
  }

  /** Mean SACV score over all images and its interval, [mean, low, high]. */
  summary({ concept, layer, target }) {
    const start = ((target * this.layers.length + layer) * this.concepts.length + concept) * 3;
    return [...this.array("summary").subarray(start, start + 3)];
  }

  /** The share of an image where a concept is seen: inside the presence mask, else the significance mask, else relevance above 0. */
  share(at) {
    const line = this.header.cards[at.layer][at.concept].line;
    return this.score(line === "present" ? "present" : line ? "relevance_significant" : "relevant", at);
  }

  /** The reliability checks of an image: [{text, figure, warning}], warnings first. */
  checks({ image, concept, layer, target }) {
    const { checks, sentences } = this.header;
    return checks[target][layer][concept][image].map(([kind, figure]) => ({ text: sentences[kind][0], figure, warning: sentences[kind][1] }));
  }

  /** The checks that question the maps of an image. */
  warnings(at) {
    return this.checks(at).filter(({ warning }) => warning);
  }

  /** Decode the maps of a layer, so that the pointer need not wait. */
  decode({ layer, target }) {
    const kinds = ["relevance", "contribution", "present", "relevance_marks", "contribution_marks"];
    for (const name of kinds.map((kind) => this.nameOf(kind, layer, target))) if (name !== null) this.array(name);
  }

  /** Least and greatest value of the locations that count: of all maps at a layer, or of one map alone. */
  range(kind, at, own) {
    if (own) return extent(this.flat(kind, at).values, this.flat("inside", at)?.values);
    const key = `range ${this.nameOf(kind, at.layer, at.target)}`;
    if (!this.cache.has(key)) {
      const views = this.images.flatMap((_, image) => this.concepts.map((_, concept) => ({ ...at, image, concept })));
      const ends = views.map((view) => extent(this.map(kind, view).values, this.map("inside", view)?.values)).filter((one) => one !== NOTHING);
      this.cache.set(key, ends.length ? [Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))] : NOTHING);
    }
    return this.cache.get(key);
  }

  /** The cell and the receptive field of a location in shares of the image; the field is null if it is not known. */
  boxes(at, row, column) {
    const { region: [x, y, right, bottom] } = this.images[at.image], { fields } = this.layers[at.layer], [rows, columns] = this.shape(at);
    const box = (l, t, r, b) => [x + l * (right - x), y + t * (bottom - y), x + r * (right - x), y + b * (bottom - y)];
    const cell = box(column / columns, row / rows, (column + 1) / columns, (row + 1) / rows);
    if (!fields) return { cell, field: null };
    const [top, end] = fields[0][row], [left, past] = fields[1][column];
    return { cell, field: box(left, top, past, end) };
  }

  /** Rows and columns of a map as it is drawn. */
  shape(at) {
    return sides(this.layers[at.layer].grid, this.plane(at));
  }

  /** The bytes of an image, a JPEG. */
  file({ image, plane, slice }) {
    return this.arrays[`pictures/${image}/${this.images[image].planes.length ? `${plane}/${slice}` : "0"}`];
  }

  /** The address of an image, created when it is first needed. */
  url(image, plane = 0, slice = 0) {
    const bytes = this.file({ image, plane, slice });
    if (!this.urls.has(bytes)) this.urls.set(bytes, URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
    return this.urls.get(bytes);
  }

  /** Release all images. */
  close() {
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
    this.urls.clear();
  }
}

const NOTHING = [0, 1];

function middle(cell, slices, cells) {
  return Math.floor(((cell + 0.5) * slices) / cells);
}

/** Least and greatest finite value, of those that count. */
export function extent(values, counted) {
  let low = Infinity, high = -Infinity;
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if ((counted && !counted[at]) || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : NOTHING;
}

function sides(grid, plane) {
  return plane === null ? grid : grid.filter((_, axis) => axis !== plane.axis);
}

/** A plane of a map of a volume, or the whole map of an image. */
export function cut({ values, grid }, plane, cell) {
  if (plane === null) return { values, rows: grid[0], columns: grid[1] };
  const [rows, columns] = sides(grid, plane), strides = [grid[1] * grid[2], grid[2], 1];
  const [down, across] = strides.filter((_, axis) => axis !== plane.axis);
  const part = new values.constructor(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = cell * strides[plane.axis] + (plane.flipped ? rows - 1 - row : row) * down;
    for (let column = 0; column < columns; column++) part[row * columns + column] = values[from + column * across];
  }
  return { values: part, rows, columns };
}

/**
 * The locations of the greatest values of some maps, without neighbours of greater ones: [{map, row, column, value}].
 *
 * @param {Array<{values, rows, columns}>} maps
 * @param {number} count how many
 * @param {number} sign 1 for the greatest, -1 for the least
 * @param {Array<{values}|null>} counted by map, the locations that count
 * @param {Array} wholes by map, its image: maps of one image that follow each other are neighbouring slices
 */
export function extremes(maps, count, sign, counted = [], wholes = maps) {
  const all = [];
  maps.forEach(({ values, columns }, map) => {
    const best = [];
    for (let at = 0; at < values.length; at++) {
      const key = sign * values[at], counts = !counted[map] || counted[map].values[at];
      if (!counts || !Number.isFinite(key) || (best.length === count * 9 && key <= best[best.length - 1].key)) continue;
      let rank = best.length;
      while (rank > 0 && best[rank - 1].key < key) rank--;
      best.splice(rank, 0, { key, map, row: Math.floor(at / columns), column: at % columns, value: values[at] });
      best.splice(count * 9);
    }
    all.push(...best);
  });
  all.sort((one, other) => other.key - one.key || one.map - other.map || one.row - other.row || one.column - other.column);
  const taken = [];
  for (const one of all) {
    const near = (t) => wholes[t.map] === wholes[one.map] && Math.max(Math.abs(t.map - one.map), Math.abs(t.row - one.row), Math.abs(t.column - one.column)) <= 1;
    if (taken.length < count && !taken.some(near)) taken.push(one);
  }
  return taken;
}
