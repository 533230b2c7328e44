// One picture with a map over it: drawing, hovering, pinning.

import { scaleOf } from "./colours.js";
import { make } from "./dom.js";
import { box, coloured, contour, marked, outline } from "./paint.js";

const LONGEST = 640;
/** How much of its colour a picture loses below a kind of map, so that the colours of the map stand out. */
const GREY = { relevance: 0.6, contribution: 0.9, present: 0.6, chance: 0.6 };
/** Around what counts, where masks say so. */
const AMBER = "#ffbf00";

/**
 * A pane calls `moved(place)` as the pointer goes, with {x, y} in shares of the region or null, and `pinned(place)` on a
 * click or Enter.
 */
export class Pane {
  constructor(found, name, { moved, pinned, sliced }) {
    this.found = found;
    this.photo = make("img", { alt: "", draggable: "false" });
    this.colours = make("canvas", { class: "colours" });
    this.lines = make("canvas", { class: "lines" });
    this.top = make("canvas", { class: "top" });
    this.stage = make("div", {
      class: "stage", tabindex: "0", role: "application", "aria-roledescription": "picture with a map", "aria-label": name,
    }, this.photo, this.colours, this.lines, this.top);
    this.plane = make("select", { "aria-label": "plane" });
    this.slice = make("input", { type: "range", min: 0, step: 1, "aria-label": "slice" });
    this.where = make("span", { class: "soft" });
    this.slices = make("div", { class: "slices" }, this.plane, this.slice, this.where);
    this.caption = make("figcaption");
    this.element = make("figure", { class: "pane" }, this.caption, this.stage, this.slices);
    this.plane.addEventListener("change", () => sliced(Number(this.plane.value), null));
    this.slice.addEventListener("input", () => sliced(Number(this.plane.value), Number(this.slice.value)));
    this.stage.addEventListener("pointermove", (event) => moved(this.placeAt(event)));
    this.stage.addEventListener("pointerleave", () => moved(null));
    this.stage.addEventListener("click", (event) => pinned(this.placeAt(event)));
  }

  /** Where in the region of the map a pointer stands; null outside. */
  placeAt(event) {
    const frame = this.stage.getBoundingClientRect(), [left, top, right, bottom] = this.found.images[this.view.image].region;
    const x = ((event.clientX - frame.left) / frame.width - left) / (right - left);
    const y = ((event.clientY - frame.top) / frame.height - top) / (bottom - top);
    return x >= 0 && x < 1 && y >= 0 && y < 1 ? { x, y } : null;
  }

  /** The row and column of a place. */
  cellAt(place) {
    const [rows, columns] = this.found.shape(this.view);
    return [Math.min(Math.floor(place.y * rows), rows - 1), Math.min(Math.floor(place.x * columns), columns - 1)];
  }

  /** Draw a view: image, concept, layer, target, kind, plane, slice; with opacity, thresholds and `own` scale. */
  draw(view, { opacity, thresholds, own }, label) {
    Object.assign(this, { view, label });
    const found = this.found, image = found.images[view.image], address = found.picture(view.image, view.plane, view.slice);
    if (this.photo.getAttribute("src") !== address) this.photo.setAttribute("src", address);
    const [width, height] = sized(image.planes.length ? this.sliceSize(view) : image.size);
    this.stage.style.aspectRatio = `${width} / ${height}`;
    this.stage.classList.toggle("coarse", Math.max(...image.size) < 128);
    this.stage.setAttribute("aria-label", label);
    this.grey = GREY[view.kind];
    this.photo.style.filter = `grayscale(${this.grey})`;
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
    const found = this.found, [left, top, right, bottom] = found.images[view.image].region;
    const x = Math.round(left * width), y = Math.round(top * height);
    const w = Math.max(Math.round(right * width) - x, 1), h = Math.max(Math.round(bottom * height) - y, 1);
    const context = this.colours.getContext("2d"), lines = this.lines.getContext("2d");
    lines.fillStyle = "rgba(0, 0, 0, 0.55)";
    lines.fillRect(0, 0, width, height);
    lines.clearRect(x, y, w, h);
    this.scale = null;
    if (!found.offers(view.kind, view)) return;
    const inside = found.flat("inside", view), sheet = new OffscreenCanvas(w, h), pen = sheet.getContext("2d");
    if (view.kind === "relevance" || view.kind === "contribution") {
      this.scale = scaleOf(view.kind, found.range(view.kind, view, own));
      const map = found.flat(view.kind, view);
      context.putImageData(new ImageData(coloured(map, this.scale, thresholds[view.kind], inside, h, w), w, h), x, y);
      if (view.kind === "relevance") contour(pen, map, 0, inside, h, w);
      const marks = this.marks(view);
      if (marks) outline(pen, marks, h, w);
    } else {
      const marks = view.kind === "present" ? found.flat("present", view) : this.chance(view);
      context.putImageData(new ImageData(marked(marks, inside, h, w), w, h), x, y);
      outline(pen, marks, h, w);
    }
    if (inside) outline(pen, inside, h, w, AMBER);
    lines.drawImage(sheet, x, y);
  }

  /** The black lines of a map: where the concept is present, or beats chance. */
  marks(view) {
    if (view.kind === "contribution") return this.found.flat("contribution_marks", view);
    return this.found.offers("present", view) ? this.found.flat("present", view) : this.found.flat("relevance_marks", view);
  }

  /** 1 where relevance beats chance, 2 where the derivative does, 3 where both do. */
  chance(view) {
    const one = this.found.flat("relevance_marks", view), other = this.found.flat("contribution_marks", view);
    const values = one.values.map((mark, at) => mark + 2 * (other ? other.values[at] : 0));
    return { ...one, values };
  }

  sliceSize(view) {
    const [rows, columns] = this.found.shape(view), natural = this.photo;
    return natural.complete && natural.naturalWidth ? [natural.naturalWidth, natural.naturalHeight] : [columns, rows];
  }

  showSlices(planes, view) {
    if (this.plane.options.length !== planes.length) {
      this.plane.replaceChildren(...planes.map((one, number) => make("option", { value: number }, one.name)));
      this.photo.addEventListener("load", () => this.again?.());
    }
    this.plane.value = view.plane;
    this.slice.max = planes[view.plane].captions.length - 1;
    this.slice.value = view.slice;
    this.where.textContent = planes[view.plane].captions[view.slice];
  }

  /** Draw the cell and the receptive field of a place, or of none; a pinned one has a full line. */
  point(place, pinned) {
    const context = this.top.getContext("2d");
    context.clearRect(0, 0, this.top.width, this.top.height);
    for (const [one, colour] of [[pinned, "#ffd400"], [place, "#fff"]]) {
      if (!one) continue;
      const { cell, field } = this.found.boxes(this.view, ...this.cellAt(one));
      if (field) box(context, field, colour, true);
      box(context, cell, colour, false);
    }
  }
}

function sized([width, height]) {
  const factor = LONGEST / Math.max(width, height);
  return [Math.max(Math.round(width * factor), 1), Math.max(Math.round(height * factor), 1)];
}
