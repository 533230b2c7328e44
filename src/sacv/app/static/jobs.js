// Work in progress: its progress, the time that is left, and a button to stop it.

import { at, json, post, request, tab } from "./api.js";
import { button, make } from "./dom.js";
import { attempt, complain, recall, refresh, remember } from "./store.js";

const PERIOD = 400;
const frame = document.getElementById("work");
const listeners = [], announcement = document.getElementById("said"), rows = new Map();
let timer = null, announced = "";

/** Start work; the listeners of `key` get its result, also after a reload (see `finished`). */
export async function begin(name, fields, key) {
  return attempt(() => put(name, fields, key));
}

/** Start work that the user did not request: it shows no errors and removes none. */
export async function beginQuietly(name, fields, key) {
  try {
    await put(name, fields, key);
  } catch { /* work that the user requests shows the error */ }
}

async function put(name, fields, key) {
  const job = await post(name, fields);
  remember("jobs", { ...recall("jobs", {}), [job.number]: key });
  watch();
}

/** Call a listener with the results of work started with a key. */
export function finished(key, listener) {
  listeners.push([key, listener]);
}

/** Poll the work of this tab until all of it is done. */
export async function watch() {
  clearTimeout(timer);
  const waiting = recall("jobs", {});
  if (!Object.keys(waiting).length) { draw([]); return; }
  try {
    await poll(waiting);
  } catch (error) {
    complain(error.message);
  }
  timer = setTimeout(watch, PERIOD);
}

async function poll(waiting) {
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

/** Draw the rows of work. Screen readers announce which work runs, not each step of it. */
function draw(jobs) {
  const titles = jobs.map((job) => job.title).join(", ");
  if (titles !== announced) announcement.textContent = titles ? `Running: ${titles}.` : "Work is done.";
  announced = titles;
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
    rows.get(job.number).update(job);
  }
}

/** The work that was started in the meantime. */
function difference(all, known) {
  return Object.fromEntries(Object.entries(all).filter(([number]) => !(number in known)));
}

async function settle(job, key) {
  if (!job) complain("The app was restarted and its work is lost; start the work again.");
  else if (job.state === "failed") complain(`${job.title}: ${job.error}`);
  else if (job.state === "done") {
    await refresh();
    for (const [one, listener] of listeners) if (one === key) await attempt(() => listener(job.result));
  }
}

function duration(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** The row of a job. It is updated in place, so that it does not lose the focus or a click. */
class Row {
  constructor({ number, title }) {
    this.bar = make("progress", { "aria-label": title });
    this.words = make("span", { class: "soft" });
    this.element = make("div", { class: "job" }, make("span", {}, title), this.bar, this.words,
      button("Cancel", () => attempt(() => request(at("jobs", number), { method: "DELETE" })), { "aria-label": `Cancel ${title}` }));
  }

  update(job) {
    this.bar.max = job.total || 1;
    if (job.state === "running" && job.total) this.bar.value = job.done;
    this.words.textContent = job.state === "waiting" ? (job.before ? `${job.before} ahead of it` : "is next")
      : job.state === "stopping" ? "stopping" : job.remaining === null ? "running" : `about ${duration(job.remaining)} left`;
  }
}
