// Work in progress: how far it is, how long it takes, and a way to stop it.

import { ask, at, json, post, tab } from "./api.js";
import { button, make } from "./dom.js";
import { attempt, complain, recall, refresh, remember } from "./store.js";

const PERIOD = 400;
const frame = document.getElementById("work");
const over = { done: [], failed: [] };
let timer = null;

/** Ask for work; `key` leads to what is done with its result, also after a reload (see `finished`). */
export async function begin(name, fields, key) {
  return attempt(async () => {
    const job = await post(name, fields);
    remember("jobs", { ...recall("jobs", {}), [job.number]: key });
    watch();
  });
}

/** Say what is done with the results of work begun with a key. */
export function finished(key, listener) {
  over.done.push([key, listener]);
}

/** Look after the work of this tab until all of it is over. */
export async function watch() {
  clearTimeout(timer);
  const waiting = recall("jobs", {});
  if (!Object.keys(waiting).length) { frame.replaceChildren(); return; }
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
      shown.push(row(job));
    } else await settle(job, key);
  }
  remember("jobs", { ...difference(recall("jobs", {}), waiting), ...left });
  frame.replaceChildren(...shown);
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

function row(job) {
  const bar = make("progress", { max: job.total || 1, "aria-label": job.title });
  if (job.state === "running" && job.total) bar.value = job.done;
  const words = job.state === "waiting" ? (job.before ? `${job.before} before it` : "is next")
    : job.state === "stopping" ? "stopping" : job.remaining === null ? "at work" : `about ${Math.ceil(job.remaining)} s left`;
  const stop = button("Cancel", () => attempt(() => ask(at("jobs", job.number), { method: "DELETE" })));
  return make("div", { class: "job" }, make("span", {}, job.title), bar, make("span", { class: "soft" }, words), stop);
}
