// Sorts tables, and writes tables as CSV and figures as SVG and PNG. Without it the page shows the same.

const SCALE = 3, GAP = 24, PAINTS = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-weight", "font-family"];

function button(text, label, click, kind = "") {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: text, title: label, className: kind });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", click);
  return made;
}

function tools(after, ...buttons) {
  const bar = document.createElement("div");
  bar.className = "tools";
  bar.append(...buttons);
  after.after(bar);
}

function save(blob, name, ending) {
  const link = document.createElement("a"), address = URL.createObjectURL(blob);
  link.href = address;
  link.download = `${name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "sacv"}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Tables

/** What a cell is sorted by: a number where it has one, else its text; null where it is empty. */
function key(cell) {
  const text = cell.textContent.trim();
  if ("value" in cell.dataset) return Number(cell.dataset.value);
  if (text === "" || text === "\u2013") return null;
  if (!cell.classList.contains("n")) return cell.dataset.full ?? text;
  const found = parseFloat(text.replaceAll("\u2212", "-"));
  return Number.isNaN(found) ? text : found;
}

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells], head = heads[column], body = table.tBodies[0];
  const first = head.classList.contains("n") ? "descending" : "ascending";
  const now = head.getAttribute("aria-sort");
  const way = now === null ? first : now === "ascending" ? "descending" : "ascending";
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  const rows = [...body.rows].map((row) => ({ row, by: key(row.cells[column]) }));
  rows.sort((a, b) => {
    if (a.by === null || b.by === null) return (a.by === null) - (b.by === null);
    return way === "ascending" ? compare(a.by, b.by) : compare(b.by, a.by);
  });
  heads.forEach((one) => one.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", way);
  body.append(...rows.map(({ row }) => row));
}

function csv(table) {
  const text = (cell) => cell.dataset.value ?? cell.dataset.full ?? cell.textContent.trim().replaceAll("\u2212", "-");
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const line = (row) => [...row.cells].map((cell) => quoted(text(cell))).join(",");
  return `${[...table.rows].map(line).join("\r\n")}\r\n`;
}

for (const table of document.querySelectorAll("table[data-name]")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const made = button("", "", () => sort(table, column), "sort");
    made.title = head.title;
    made.removeAttribute("aria-label");
    made.append(...head.childNodes);
    head.removeAttribute("title");
    head.append(made);
  });
  const { name } = table.dataset;
  tools(table.closest(".scroll"), button("CSV", `download the table ${name} as CSV`, () =>
    save(new Blob([csv(table)], { type: "text/csv;charset=utf-8" }), name, "csv")));
}

// Figures

/** A copy of a drawing that needs no style sheet. */
function plain(drawing) {
  const copy = drawing.cloneNode(true), from = [drawing, ...drawing.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    for (const name of PAINTS) to[at].setAttribute(name, style.getPropertyValue(name));
    to[at].removeAttribute("class");
  });
  return copy;
}

/** A figure as one SVG: its panels in columns under its title, in the colours of paper. */
function whole(figure) {
  const panels = [...figure.querySelectorAll(".panel")], columns = Math.min(panels.length, 2);
  const space = "http://www.w3.org/2000/svg", made = document.createElementNS(space, "svg");
  const box = panels.map((one) => one.viewBox.baseVal), root = document.documentElement, theme = root.dataset.theme;
  const width = columns * box[0].width + (columns + 1) * GAP;
  let top = GAP + 20;
  root.dataset.theme = "light";
  try {
    const ground = document.createElementNS(space, "rect"), title = document.createElementNS(space, "text");
    made.append(ground, title);
    for (const [name, value] of Object.entries({ x: GAP, y: GAP + 4, "font-family": "sans-serif", "font-size": 15, "font-weight": 600, fill: "#1b1f27" })) title.setAttribute(name, value);
    title.textContent = figure.querySelector("h3").textContent;
    for (let first = 0; first < panels.length; first += columns) {
      const row = panels.slice(first, first + columns);
      row.forEach((panel, column) => {
        const copy = plain(panel), at = box[first + column];
        const box = { x: GAP + column * (at.width + GAP), y: top, width: at.width, height: at.height };
        for (const [name, value] of Object.entries(box)) copy.setAttribute(name, value);
        made.append(copy);
      });
      top += Math.max(...row.map((_, column) => box[first + column].height)) + GAP;
    }
    for (const [name, value] of Object.entries({ width, height: top, fill: "#ffffff" })) ground.setAttribute(name, value);
  } finally {
    if (theme === undefined) delete root.dataset.theme;
    else root.dataset.theme = theme;
  }
  for (const [name, value] of Object.entries({ width, height: top, viewBox: `0 0 ${width} ${top}` })) made.setAttribute(name, value);
  return { text: new XMLSerializer().serializeToString(made), width, height: top };
}

async function png({ text, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: width * SCALE, height: height * SCALE });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

for (const figure of document.querySelectorAll("figure.chart")) {
  const { name } = figure.dataset;
  tools(figure.lastElementChild,
    button("SVG", `download the figure ${name} as SVG`, () => save(new Blob([whole(figure).text], { type: "image/svg+xml" }), name, "svg")),
    button("PNG", `download the figure ${name} as PNG`, async () => save(await png(whole(figure)), name, "png")));
}

for (const image of document.querySelectorAll("figure.photo img")) {
  const bytes = () => Uint8Array.from(atob(image.src.split(",")[1]), (one) => one.charCodeAt(0));
  tools(image, button("PNG", `download the image ${image.alt} as PNG`, () => save(new Blob([bytes()], { type: "image/png" }), image.alt, "png")));
}

// Light and dark

const root = document.documentElement;
document.querySelector("header").append(button("\u25d0", "light or dark", () => {
  const dark = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = dark === "dark" ? "light" : "dark";
}, "theme"));
