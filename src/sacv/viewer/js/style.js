// The style of the viewer, in light and in dark.

const LIGHT = `--ink: #1b1f27; --soft: #545d6b; --line: #d5dae2; --ground: #fff; --card: #f5f6f9; --accent: #0b5cad;
  --on-accent: #fff; --warn: #6b4300; --warn-ground: #fff3d6; --for: #d95f0e; --against: #266fb2; color-scheme: light;`;
const DARK = `--ink: #e9ecf2; --soft: #a9b1be; --line: #363d49; --ground: #14171c; --card: #1d2128; --accent: #7ab8ff;
  --on-accent: #0b1420; --warn: #ffd88f; --warn-ground: #3a2d10; --for: #f99748; --against: #6ba8d6; color-scheme: dark;`;

export const STYLE = `
:host { ${LIGHT} display: block; background: var(--ground); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :host(:not([theme])) { ${DARK} } }
:host([theme="dark"]) { ${DARK} }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.main, header, footer { max-width: 80rem; margin: 0 auto; padding: 0 1.25rem; overflow-wrap: anywhere; }
header { padding-top: 1rem; display: flex; gap: 1rem; align-items: flex-start; }
header .headline { flex: 1; min-width: 0; }
h1 { font-size: 1.45rem; font-weight: 500; line-height: 1.3; margin: 0; }
h1 b { font-weight: 700; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
h3 { font-size: .9rem; margin: .8rem 0 .4rem; color: var(--soft); }
p { margin: .3rem 0; }
.soft { color: var(--soft); }
.warning, .note { background: var(--warn-ground); color: var(--warn); padding: .35rem .7rem; border-radius: .4rem; font-size: .92rem; }
button, select, input { font: inherit; color: inherit; }
button { cursor: pointer; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .3rem .55rem; }
button:hover { border-color: var(--accent); }
button[aria-pressed="true"] { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
button:disabled { opacity: .55; cursor: default; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.plain { background: none; border: 0; padding: 0; text-align: inherit; }
.term { text-align: left; background: none; border: 0; padding: 0; border-radius: 0; text-decoration: underline dotted; text-underline-offset: .2em; }
.bar { display: flex; flex-wrap: wrap; gap: .6rem .7rem; align-items: end; margin: .8rem 0; }
.steps { display: flex; gap: .3rem; align-items: end; min-width: 0; } .steps .picker { flex: 1; } .steps select { max-width: 10.5rem; }
.group { display: flex; flex-wrap: wrap; gap: .3rem; }
.picker { display: grid; gap: .1rem; font-size: .95rem; min-width: 0; }
.picker span { font-size: .8rem; color: var(--soft); }
select, input[type="search"] { background: var(--ground); border: 1px solid var(--line); border-radius: .4rem; padding: .3rem .4rem; max-width: 16rem; min-width: 6rem; }
.work { display: grid; grid-template-columns: minmax(0, 1.7fr) minmax(17rem, 1fr); gap: 1.25rem; align-items: start; }
.panes { display: grid; gap: 1rem; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); }
.pane { margin: 0; }
.pane figcaption { font-size: .85rem; color: var(--soft); margin-bottom: .2rem; }
.pane figcaption:empty { display: none; }
.stage { position: relative; overflow: hidden; border-radius: .4rem; background: var(--card); cursor: crosshair; touch-action: pan-y; max-height: 68vh; margin: 0 auto; max-width: 100%; }
.stage img, .stage canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.stage img { user-select: none; }
.stage.coarse img { image-rendering: pixelated; }
.stage canvas { pointer-events: none; }
.slices { display: flex; gap: .6rem; align-items: center; margin-top: .4rem; }
.slices input, .slider input { flex: 1; min-width: 0; accent-color: var(--accent); }
.side { display: grid; gap: 1rem; }
.card { background: var(--card); border-radius: .5rem; padding: .8rem; }
.slider { display: flex; gap: .6rem; align-items: center; font-size: .9rem; }
.slider span:first-child { width: 5rem; }
.slider output { width: 4rem; text-align: right; font-variant-numeric: tabular-nums; }
.ramp { width: 100%; height: .8rem; border-radius: .2rem; display: block; }
.ticks { position: relative; display: flex; justify-content: space-between; font-size: .85rem; font-variant-numeric: tabular-nums; }
.ticks .zero { position: absolute; transform: translateX(-50%); }
.ends { display: flex; justify-content: space-between; font-size: .85rem; color: var(--soft); }
.legend { max-width: 38rem; margin: .4rem auto 0; }
.legend-words { font-size: .95rem; }
.figures { margin: .1rem 0 0; }
.swatch { display: inline-block; width: .9em; height: .9em; margin-right: .3em; border-radius: .15em; vertical-align: -.1em; }
.mask-1 { background: #0072b2; } .mask-2 { background: #e69f00; } .mask-3 { background: #cc79a7; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; padding: .2rem .6rem .2rem 0; }
.scores tbody th { white-space: nowrap; overflow-wrap: normal; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; }
td { padding: .2rem .6rem .2rem 0; vertical-align: top; }
thead th { font-size: .82rem; color: var(--soft); }
.at-location { contain: content; } /* its text changes as the pointer moves; no other layout follows */
.values { width: 100%; font-size: .9rem; table-layout: fixed; }
.values tbody tr { height: 1.75rem; }
.values td { text-align: left; } .values thead th, .values td:last-child { font-size: .75rem; overflow-wrap: normal; padding-right: .15rem; vertical-align: middle; }
.values .current th { font-weight: 700; }
.strip { display: flex; gap: .5rem; overflow-x: auto; padding: .2rem .2rem .5rem; }
.strip button { flex: none; width: 6.2rem; padding: .25rem; display: grid; gap: .1rem; font-size: .78rem; justify-items: start; }
.strip canvas { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: .25rem; background: var(--line); }
.figure { font-variant-numeric: tabular-nums; font-weight: 600; }
.name { display: block; max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.gallery, .patches, .scores, .details { margin: 1.5rem 0; padding-top: 1rem; border-top: 1px solid var(--line); }
.gallery, .patches, .scores { content-visibility: auto; contain-intrinsic-size: auto 24rem; }
.thumbs { list-style: none; margin: 0; padding: .2rem; display: grid; grid-template-columns: repeat(auto-fill, minmax(8.2rem, 1fr)); gap: .6rem; max-height: 34rem; overflow-y: auto; }
.thumbs li { content-visibility: auto; contain-intrinsic-size: 8.2rem 9.5rem; }
.thumbs button { width: 100%; padding: .3rem; display: grid; gap: .1rem; font-size: .82rem; text-align: left; }
.thumbs button[aria-current="true"] { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.thumbs img { width: 100%; height: 6.2rem; object-fit: contain; background: var(--line); border-radius: .25rem; }
.wide { overflow-x: auto; }
.scores td button { display: block; width: 100%; min-width: 9rem; padding: .25rem .4rem; }
.scores td button[aria-pressed="true"] { box-shadow: inset 0 0 0 2px var(--accent); background: none; color: inherit; }
.scores .mean { font-weight: 600; } .scores .soft { font-size: .82rem; }
.meter { display: block; height: .25rem; margin-top: .2rem; border-radius: .1rem; }
.for { background: var(--for); } .against { background: var(--against); }
details { border-bottom: 1px solid var(--line); padding: .5rem 0; }
summary { cursor: pointer; font-weight: 600; }
dl { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; margin: .6rem 0; }
dl div { display: flex; gap: .4rem; min-width: 0; } dt { color: var(--soft); flex: 0 0 auto; max-width: 45%; } dd { margin: 0; font-variant-numeric: tabular-nums; }
dialog, [popover] { max-width: min(36rem, 92vw); border: 1px solid var(--line); border-radius: .6rem; background: var(--ground); color: var(--ink); padding: 1rem 1.2rem; box-shadow: 0 .5rem 2rem #0005; }
dialog::backdrop { background: #0006; }
kbd { font: inherit; border: 1px solid var(--line); border-radius: .25rem; padding: 0 .35rem; background: var(--card); }
@media (max-width: 860px) { .work { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 560px) {
  .main, header { padding-left: .8rem; padding-right: .8rem; } header { padding-top: .6rem; gap: .5rem; } h1 { font-size: 1.15rem; } .panes { grid-auto-flow: row; }
  .bar { gap: .4rem .5rem; margin: .5rem 0; } .bar .picker { flex: 1 1 40%; } .steps { width: 100%; } .bar select { max-width: 100%; width: 100%; }
  .kinds { flex-wrap: nowrap; overflow-x: auto; max-width: 100%; padding: 3px; margin: -3px; } .kinds button { flex: none; font-size: .92rem; padding: .25rem .45rem; }
  .values thead th { font-size: .68rem; } .values th { white-space: nowrap; overflow-wrap: normal; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; } td { padding-right: .3rem; }
}
@media (prefers-reduced-motion: no-preference) { .stage img { transition: filter .15s; } }
@media print { .bar, .side .slider { display: none; } .thumbs { max-height: none; } }
`;
