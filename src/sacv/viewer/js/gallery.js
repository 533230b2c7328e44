// All images as thumbnails, and the patches of the greatest and least values.

import { make, picker } from "./dom.js";
import { extremes } from "./explanation.js";
import { box } from "./paint.js";
import { number, percent, shortName, signed } from "./words.js";

const PATCHES = 8;
const PATCH = 112;

const ORDERS = [
  ["as given", () => 0],
  ["largest share of the concept", (explanation, at) => -explanation.share(at)],
  ["smallest share of the concept", (explanation, at) => explanation.share(at)],
  ["largest relevance", (explanation, at) => -explanation.score("relevance_max", at)],
  ["highest SACV score", (explanation, at) => -explanation.score("sacv_score", at)],
  ["lowest SACV score", (explanation, at) => explanation.score("sacv_score", at)],
  ["highest logit", (explanation, at) => -explanation.images[at.image].targets[at.target][1]],
  ["name", null],
];

const FILTERS = [
  ["all images", () => true],
  ["where the concept is seen", (explanation, at) => explanation.share(at) > 0],
  ["where it is not seen", (explanation, at) => !(explanation.share(at) > 0)],
  ["with a warning", (explanation, at) => explanation.warnings(at).length > 0],
];

/** The images that pass a filter, in an order. */
export class Gallery {
  constructor(explanation, choose) {
    this.explanation = explanation;
    this.order = picker("sort by", "order", ORDERS.map(([text]) => text), [], () => this.render(this.view));
    this.filter = picker("show", "filter", FILTERS.map(([text]) => text), [], () => this.render(this.view));
    this.words = make("input", { type: "search", id: "words", placeholder: "name", "aria-label": "filter by name" });
    this.words.addEventListener("input", () => this.render(this.view));
    this.count = make("span", { class: "soft", role: "status" });
    this.list = make("ul", { class: "thumbs" });
    this.seen = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        const image = Number(target.dataset.image);
        target.querySelector("img").src = explanation.url(image, 0, this.middle(image));
        this.seen.unobserve(target);
      }
    }, { rootMargin: "300px" });
    this.items = explanation.images.map((image, number) => this.item(image, number, choose));
    this.element = make("section", { class: "gallery", "aria-label": "all images" },
      make("h2", {}, "All images"),
      make("div", { class: "bar" }, this.order.element, this.filter.element, this.words, this.count), this.list);
  }

  middle(image) {
    const { planes } = this.explanation.images[image];
    return planes.length ? planes[0].captions.length >> 1 : 0;
  }

  item(image, number, choose) {
    const figure = make("span", { class: "figure" }), name = make("span", { class: "name" }, shortName(image.path));
    const button = make("button", { type: "button", title: image.path, "data-image": number, on: { click: () => choose(number) } },
      make("img", { alt: "", loading: "lazy", decoding: "async" }), figure, name);
    this.seen.observe(button);
    return { element: make("li", {}, button), button, figure };
  }

  render(view) {
    this.view = view;
    const { explanation } = this, wanted = this.words.value.toLowerCase();
    const order = ORDERS[Number(this.order.select.value)], [, passes] = FILTERS[Number(this.filter.select.value)];
    const key = JSON.stringify([view.concept, view.layer, view.target, order[0], this.filter.select.value, wanted]);
    if (key !== this.shown) {
      this.shown = key;
      const each = explanation.images.map((image, number) => ({ number, image, at: { ...view, image: number } }));
      const left = each.filter(({ image, at }) => passes(explanation, at) && image.path.toLowerCase().includes(wanted));
      if (order[1] === null) left.sort((one, other) => one.image.path.localeCompare(other.image.path));
      else left.sort((one, other) => order[1](explanation, one.at) - order[1](explanation, other.at) || one.number - other.number);
      for (const { number, at } of left) {
        const score = explanation.silent(view) ? "" : ` · ${signed(explanation.score("sacv_score", at))}`;
        this.items[number].figure.textContent = percent(explanation.share(at)) + score;
      }
      this.list.replaceChildren(...left.map(({ number }) => this.items[number].element));
      this.count.textContent = `${left.length} of ${explanation.images.length}`;
    }
    this.items.forEach(({ button }, number) => button.setAttribute("aria-current", String(number === view.image)));
  }
}

/** The locations of the greatest and the least values of the current map, in all images that are shown. */
export class Patches {
  constructor(explanation, choose) {
    this.explanation = explanation;
    this.choose = choose;
    this.most = make("div", { class: "strip" });
    this.least = make("div", { class: "strip" });
    this.titles = [make("h3"), make("h3")];
    this.element = make("section", { class: "patches", "aria-label": "strongest and weakest locations" },
      this.titles[0], this.most, this.titles[1], this.least);
  }

  render(view) {
    const kind = view.kind === "contribution" ? "contribution" : "relevance", { explanation } = this;
    const key = JSON.stringify([view.concept, view.layer, view.target, kind, view.plane]);
    if (key === this.shown) return;
    this.shown = key;
    this.element.hidden = !explanation.offers(kind, view);
    if (this.element.hidden) return;
    const each = explanation.images.flatMap((_, image) => explanation.slices({ ...view, image }).map((slice) => ({ ...view, image, slice })));
    const maps = each.map((at) => explanation.flat(kind, at)), counted = each.map((at) => explanation.flat("inside", at));
    const words = kind === "contribution" ? ["Locations that support it most", "Locations that oppose it most"] : ["Most relevant locations", "Least relevant locations"];
    [this.most, this.least].forEach((strip, end) => {
      this.titles[end].textContent = `${words[end]}, in all images`;
      const locations = extremes(maps, PATCHES, end ? -1 : 1, counted, each.map(({ image }) => image));
      strip.replaceChildren(...locations.map((one) => this.patch(each[one.map], one)));
    });
  }

  patch(view, { row, column, value }) {
    const { explanation } = this, image = explanation.images[view.image], { cell, field } = explanation.boxes(view, row, column);
    const canvas = make("canvas", { width: PATCH, height: PATCH });
    const contribution = explanation.flat("contribution", view), [rows, columns] = explanation.shape(view);
    const where = image.planes.length ? `${image.planes[view.plane].captions[view.slice]}, ` : "";
    const title = `${number(value)} in ${shortName(image.path)}, ${where}row ${row + 1} of ${rows}, column ${column + 1} of ${columns}`;
    const more = view.kind !== "contribution" && contribution ? `; contribution ${number(contribution.values[row * columns + column])}` : "";
    crop(explanation.url(view.image, view.plane, view.slice), canvas, field ?? around(cell), cell);
    const { slice } = view, position = { x: (column + 0.5) / columns, y: (row + 0.5) / rows };
    const go = () => this.choose({ image: view.image, ...(slice === undefined ? {} : { slice }) }, position);
    return make("button", { type: "button", title: `${title}${more}\n${image.path}`, on: { click: go } },
      canvas, make("span", { class: "figure" }, number(value)), make("span", { class: "name" }, shortName(image.path)));
  }
}

/** The cell and its neighbours, drawn where the receptive field is not known. */
function around([left, top, right, bottom]) {
  const across = right - left, down = bottom - top;
  return [left - across, top - down, right + across, bottom + down];
}

async function crop(address, canvas, field, cell) {
  const image = new Image();
  image.src = address;
  await image.decode().catch(() => null);
  const [left, top, right, bottom] = field.map((share) => Math.min(Math.max(share, 0), 1));
  const x = left * image.naturalWidth, y = top * image.naturalHeight;
  const width = Math.max((right - left) * image.naturalWidth, 1), height = Math.max((bottom - top) * image.naturalHeight, 1);
  const factor = PATCH / Math.max(width, height);
  Object.assign(canvas, { width: Math.max(Math.round(width * factor), 1), height: Math.max(Math.round(height * factor), 1) });
  const context = canvas.getContext("2d");
  context.drawImage(image, x, y, width, height, 0, 0, canvas.width, canvas.height);
  const inner = [(cell[0] - left) / (right - left), (cell[1] - top) / (bottom - top),
    (cell[2] - left) / (right - left), (cell[3] - top) / (bottom - top)];
  box(context, inner, "#fff", false);
}
