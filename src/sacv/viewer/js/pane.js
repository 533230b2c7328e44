// One image with a map over it: drawing, hovering, pinning.

import { scaleOf } from "./colours.js";
import { make } from "./dom.js";
import { box, colourMap, colourMask, contour, outline } from "./paint.js";

const LONGEST = 640;
/** The share of its colour that an image loses below a kind of map, so that the colours of the map stand out. */
const GREY = { relevance: 0.6, contribution: 0.9, present: 0.6, chance: 0.6 };
/** The line around the locations that count, where masks leave others out. */
const AMBER = "#ffbf00";

/**
 * A pane calls `moved(position)` as the pointer moves, with {x, y} in shares of the region or null, and `pinned(position)`
 * on a click.
 */
export class Pane {
  constructor(explanation, name, { moved, pinned, sliced }) {
    this.explanation = explanation;
    this.image = make("img", { alt: "", draggable: "false" });
    this.colours = make("canvas", { class: "colours" });
    this.lines = make("canvas", { class: "lines" });
    this.top = make("canvas", { class: "top" });
    this.stage = make("div", {
      class: "stage", tabindex: "0", role: "application", "aria-roledescription": "image with a map", "aria-label": name,
    }, this.image, this.colours, this.lines, this.top);
    this.plane = make("select", { "aria-label": "plane" });
    this.slice = make("input", { type: "range", min: 0, step: 1, "aria-label": "slice" });
    this.where = make("span", { class: "soft" });
    this.slices = make("div", { class: "slices" }, this.plane, this.slice, this.where);
    this.caption = make("figcaption");
    this.element = make("figure", { class: "pane" }, this.caption, this.stage, this.slices);
    this.plane.addEventListener("change", () => sliced(Number(this.plane.value), null));
    this.slice.addEventListener("input", () => sliced(Number(this.plane.value), Number(this.slice.value)));
    this.stage.addEventListener("pointermove", (event) => moved(this.positionAt(event)));
    this.stage.addEventListener("pointerleave", () => moved(null));
    this.stage.addEventListener("click", (event) => pinned(this.positionAt(event)));
  }

  /** The position of the pointer in the region of the map; null outside. */
  positionAt(event) {
    const frame = this.stage.getBoundingClientRect(), [left, top, right, bottom] = this.explanation.images[this.view.image].region;
    const x = ((event.clientX - frame.left) / frame.width - left) / (right - left);
    const y = ((event.clientY - frame.top) / frame.height - top) / (bottom - top);
    return x >= 0 && x < 1 && y >= 0 && y < 1 ? { x, y } : null;
  }

  /** The row and column of a position. */
  cellAt({ x, y }) {
    const [rows, columns] = this.explanation.shape(this.view);
    return [Math.min(Math.floor(y * rows), rows - 1), Math.min(Math.floor(x * columns), columns - 1)];
  }

  /** Draw a view: image, concept, layer, target, kind, plane, slice; with opacity, thresholds and `own` scale. */
  draw(view, { opacity, thresholds, own }, label) {
    Object.assign(this, { view, label });
    const explanation = this.explanation, image = explanation.images[view.image], address = explanation.url(view.image, view.plane, view.slice);
    if (this.image.getAttribute("src") !== address) this.image.setAttribute("src", address);
    const [width, height] = sized(image.planes.length ? this.sliceSize(view) : image.size);
    this.stage.style.aspectRatio = `${width} / ${height}`;
    this.stage.classList.toggle("coarse", Math.max(...image.size) < 128);
    this.stage.setAttribute("aria-label", label);
    this.grey = GREY[view.kind];
    this.image.style.filter = `grayscale(${this.grey})`;
    this.colours.style.opacity = opacity;
    const key = JSON.stringify([view, thresholds, own, width, height]);
    if (key !== this.drawn) {
      this.drawn = key;
      for (const canvas of [this.colours, this.lines, this.top]) Object.assign(canvas, { width, height });
      this.paint(view, thresholds, own, width, height);
    }
    this.slices.hidden = !image.planes.length;
    if (image.planes.length) this.showSlices(image.planes, view);
  }

  paint(view, thresholds, own, width, height) {
    const explanation = this.explanation, [left, top, right, bottom] = explanation.images[view.image].region;
    const x = Math.round(left * width), y = Math.round(top * height);
    const w = Math.max(Math.round(right * width) - x, 1), h = Math.max(Math.round(bottom * height) - y, 1);
    const context = this.colours.getContext("2d"), lines = this.lines.getContext("2d");
    lines.fillStyle = "rgba(0, 0, 0, 0.55)";
    lines.fillRect(0, 0, width, height);
    lines.clearRect(x, y, w, h);
    this.scale = this.colour = null;
    if (!explanation.offers(view.kind, view)) return;
    const inside = explanation.flat("inside", view), mask = this.mask(view), sheet = new OffscreenCanvas(w, h), pen = sheet.getContext("2d");
    if (view.kind === "relevance" || view.kind === "contribution") {
      this.scale = scaleOf(view.kind, explanation.range(view.kind, view, own));
      const map = explanation.flat(view.kind, view);
      this.colour = (rows, columns) => colourMap(map, this.scale, thresholds[view.kind], inside, rows, columns);
      if (view.kind === "relevance") contour(pen, map, 0, inside, h, w);
    } else this.colour = (rows, columns) => colourMask(mask, inside, rows, columns);
    context.putImageData(new ImageData(this.colour(h, w), w, h), x, y);
    if (mask) outline(pen, mask, h, w);
    if (inside) outline(pen, inside, h, w, AMBER);
    lines.drawImage(sheet, x, y);
  }

  /** The mask of a kind of map, with black lines around it; of both maps 1 for relevance, 2 for contribution, 3 for both. */
  mask(view) {
    const { kind } = view, { explanation } = this, [relevance, contribution] = ["relevance_marks", "contribution_marks"].map((name) => explanation.flat(name, view));
    if (kind === "contribution") return contribution;
    if (kind === "chance") return { ...relevance, values: relevance.values.map((value, at) => value + 2 * (contribution?.values[at] ?? 0)) };
    return explanation.offers("present", view) ? explanation.flat("present", view) : relevance;
  }

  sliceSize(view) {
    const { complete, naturalWidth, naturalHeight } = this.image;
    return complete && naturalWidth ? [naturalWidth, naturalHeight] : [...this.explanation.shape(view)].reverse();
  }

  showSlices(planes, view) {
    if (this.plane.options.length !== planes.length) {
      this.plane.replaceChildren(...planes.map((one, number) => make("option", { value: number }, one.name)));
      this.image.addEventListener("load", () => this.again?.());
    }
    this.plane.value = view.plane;
    this.slice.max = planes[view.plane].captions.length - 1;
    this.slice.value = view.slice;
    this.where.textContent = planes[view.plane].captions[view.slice];
  }

  /** Draw the cell and the receptive field of a position and of the pinned one; either may be null. */
  point(position, pinned) {
    const context = this.top.getContext("2d");
    context.clearRect(0, 0, this.top.width, this.top.height);
    for (const [one, colour] of [[pinned, "#ffd400"], [position, "#fff"]]) {
      if (!one) continue;
      const { cell, field } = this.explanation.boxes(this.view, ...this.cellAt(one));
      if (field) box(context, field, colour, true);
      box(context, cell, colour, false);
    }
  }
}

function sized([width, height]) {
  const factor = LONGEST / Math.max(width, height);
  return [Math.max(Math.round(width * factor), 1), Math.max(Math.round(height * factor), 1)];
}
