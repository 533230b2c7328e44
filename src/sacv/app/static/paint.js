// Paint a region of a photo: brush, eraser and polygon, with undo, by pointer or by keyboard.

import { at, request } from "./api.js";
import { button, field, make } from "./dom.js";

/** Longest side of the image that is painted on; the app enlarges the mask to the photo. */
const SIDE = 1000;
/** Maximum height of the image, in percent of the window, so that the tools stay visible. */
const HIGHEST = 72;
const COLOUR = "#ffb000";
const TOOLS = [["brush", "Brush"], ["erase", "Eraser"], ["polygon", "Polygon"]];

export class Painter {
  /** @param {() => void} changed called after each complete change */
  constructor(changed) {
    this.changed = changed;
    this.image = make("img", { alt: "" });
    this.mask = make("canvas", { class: "mask" });
    this.cursorLayer = make("canvas");
    this.sheet = make("div", { class: "sheet", tabindex: 0, role: "application", "aria-label": "photo to paint on: arrows move the brush, space paints, enter closes a polygon, control and z undo" }, this.image, this.mask, this.cursorLayer);
    this.tools = TOOLS.map(([tool, text]) => button(text, () => this.take(tool), { "data-tool": tool }));
    this.size = make("input", { type: "range", min: 1, max: 30, value: 8 });
    this.words = make("p", { class: "soft" });
    this.element = make("div", { class: "painter", hidden: true },
      make("div", { class: "row" }, this.tools, button("Undo", () => this.undo()), button("Clear", () => this.clear()), field("Size of the brush", this.size)),
      this.sheet, this.words);
    Object.assign(this, { operations: [], base: null, corners: [], stroke: null, cursor: null });
    this.take("brush");
    this.sheet.addEventListener("pointerdown", (event) => this.down(event));
    this.sheet.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) this.sheet.addEventListener(kind, () => this.up());
    this.sheet.addEventListener("dblclick", () => this.close());
    this.sheet.addEventListener("keydown", (event) => this.pressed(event));
  }

  /** Open a photo, with the address of its mask or null, and the operations painted after that. */
  async open(photo, mask = null, operations = []) {
    this.image.src = `${at("photos", photo)}?side=${SIDE}`;
    await this.image.decode();
    this.sheet.style.maxWidth = `${(HIGHEST * this.image.naturalWidth) / this.image.naturalHeight}vh`;
    this.element.hidden = false;
    for (const canvas of [this.mask, this.cursorLayer]) [canvas.width, canvas.height] = [this.image.naturalWidth, this.image.naturalHeight];
    Object.assign(this, { operations, base: null, corners: [], stroke: null, cursor: null });
    if (mask) this.base = await createImageBitmap(await (await request(mask)).blob());
    this.draw();
  }

  take(tool) {
    this.tool = tool;
    this.corners = [];
    for (const one of this.tools) one.setAttribute("aria-pressed", String(one.dataset.tool === tool));
    this.words.textContent = tool === "polygon" ? "Click its corners; double-click or press enter to close it, escape to discard it."
      : "Drag over the photo. Keyboard: arrows move, space paints.";
    if (this.mask.width) this.draw();
  }

  /** Whether anything is painted. */
  get empty() {
    return !this.base && !this.operations.length;
  }

  /** The mask as a PNG. */
  png() {
    return new Promise((resolve) => this.mask.toBlob(resolve, "image/png"));
  }

  /** The position of the pointer, in pixels of the mask. */
  position({ clientX, clientY }) {
    const { left, top, width, height } = this.mask.getBoundingClientRect();
    return [((clientX - left) / width) * this.mask.width, ((clientY - top) / height) * this.mask.height];
  }

  get width() {
    return Math.max((Number(this.size.value) / 100) * Math.max(this.mask.width, this.mask.height), 1);
  }

  down(event) {
    if (event.button) return;
    this.sheet.focus({ preventScroll: true });
    if (this.tool === "polygon") {
      if (event.detail < 2) this.corners.push(this.position(event));
    } else {
      this.sheet.setPointerCapture(event.pointerId);
      this.stroke = { tool: this.tool, width: this.width, points: [this.position(event)] };
      this.operations.push(this.stroke);
    }
    this.draw();
  }

  move(event) {
    this.cursor = this.position(event);
    if (this.stroke) this.stroke.points.push(this.cursor);
    this.draw();
  }

  up() {
    if (!this.stroke) return;
    this.stroke = null;
    this.changed();
  }

  close() {
    const points = this.corners;
    this.corners = [];
    if (points.length > 2) this.put({ tool: "polygon", points });
    else this.draw();
  }

  /** Apply a complete operation. */
  put(operation) {
    this.operations.push(operation);
    this.draw();
    this.changed();
  }

  undo() {
    const whole = !this.corners.length && this.operations.length > 0;
    if (whole) this.operations.pop();
    else this.corners.pop();
    this.draw();
    if (whole) this.changed();
  }

  clear() {
    this.put({ tool: "clear" });
  }

  pressed(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const step = (event.shiftKey ? 0.005 : 0.03) * Math.max(this.mask.width, this.mask.height);
    const [x, y] = this.cursor ?? [this.mask.width / 2, this.mask.height / 2];
    if (arrows) this.cursor = [Math.min(Math.max(x + arrows[0] * step, 0), this.mask.width), Math.min(Math.max(y + arrows[1] * step, 0), this.mask.height)];
    else if (event.key === " " && this.tool === "polygon") this.corners.push([x, y]);
    else if (event.key === " ") this.put({ tool: this.tool, width: this.width, points: [[x, y]] });
    else if (event.key === "Enter") this.close();
    else if (event.key === "Escape") this.corners = [];
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
    this.draw();
  }

  draw() {
    const sheet = this.mask.getContext("2d"), { width, height } = this.mask;
    sheet.clearRect(0, 0, width, height);
    if (this.base) {
      sheet.drawImage(this.base, 0, 0, width, height);
      sheet.globalCompositeOperation = "source-in";
      sheet.fillStyle = COLOUR;
      sheet.fillRect(0, 0, width, height);
      sheet.globalCompositeOperation = "source-over";
    }
    for (const operation of this.operations) this.apply(sheet, operation);
    this.drawCursor();
  }

  apply(sheet, { tool, width, points }) {
    if (tool === "clear") { sheet.clearRect(0, 0, this.mask.width, this.mask.height); return; }
    sheet.globalCompositeOperation = tool === "erase" ? "destination-out" : "source-over";
    Object.assign(sheet, { fillStyle: COLOUR, strokeStyle: COLOUR, lineWidth: width, lineCap: "round", lineJoin: "round" });
    trace(sheet, points);
    if (tool === "polygon") sheet.fill();
    else sheet.stroke();
    sheet.globalCompositeOperation = "source-over";
  }

  /** Draw the brush and the corners of an open polygon. */
  drawCursor() {
    const context = this.cursorLayer.getContext("2d");
    context.clearRect(0, 0, this.cursorLayer.width, this.cursorLayer.height);
    Object.assign(context, { strokeStyle: COLOUR, fillStyle: COLOUR, lineWidth: Math.max(this.cursorLayer.width / 300, 1) });
    if (this.corners.length) {
      trace(context, [...this.corners, ...(this.cursor ? [this.cursor] : [])]);
      context.stroke();
      for (const [x, y] of this.corners) context.fillRect(x - context.lineWidth * 2, y - context.lineWidth * 2, context.lineWidth * 4, context.lineWidth * 4);
    }
    if (this.cursor) {
      context.beginPath();
      context.arc(...this.cursor, this.tool === "polygon" ? context.lineWidth * 2 : this.width / 2, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

function trace(sheet, points) {
  sheet.beginPath();
  sheet.moveTo(...points[0]);
  for (const point of points.slice(1)) sheet.lineTo(...point);
  if (points.length === 1) sheet.lineTo(points[0][0] + 0.01, points[0][1]); // a line of length 0 is not drawn
}
