// What is shown, as the fragment of an address: #image=..&concept=..&layer=..&target=..&map=.., by names.

import { KINDS, shortName } from "./words.js";

/** The names that a link may give, by what they name. */
function namesOf(found) {
  return {
    image: found.images.map(({ path }) => path), concept: found.concepts, layer: found.layers.map(({ name }) => name),
    target: found.targets, map: KINDS,
  };
}

const CALLED = { image: "picture", concept: "concept", layer: "layer", target: "target", map: "map" };

/** The fragment of a view. */
export function fragmentOf(found, view) {
  const names = namesOf(found), pairs = ["image", "concept", "layer", "target"].map((part) => [part, names[part][view[part]]]);
  return `#${[...pairs, ["map", view.kind]].map(([part, name]) => `${part}=${encodeURIComponent(name)}`).join("&")}`;
}

/**
 * What a fragment asks for: the changes of a view, and a line for each name that is not there.
 *
 * A picture may be named by the last part of its path, where that is of one picture alone.
 */
export function readFragment(found, fragment, view) {
  const names = namesOf(found), changes = {}, missing = [];
  const short = names.image.map(shortName);
  for (const [part, name] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    if (!(part in names)) { missing.push(`The link says "${part}=${name}", which means nothing here.`); continue; }
    let at = names[part].indexOf(name);
    if (at < 0 && part === "image" && short.indexOf(name) === short.lastIndexOf(name)) at = short.indexOf(name);
    if (at < 0) missing.push(`The link names the ${CALLED[part]} "${name}", which is not on this page; another is shown.`);
    else if (part === "map") changes.kind = name;
    else changes[part] = at;
  }
  if (changes.kind && !found.offers(changes.kind, { ...view, ...changes })) {
    missing.push(`The link names the map "${changes.kind}", which there is none of here; another is shown.`);
    changes.kind = "relevance";
  }
  return { changes, missing };
}
