// All pictures as thumbnails, and the patches of the greatest and least values.

import { make, picker } from "./dom.js";
import { extremes } from "./found.js";
import { box } from "./paint.js";
import { number, percent, shortName, signed } from "./words.js";

const PATCHES = 8;
const PATCH = 112;

const ORDERS = [
  ["as given", () => 0],
  ["most of the concept", (found, at) => -found.share(at)],
  ["least of the concept", (found, at) => found.share(at)],
  ["strongest anywhere", (found, at) => -found.score("relevance_max", at)],
  ["most for the class", (found, at) => -found.score("sacv_score", at)],
  ["most against the class", (found, at) => found.score("sacv_score", at)],
  ["surest of the class", (found, at) => -found.images[at.image].targets[at.target][1]],
  ["name", null],
];

const FILTERS = [
  ["all pictures", () => true],
  ["where the concept is seen", (found, at) => found.share(at) > 0],
  ["where it is not seen", (found, at) => !(found.share(at) > 0)],
  ["with a doubt", (found, at) => found.doubts(at).length > 0],
];

/** The pictures, in an order, as far as a filter lets them through. */
export class Gallery {
  constructor(found, choose) {
    this.found = found;
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
        target.querySelector("img").src = found.picture(image, 0, this.middle(image));
        this.seen.unobserve(target);
      }
    }, { rootMargin: "300px" });
    this.items = found.images.map((image, number) => this.item(image, number, choose));
    this.element = make("section", { class: "gallery", "aria-label": "all pictures" },
      make("h2", {}, "All pictures"),
      make("div", { class: "bar" }, this.order.element, this.filter.element, this.words, this.count), this.list);
  }

  middle(image) {
    const { planes } = this.found.images[image];
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
    const { found } = this, wanted = this.words.value.toLowerCase();
    const order = ORDERS[Number(this.order.select.value)], [, passes] = FILTERS[Number(this.filter.select.value)];
    const key = JSON.stringify([view.concept, view.layer, view.target, order[0], this.filter.select.value, wanted]);
    if (key !== this.shown) {
      this.shown = key;
      const each = found.images.map((image, number) => ({ number, image, at: { ...view, image: number } }));
      const left = each.filter(({ image, at }) => passes(found, at) && image.path.toLowerCase().includes(wanted));
      if (order[1] === null) left.sort((one, other) => one.image.path.localeCompare(other.image.path));
      else left.sort((one, other) => order[1](found, one.at) - order[1](found, other.at) || one.number - other.number);
      for (const { number, at } of left) {
        const score = found.silent(view) ? "" : ` · ${signed(found.score("sacv_score", at))}`;
        this.items[number].figure.textContent = percent(found.share(at)) + score;
      }
      this.list.replaceChildren(...left.map(({ number }) => this.items[number].element));
      this.count.textContent = `${left.length} of ${found.images.length}`;
    }
    this.items.forEach(({ button }, number) => button.setAttribute("aria-current", String(number === view.image)));
  }
}

/** The places of the greatest and the least values of the current map, in all pictures that are shown. */
export class Patches {
  constructor(found, choose) {
    this.found = found;
    this.choose = choose;
    this.most = make("div", { class: "strip" });
    this.least = make("div", { class: "strip" });
    this.titles = [make("h3"), make("h3")];
    this.element = make("section", { class: "patches", "aria-label": "strongest and weakest places" },
      this.titles[0], this.most, this.titles[1], this.least);
  }

  render(view) {
    const kind = view.kind === "contribution" ? "contribution" : "relevance", { found } = this;
    const key = JSON.stringify([view.concept, view.layer, view.target, kind, view.plane]);
    if (key === this.shown) return;
    this.shown = key;
    this.element.hidden = !found.offers(kind, view);
    if (this.element.hidden) return;
    const each = found.images.flatMap((_, image) => found.slices({ ...view, image }).map((slice) => ({ ...view, image, slice })));
    const maps = each.map((at) => found.flat(kind, at)), counted = each.map((at) => found.flat("inside", at));
    const words = kind === "contribution" ? ["Places most for it", "Places most against it"]
      : ["Most relevant places", "Least relevant places"];
    [this.most, this.least].forEach((strip, end) => {
      this.titles[end].textContent = `${words[end]}, in all pictures`;
      const places = extremes(maps, PATCHES, end ? -1 : 1, counted, each.map(({ image }) => image));
      strip.replaceChildren(...places.map((one) => this.patch(each[one.map], one)));
    });
  }

  patch(view, { row, column, value }) {
    const { found } = this, image = found.images[view.image], { cell, field } = found.boxes(view, row, column);
    const canvas = make("canvas", { width: PATCH, height: PATCH });
    const other = found.flat("contribution", view), [rows, columns] = found.shape(view);
    const where = image.planes.length ? `${image.planes[view.plane].captions[view.slice]}, ` : "";
    const told = `${number(value)} in ${shortName(image.path)}, ${where}row ${row + 1} of ${rows}, column ${column + 1} of ${columns}`;
    const more = view.kind !== "contribution" && other ? `; contribution ${number(other.values[row * columns + column])}` : "";
    crop(found.picture(view.image, view.plane, view.slice), canvas, field ?? around(cell), cell);
    const { slice } = view, place = { x: (column + 0.5) / columns, y: (row + 0.5) / rows };
    const go = () => this.choose({ image: view.image, ...(slice === undefined ? {} : { slice }) }, place);
    return make("button", { type: "button", title: `${told}${more}\n${image.path}`, on: { click: go } },
      canvas, make("span", { class: "figure" }, number(value)), make("span", { class: "name" }, shortName(image.path)));
  }
}

/** Three cells each way, where the receptive field is not known. */
function around([left, top, right, bottom]) {
  const across = right - left, down = bottom - top;
  return [left - across, top - down, right + across, bottom + down];
}

async function crop(address, canvas, field, cell) {
  const picture = new Image();
  picture.src = address;
  await picture.decode().catch(() => null);
  const [left, top, right, bottom] = field.map((share) => Math.min(Math.max(share, 0), 1));
  const x = left * picture.naturalWidth, y = top * picture.naturalHeight;
  const width = Math.max((right - left) * picture.naturalWidth, 1), height = Math.max((bottom - top) * picture.naturalHeight, 1);
  const factor = PATCH / Math.max(width, height);
  Object.assign(canvas, { width: Math.max(Math.round(width * factor), 1), height: Math.max(Math.round(height * factor), 1) });
  const context = canvas.getContext("2d");
  context.drawImage(picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
  const inner = [(cell[0] - left) / (right - left), (cell[1] - top) / (bottom - top),
    (cell[2] - left) / (right - left), (cell[3] - top) / (bottom - top)];
  box(context, inner, "#fff", false);
}
