// The view as the fragment of an address, by names: #image=..&concept=..&layer=..&target=..&map=..

import { KINDS, shortName } from "./words.js";

/** The names that a link may give, by their keys. */
function namesOf(explanation) {
  return {
    image: explanation.images.map(({ path }) => path), concept: explanation.concepts, layer: explanation.layers.map(({ name }) => name),
    target: explanation.targets, map: KINDS,
  };
}

/** The fragment of a view. */
export function fragmentOf(explanation, view) {
  const names = namesOf(explanation), pairs = ["image", "concept", "layer", "target"].map((part) => [part, names[part][view[part]]]);
  return `#${[...pairs, ["map", view.kind]].map(([part, name]) => `${part}=${encodeURIComponent(name)}`).join("&")}`;
}

/**
 * Read a fragment: the changes of a view, and a line for each name that does not exist.
 *
 * The last part of its path names an image where no other image has it.
 */
export function readFragment(explanation, fragment, view) {
  const names = namesOf(explanation), short = names.image.map(shortName), changes = {}, missing = [];
  for (const [part, name] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    if (!(part in names)) { missing.push(`The link has "${part}=${name}", which is not a key of this page.`); continue; }
    let at = names[part].indexOf(name);
    if (at < 0 && part === "image" && short.indexOf(name) === short.lastIndexOf(name)) at = short.indexOf(name);
    if (at < 0) missing.push(`The link names the ${part} "${name}", which is not on this page; another is shown.`);
    else if (part === "map") changes.kind = name;
    else changes[part] = at;
  }
  if (changes.kind && !explanation.offers(changes.kind, { ...view, ...changes })) {
    missing.push(`The link names the map "${changes.kind}", which does not exist at this layer; another is shown.`);
    changes.kind = "relevance";
  }
  return { changes, missing };
}
