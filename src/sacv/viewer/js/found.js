// What is shown, as maps, scores and labels by their numbers.

const HALF = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits++) {
  const sign = bits & 0x8000 ? -1 : 1, power = (bits >> 10) & 31, rest = bits & 1023;
  HALF[bits] = sign * (power === 0 ? rest * 2 ** -24
    : power === 31 ? (rest ? NaN : Infinity) : (1 + rest / 1024) * 2 ** (power - 15));
}

/** Numbers of two bytes, float16 as it lies in memory, as numbers of four. */
export function halves(words, scale) {
  const values = new Float32Array(words.length);
  for (let at = 0; at < words.length; at++) values[at] = HALF[words[at]] * scale;
  return values;
}

/** The labels and arrays of an element, by image, concept, layer and target. */
export class Found {
  /** @param {{header: object, arrays: Object<string, ArrayLike>}} data see docs/viewer.md */
  constructor(data) {
    this.header = data.header;
    this.arrays = data.arrays;
    this.images = data.header.images;
    this.concepts = data.header.concepts;
    this.layers = data.header.layers;
    this.targets = data.header.targets;
    this.cache = new Map();
    this.urls = new Map();
  }

  has(name) {
    return name in this.header.arrays;
  }

  /** All values of an array. */
  whole(name) {
    if (!this.cache.has(name)) {
      const told = this.header.arrays[name], raw = this.arrays[name];
      this.cache.set(name, told.dtype === "f2" ? halves(raw, told.scale) : raw);
    }
    return this.cache.get(name);
  }

  /** The array that holds a kind of map at a layer; none if there is no such map. */
  nameOf(kind, layer, target) {
    const own = kind === "contribution" || kind === "contribution_marks" ? `/${target}` : "";
    const name = `maps/${layer}/${kind}${own}`;
    return this.has(name) ? name : null;
  }

  /** Whether contribution at a layer says nothing of places. */
  silent({ layer, target }) {
    return this.layers[layer].silent[target];
  }

  /** Whether a kind of map says something. */
  offers(kind, { layer, concept, target }) {
    if (kind === "contribution") return !this.silent({ layer, target });
    if (kind === "present") return this.nameOf(kind, layer) !== null && this.header.cards[layer][concept].line === "present";
    if (kind === "chance") return this.nameOf("relevance_marks", layer) !== null;
    return this.nameOf(kind, layer, target) !== null;
  }

  /** A map over the whole grid, {values, grid}; for a volume all its planes. */
  map(kind, { image, concept, layer, target }) {
    const name = this.nameOf(kind, layer, target);
    if (name === null) return null;
    const grid = this.layers[layer].grid, cells = grid.reduce((a, b) => a * b, 1);
    const start = (image * this.concepts.length + concept) * cells;
    return { values: this.whole(name).subarray(start, start + cells), grid };
  }

  /** Which locations count, or none where all do. */
  inside({ image, layer }) {
    const name = `maps/${layer}/inside`;
    if (!this.has(name)) return null;
    const grid = this.layers[layer].grid, cells = grid.reduce((a, b) => a * b, 1);
    return { values: this.whole(name).subarray(image * cells, (image + 1) * cells), grid };
  }

  /** The map of a picture, or of a volume one slice of it: {values, rows, columns}. */
  flat(kind, at) {
    const map = kind === "inside" ? this.inside(at) : this.map(kind, at);
    if (map === null) return null;
    const planes = this.images[at.image].planes;
    return cut(map, planes.length ? planes[at.plane] : null, planes.length ? this.cell(at) : 0);
  }

  /** Of a volume the cell that a slice lies in. */
  cell({ image, layer, plane, slice }) {
    const { axis, captions } = this.images[image].planes[plane];
    return Math.floor(((slice + 0.5) * this.layers[layer].grid[axis]) / captions.length);
  }

  /** Of a volume the slice where a concept is most relevant. */
  bestSlice(at) {
    const planes = this.images[at.image].planes;
    if (!planes.length) return 0;
    const { values, grid } = this.map("relevance", at), { axis, captions } = planes[at.plane];
    let best = 0;
    for (let place = 1; place < values.length; place++) if (values[place] > values[best]) best = place;
    const cell = [Math.floor(best / (grid[1] * grid[2])), Math.floor(best / grid[2]) % grid[1], best % grid[2]][axis];
    return middle(cell, captions.length, grid[axis]);
  }

  /** The slices in the middle of each cell that a plane goes through; of a picture one, without a number. */
  slices({ image, layer, plane }) {
    const { planes } = this.images[image];
    if (!planes.length) return [undefined];
    const { axis, captions } = planes[plane], cells = this.layers[layer].grid[axis];
    return Array.from({ length: cells }, (_, cell) => middle(cell, captions.length, cells));
  }

  /** A score of a picture, or NaN. */
  score(name, { image, concept, layer, target }) {
    if (!this.has(`scores/${name}`)) return NaN;
    const [, layers, concepts, images] = this.header.arrays[`scores/${name}`].shape;
    return this.whole(`scores/${name}`)[((target * layers + layer) * concepts + concept) * images + image];
  }

  /** Mean SACV score over all images and its interval, [mean, low, high]. */
  summary({ concept, layer, target }) {
    const start = ((target * this.layers.length + layer) * this.concepts.length + concept) * 3;
    return [...this.whole("summary").subarray(start, start + 3)];
  }

  /** The share of a picture where a concept is seen, by the strictest mask that there is. */
  share(at) {
    const line = this.header.cards[at.layer][at.concept].line;
    return this.score(line === "present" ? "present" : line ? "relevance_significant" : "relevant", at);
  }

  /** What was checked of a picture: [{text, figure, doubt}], doubts first. */
  checks({ image, concept, layer, target }) {
    const { checks, sentences } = this.header;
    return checks[target][layer][concept][image].map(([kind, figure]) => ({ text: sentences[kind][0], figure, doubt: sentences[kind][1] }));
  }

  /** What speaks against its maps. */
  doubts(at) {
    return this.checks(at).filter(({ doubt }) => doubt);
  }

  /** Decode what the pointer will ask for at a layer, so that it need not wait. */
  warm({ layer, target }) {
    for (const kind of ["relevance", "contribution", "present", "relevance_marks", "contribution_marks"]) {
      const name = this.nameOf(kind, layer, target);
      if (name !== null) this.whole(name);
    }
  }

  /** The least and greatest value of the locations that count: at a layer for all, or of one map alone. */
  range(kind, at, own) {
    if (own) return extent(this.flat(kind, at).values, this.flat("inside", at)?.values);
    const name = this.nameOf(kind, at.layer, at.target), key = `range ${name}`;
    if (!this.cache.has(key)) {
      const each = this.images.map((_, image) => this.concepts.map((_, concept) => {
        const here = { ...at, image, concept };
        return extent(this.map(kind, here).values, this.inside(here)?.values);
      })).flat().filter((ends) => ends !== NOTHING);
      const ends = [Math.min(...each.map(([low]) => low)), Math.max(...each.map(([, high]) => high))];
      this.cache.set(key, each.length ? ends : NOTHING);
    }
    return this.cache.get(key);
  }

  /** The cell and the receptive field of a location as shares of the picture; the field is null if it is not known. */
  boxes({ image, layer, plane }, row, column) {
    const { region, planes } = this.images[image], { fields, grid } = this.layers[layer];
    const [rows, columns] = sides(grid, planes.length ? planes[plane] : null);
    const place = (l, t, r, b) => {
      const across = region[2] - region[0], down = region[3] - region[1];
      return [region[0] + l * across, region[1] + t * down, region[0] + r * across, region[1] + b * down];
    };
    const cell = place(column / columns, row / rows, (column + 1) / columns, (row + 1) / rows);
    if (!fields) return { cell, field: null };
    const [top, bottom] = fields[0][row], [left, right] = fields[1][column];
    return { cell, field: place(left, top, right, bottom) };
  }

  /** Rows and columns of a map as it is drawn. */
  shape({ image, layer, plane }) {
    const planes = this.images[image].planes;
    return sides(this.layers[layer].grid, planes.length ? planes[plane] : null);
  }

  /** The bytes of a picture, a JPEG. */
  file({ image, plane, slice }) {
    return this.arrays[`pictures/${image}/${this.images[image].planes.length ? `${plane}/${slice}` : "0"}`];
  }

  /** The address of a picture, made when it is first needed. */
  picture(image, plane = 0, slice = 0) {
    const bytes = this.file({ image, plane, slice });
    if (!this.urls.has(bytes)) this.urls.set(bytes, URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
    return this.urls.get(bytes);
  }

  /** Let go of all pictures. */
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
    if (counted && !counted[at]) continue;
    const value = values[at];
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return low <= high ? [low, high] : NOTHING;
}

function sides(grid, plane) {
  return plane === null ? grid : grid.filter((_, axis) => axis !== plane.axis);
}

/** A plane of a map of a volume, or a map as it is. */
export function cut({ values, grid }, plane, cell) {
  if (plane === null) return { values, rows: grid[0], columns: grid[1] };
  const [rows, columns] = sides(grid, plane), strides = [grid[1] * grid[2], grid[2], 1];
  const [down, across] = strides.filter((_, axis) => axis !== plane.axis);
  const found = new values.constructor(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = cell * strides[plane.axis] + (plane.flipped ? rows - 1 - row : row) * down;
    for (let column = 0; column < columns; column++) found[row * columns + column] = values[from + column * across];
  }
  return { values: found, rows, columns };
}

/**
 * The locations of the greatest values of some maps, passing over neighbours of those taken: [{map, row, column, value}].
 *
 * @param {Array<{values, rows, columns}>} maps
 * @param {number} count how many
 * @param {number} sign 1 for the greatest, -1 for the least
 * @param {Array<{values}|null>} counted by map, which locations may be taken
 * @param {Array} wholes by map, what it is of: maps of the same that follow each other are neighbouring slices
 */
export function extremes(maps, count, sign, counted = [], wholes = maps) {
  const all = [];
  maps.forEach(({ values, columns }, map) => {
    const best = [];
    for (let at = 0; at < values.length; at++) {
      const value = sign * values[at];
      if (counted[map] && !counted[map].values[at]) continue;
      if (Number.isFinite(value) && (best.length < count * 9 || value > best[best.length - 1].key)) {
        let place = best.length;
        while (place > 0 && best[place - 1].key < value) place--;
        best.splice(place, 0, { key: value, map, row: Math.floor(at / columns), column: at % columns, value: values[at] });
        if (best.length > count * 9) best.pop();
      }
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
