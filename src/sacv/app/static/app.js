// The page: three tabs on one state.

import { store, attempt, follow, recall, refresh, remember } from "./store.js";
import { watch } from "./jobs.js";
import "./explain.js";
import "./concept.js";
import "./whatif.js";

const tabs = [...document.querySelectorAll("[role=tab]")];

function show(tab) {
  for (const one of tabs) {
    const selected = one === tab;
    one.setAttribute("aria-selected", String(selected));
    one.tabIndex = selected ? 0 : -1;
    if (selected) one.classList.remove("fresh");
    document.getElementById(one.getAttribute("aria-controls")).hidden = !selected;
  }
  remember("tab", tab.id);
  document.dispatchEvent(new CustomEvent("shown", { detail: tab.id }));
}

tabs.forEach((tab, number) => {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = tabs[(number + by + tabs.length) % tabs.length];
    show(next);
    next.focus();
  });
});
document.addEventListener("go", (event) => show(document.getElementById(event.detail)));
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());

follow(() => {
  const about = document.getElementById("about");
  about.textContent = `The network is ${store.model.split("/").pop()}. Results are stored in the folder ${store.folder}.`;
  about.title = store.model;
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) attempt(refresh); });
await attempt(refresh);
show(document.getElementById(recall("tab", "tab-explain")) ?? tabs[0]);
watch();
