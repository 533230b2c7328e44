// Work in progress: how far it is, how long it takes, and a way to stop it.

import { ask, at, json, post, tab } from "./api.js";
import { button, make } from "./dom.js";
import { attempt, complain, recall, refresh, remember } from "./store.js";

const PERIOD = 400;
const frame = document.getElementById("work");
const over = { done: [], failed: [] };
const said = document.getElementById("said"), rows = new Map();
let timer = null, heard = "";

/** Ask for work; `key` leads to what is done with its result, also after a reload (see `finished`). */
export async function begin(name, fields, key) {
  return attempt(() => put(name, fields, key));
}

/** Ask for work that nobody has asked for by hand: messages that are there stay. */
export async function beginQuietly(name, fields, key) {
  try {
    await put(name, fields, key);
  } catch { /* what is asked for by hand says what is wrong */ }
}

async function put(name, fields, key) {
  const job = await post(name, fields);
  remember("jobs", { ...recall("jobs", {}), [job.number]: key });
  watch();
}

/** Say what is done with the results of work begun with a key. */
export function finished(key, listener) {
  over.done.push([key, listener]);
}

/** Look after the work of this tab until all of it is over. */
export async function watch() {
  clearTimeout(timer);
  const waiting = recall("jobs", {});
  if (!Object.keys(waiting).length) { draw([]); return; }
  try {
    await look(waiting);
  } catch (error) {
    complain(error.message);
  }
  timer = setTimeout(watch, PERIOD);
}

async function look(waiting) {
  const { jobs } = await json(`/api/jobs?tab=${encodeURIComponent(tab)}`), left = {};
  const shown = [];
  for (const [number, key] of Object.entries(waiting)) {
    const job = jobs.find((one) => one.number === number);
    if (job && ["waiting", "running", "stopping"].includes(job.state)) {
      left[number] = key;
      shown.push(job);
    } else await settle(job, key);
  }
  remember("jobs", { ...difference(recall("jobs", {}), waiting), ...left });
  draw(shown);
}

/** Draw the rows of work. Who listens to the page hears what is at work, not each step of it. */
function draw(jobs) {
  const titles = jobs.map((job) => job.title).join(", ");
  if (titles !== heard) said.textContent = titles ? `At work: ${titles}.` : "Work is done.";
  heard = titles;
  for (const [number, row] of rows) {
    if (jobs.some((job) => job.number === number)) continue;
    row.element.remove();
    rows.delete(number);
  }
  for (const job of jobs) {
    if (!rows.has(job.number)) {
      rows.set(job.number, new Row(job));
      frame.append(rows.get(job.number).element);
    }
    rows.get(job.number).tell(job);
  }
}

/** What was begun in the meantime. */
function difference(all, known) {
  return Object.fromEntries(Object.entries(all).filter(([number]) => !(number in known)));
}

async function settle(job, key) {
  if (!job) complain("Work was lost, for the app was started anew; ask again.");
  else if (job.state === "failed") complain(`${job.title}: ${job.error}`);
  else if (job.state === "done") {
    await refresh();
    for (const [one, listener] of over.done) if (one === key) await attempt(() => listener(job.result));
  }
}

function duration(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** The row of a piece of work, which stays while its words change, so that the focus and a press do. */
class Row {
  constructor({ number, title }) {
    this.bar = make("progress", { "aria-label": title });
    this.words = make("span", { class: "soft" });
    this.element = make("div", { class: "job" }, make("span", {}, title), this.bar, this.words,
      button("Cancel", () => attempt(() => ask(at("jobs", number), { method: "DELETE" })), { "aria-label": `Cancel ${title}` }));
  }

  tell(job) {
    this.bar.max = job.total || 1;
    if (job.state === "running" && job.total) this.bar.value = job.done;
    this.words.textContent = job.state === "waiting" ? (job.before ? `${job.before} before it` : "is next")
      : job.state === "stopping" ? "stopping" : job.remaining === null ? "at work" : `about ${duration(job.remaining)} left`;
  }
}
