// Saves the panes, each with its sentence and legend, as SVG and, drawn from that, as PNG.

import { endsOf, legendOf, maskColour, zeroOf } from "./legend.js";
import { shortName, signed } from "./words.js";

const SVG = "http://www.w3.org/2000/svg", FONT = "system-ui, sans-serif", GAP = 24, LINE = 22, STOPS = 32;

/** A document that loads nothing: the policy of a page need not allow the images in the file. */
const SHEET = document.implementation.createDocument(SVG, "svg");

function node(tag, attributes, ...children) {
  const element = SHEET.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const wordsOf = (text) => text.split(" ").map((word) => ({ text: word }));

/** Words, [{text, swatch?}], in lines of a width: the nodes and their height. */
function paragraph(words, size, top, width, weight = 400) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d"), nodes = [];
  pen.font = `${weight} ${size}px ${FONT}`;
  let x = 0, y = top + 0.75 * LINE;
  for (const { text, swatch } of words) {
    const mark = swatch ? size : 0, wide = mark + pen.measureText(`${text} `).width;
    if (x > 0 && x + wide > width) { x = 0; y += LINE; }
    if (swatch) nodes.push(node("rect", { x, y: y - size * 0.75, width: size * 0.8, height: size * 0.8, fill: maskColour(swatch) }));
    nodes.push(node("text", { x: x + mark, y, "font-size": size, "font-weight": weight }, text));
    x += wide;
  }
  return { nodes, height: y + 0.25 * LINE - top };
}

/** The colour bar of a scale. */
function ramp(scale, top, width, id) {
  const stops = Array.from({ length: STOPS }, (_, at) => {
    const share = at / (STOPS - 1), index = 3 * Math.round(255 * share);
    return node("stop", { offset: share, "stop-color": `rgb(${[...scale.colours.subarray(index, index + 3)].join(",")})` });
  });
  const text = (x, anchor, words, y) => node("text", { x, y: top + y, "font-size": 14, "text-anchor": anchor }, words);
  const [low, high] = endsOf(scale), zero = zeroOf(scale);
  return [node("linearGradient", { id }, ...stops),
    text(0, "start", low, 14), text(width, "end", high, 14),
    node("rect", { y: top + 20, width, height: 12, fill: `url(#${id})` }),
    text(0, "start", signed(scale.low), 47), text(width, "end", signed(scale.high), 47),
    ...(zero === null ? [] : [text(zero * width, "middle", "0", 47)])];
}

/** The map of a pane as a rectangle for each cell, which stays sharp at any size. */
function cells(explanation, { view, colour, colours }) {
  const [rows, columns] = explanation.shape(view), pixels = colour?.(rows, columns) ?? [], [left, top, right, bottom] = explanation.images[view.image].region;
  const width = ((right - left) * colours.width) / columns, height = ((bottom - top) * colours.height) / rows;
  return Array.from({ length: pixels.length / 4 }, (_, at) => [at, ...pixels.subarray(4 * at, 4 * at + 4)]).filter(([, , , , alpha]) => alpha)
    .map(([at, red, green, blue, alpha]) => node("rect", { x: left * colours.width + (at % columns) * width, y: top * colours.height + Math.floor(at / columns) * height,
      width, height, fill: `rgb(${red}, ${green}, ${blue})`, "fill-opacity": alpha / 255 }));
}

/** A pane as nodes of SVG, and their size; `vector` draws the cells of the map, else the smooth map is an image. */
function drawn(explanation, pane, number, vector) {
  const { view, scale, colours, lines, top, label, grey } = pane, { width, height } = colours, image = explanation.images[view.image];
  const slice = image.planes.length ? `, ${image.planes[view.plane].captions[view.slice]}` : "", title = paragraph(wordsOf(label), 18, 0, width, 600);
  const below = paragraph(wordsOf(`${shortName(image.path)}${slice}, layer ${explanation.layers[view.layer].name}`), 14, title.height, width);
  let y = title.height + below.height + 6;
  const frame = { y, width, height, preserveAspectRatio: "none" };
  const href = `data:image/jpeg;base64,${btoa(Array.from(explanation.file(view), (byte) => String.fromCharCode(byte)).join(""))}`;
  const canvas = (one) => node("image", { ...frame, href: one.toDataURL(), opacity: one.style.opacity || 1 });
  const parts = [
    node("filter", { id: `grey-${number}` }, node("feColorMatrix", { type: "saturate", values: 1 - grey })),
    node("image", { ...frame, href, filter: `url(#grey-${number})`, "image-rendering": Math.max(...image.size) < 128 ? "pixelated" : "auto" }),
    vector ? node("g", { transform: `translate(0 ${y})`, opacity: colours.style.opacity || 1, "shape-rendering": "crispEdges" }, ...cells(explanation, pane)) : canvas(colours),
    canvas(lines), canvas(top),
  ];
  y += height + 4;
  if (scale !== null) { parts.push(...ramp(scale, y, width, `ramp-${number}`)); y += 52; }
  const words = legendOf(explanation, view).flatMap(({ text, swatch }) => wordsOf(text).map((word, at) => (at ? word : { ...word, swatch })));
  const legend = paragraph(words, 15, y, width);
  return { nodes: [...title.nodes, ...below.nodes, ...parts, ...legend.nodes], width, height: y + legend.height };
}

/** Panes as the text of an SVG file. */
function svgOf(explanation, panes, vector) {
  const each = panes.map((pane, number) => drawn(explanation, pane, number, vector)), height = Math.max(...each.map((one) => one.height)) + 2 * GAP;
  let width = GAP;
  const groups = each.map((one) => {
    const group = node("g", { transform: `translate(${width} ${GAP})` }, ...one.nodes);
    width += one.width + GAP;
    return group;
  });
  const ground = node("rect", { width, height, fill: "#fff" });
  const whole = node("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT, fill: "#000" }, ground, ...groups);
  return new XMLSerializer().serializeToString(whole);
}

/** Draw an SVG as PNG, with `times` the pixels along each side. */
async function pngOf(text, times = 2) {
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })), image = new Image();
  try {
    image.src = url;
    await image.decode();
    const canvas = new OffscreenCanvas(times * image.naturalWidth, times * image.naturalHeight);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob();
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The name of a file of panes. */
function fileName(explanation, panes) {
  const names = panes.map(({ view }) => [shortName(explanation.images[view.image].path).replace(/\.[^.]*$/, ""), explanation.concepts[view.concept], view.kind].join("-"));
  return [...new Set(names)].join("-and-").replace(/[^\p{L}\p{N}.-]+/gu, "_").slice(0, 120);
}

/** Save panes as "png" or "svg". */
export async function save(explanation, panes, kind) {
  const text = svgOf(explanation, panes, kind === "svg");
  const blob = kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await pngOf(text);
  const url = URL.createObjectURL(blob), link = document.createElement("a");
  Object.assign(link, { href: url, download: `${fileName(explanation, panes)}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
