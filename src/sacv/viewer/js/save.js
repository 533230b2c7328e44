// Pictures to take away: what the panes show, each with its sentence and legend, as SVG and, drawn from that, as PNG.

import { endsOf, legendOf, markColour, zeroOf } from "./legend.js";
import { shortName, signed } from "./words.js";

const SVG = "http://www.w3.org/2000/svg", FONT = "system-ui, sans-serif", GAP = 24, LINE = 22, STOPS = 32;

function node(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const pen = new OffscreenCanvas(1, 1).getContext("2d");

function widthOf(text, size) {
  pen.font = `${size}px ${FONT}`;
  return pen.measureText(text).width;
}

/** Break words, [{text, swatch?}], into lines: [[{text, swatch?, x}]]. */
function lines(words, size, width) {
  const found = [[]];
  let x = 0;
  for (const word of words) {
    const wide = widthOf(`${word.text} `, size) + (word.swatch ? size : 0);
    if (x > 0 && x + wide > width) { found.push([]); x = 0; }
    found[found.length - 1].push({ ...word, x });
    x += wide;
  }
  return found;
}

const split = (text) => text.split(" ").map((word) => ({ text: word }));

function paragraph(words, size, top, width, weight = 400) {
  return lines(words, size, width).map((line, at) => node("g", {},
    ...line.map(({ text, swatch, x }) => {
      const y = top + (at + 0.75) * LINE, mark = swatch ? [node("rect", { x, y: y - size * 0.75, width: size * 0.8, height: size * 0.8, fill: markColour(swatch) })] : [];
      return node("g", {}, ...mark, node("text", { x: x + (swatch ? size : 0), y, "font-size": size, "font-weight": weight }, text));
    })));
}

/** The ramp of a scale with its figures. */
function ramp(scale, top, width, id) {
  const stops = Array.from({ length: STOPS }, (_, at) => {
    const share = at / (STOPS - 1), place = 3 * Math.round(255 * share);
    return node("stop", { offset: share, "stop-color": `rgb(${[...scale.colours.subarray(place, place + 3)].join(",")})` });
  });
  const text = (x, anchor, words, y) => node("text", { x, y: top + y, "font-size": 14, "text-anchor": anchor }, words);
  const [low, high] = endsOf(scale), zero = zeroOf(scale);
  return [node("defs", {}, node("linearGradient", { id }, ...stops)),
    text(0, "start", low, 14), text(width, "end", high, 14),
    node("rect", { y: top + 20, width, height: 12, fill: `url(#${id})` }),
    text(0, "start", signed(scale.low), 47), text(width, "end", signed(scale.high), 47),
    ...(zero === null ? [] : [text(zero * width, "middle", "0", 47)])];
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** A pane as a group of SVG with its width and height. */
async function drawn(found, { view, scale, colours, lines: edges, top: markers, label }, number) {
  const { width, height } = colours, image = found.images[view.image], where = image.planes.length ? `, ${image.planes[view.plane].captions[view.slice]}` : "";
  const parts = [...paragraph(split(label), 18, 0, width, 600)];
  let y = parts.length * LINE;
  const small = paragraph(split(`${shortName(image.path)}${where}, layer ${found.layers[view.layer].name}`), 14, y, width);
  y += small.length * LINE + 6;
  const place = { y, width, height, preserveAspectRatio: "none" }, rendering = Math.max(...image.size) < 128 ? "pixelated" : "auto";
  parts.push(...small, node("image", { ...place, href: await dataUrl(found.file(view)), filter: `url(#grey-${number})`, "image-rendering": rendering }),
    ...[colours, edges, markers].map((canvas) => node("image", { ...place, href: canvas.toDataURL(), opacity: canvas.style.opacity || 1 })));
  y += height + 4;
  if (scale !== null) { parts.push(...ramp(scale, y, width, `ramp-${number}`)); y += 52; }
  const words = legendOf(found, view).flatMap(({ text, swatch }) => split(text).map((word, at) => (at ? word : { ...word, swatch })));
  const legend = paragraph(words, 15, y, width);
  return { parts: [...parts, ...legend], width, height: y + legend.length * LINE };
}

/** What panes show, as the text of an SVG file. */
export async function svgOf(found, panes) {
  const each = await Promise.all(panes.map((pane, number) => drawn(found, pane, number)));
  const width = each.reduce((sum, one) => sum + one.width + GAP, GAP), height = Math.max(...each.map((one) => one.height)) + 2 * GAP;
  let x = GAP;
  const groups = each.map((one) => {
    const group = node("g", { transform: `translate(${x} ${GAP})` }, ...one.parts);
    x += one.width + GAP;
    return group;
  });
  const filters = panes.map(({ grey }, number) => node("filter", { id: `grey-${number}` }, node("feColorMatrix", { type: "saturate", values: 1 - grey })));
  const whole = node("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT, fill: "#000" },
    node("defs", {}, ...filters), node("rect", { width, height, fill: "#fff" }), ...groups);
  return new XMLSerializer().serializeToString(whole);
}

/** Draw an SVG as PNG, with `times` the pixels along each side. */
async function pngOf(text, times = 2) {
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })), picture = new Image();
  try {
    picture.src = url;
    await picture.decode();
    const canvas = new OffscreenCanvas(times * picture.naturalWidth, times * picture.naturalHeight);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob();
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** A name for the file of some panes. */
export function fileName(found, panes) {
  const names = panes.map(({ view }) => [shortName(found.images[view.image].path).replace(/\.[^.]*$/, ""), found.concepts[view.concept], view.kind].join("-"));
  return [...new Set(names)].join("-and-").replace(/[^\p{L}\p{N}.-]+/gu, "_").slice(0, 120);
}

/** Save what panes show as "png" or "svg". */
export async function save(found, panes, kind) {
  const text = await svgOf(found, panes);
  const blob = kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await pngOf(text);
  const url = URL.createObjectURL(blob), link = document.createElement("a");
  Object.assign(link, { href: url, download: `${fileName(found, panes)}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
