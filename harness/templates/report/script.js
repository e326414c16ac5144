
"use strict";
// What the page can do beyond being read: sort and filter tables, switch arms and runs of figures on and off, and say the values under
// the pointer. Without it everything is still there. Text is only ever set as text, never as HTML.

/** A new element with properties and children. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// ---- Tables -------------------------------------------------------------------------------------------------------------------

const MISSING = /^[–-]?$/;
const UNITS = { KiB: 1 / 1024, MiB: 1, GiB: 1024 };

/** What a cell is sorted by: the number that it begins with, or its text; null where it says that there is none. */
function sortKey(text) {
  if (MISSING.test(text)) return null;
  const found = text.replace("−", "-").match(/^[<>≈]?\s*([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)\s*(\S*)/i);
  if (!found) return text.toLowerCase();
  const number = Number(found[1].replaceAll(",", ""));
  return Number.isNaN(number) ? text.toLowerCase() : number * (UNITS[found[2]] ?? 1);
}

/** Order of two keys: numbers before words, and what is missing last in either direction. */
function compare(one, other, direction) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one !== typeof other) return direction * (typeof one === "number" ? -1 : 1);
  if (typeof one === "number") return direction * (one - other);
  return direction * one.localeCompare(other, "en", { numeric: true });
}

/** Rows that belong together: one whose first cell is empty goes on with the row above. */
function rowGroups(body) {
  const groups = [];
  for (const row of body.rows) {
    const goesOn = groups.length > 0 && row.cells[0].textContent.trim() === "" && row.cells.length > 1;
    if (goesOn) groups.at(-1).push(row);
    else groups.push([row]);
  }
  return groups;
}

function makeSortable(table, groups) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    if (header.textContent.trim() === "") return;
    const button = make("button", { type: "button", title: "Sort" }, ...header.childNodes);
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: null }[header.ariaSort] ?? (header.ariaSort ? null : "ascending");
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      let order = groups;
      if (next) {
        header.ariaSort = next;
        const direction = next === "ascending" ? 1 : -1;
        const keyed = groups.map((rows) => [sortKey(rows[0].cells[column].textContent.trim()), rows]);
        order = keyed.sort((one, other) => compare(one[0], other[0], direction)).map(([, rows]) => rows);
      }
      body.append(...order.flat());
    });
  });
}

const LEAST_FILTERED = 6;

function makeFilterable(region, groups) {
  if (groups.length < LEAST_FILTERED) return;
  const input = make("input", { type: "search", autocomplete: "off" });
  const count = make("output", { ariaLive: "polite" });
  const texts = groups.map((rows) => rows.map((row) => row.textContent).join(" ").toLowerCase());
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    groups.forEach((rows, place) => {
      const fits = words.every((word) => texts[place].includes(word));
      rows.forEach((row) => (row.hidden = !fits));
      shown += fits;
    });
    count.textContent = words.length ? `${shown} of ${groups.length} rows` : "";
  });
  region.before(make("div", { className: "filter" }, make("label", {}, "Filter rows: ", input), count));
}

for (const region of document.querySelectorAll(".table")) {
  const table = region.querySelector("table");
  if (!table?.tHead || !table.tBodies.length) continue;
  for (const cell of table.querySelectorAll("td")) cell.classList.toggle("words", cell.textContent.length > 60);
  const groups = rowGroups(table.tBodies[0]);
  if (groups.length < 2) continue;
  makeSortable(table, groups);
  makeFilterable(region, groups);
}

// ---- Figures ------------------------------------------------------------------------------------------------------------------

/** The points of a series: where each lies in the figure's units, and what it stands for. */
function pointsOf(series) {
  if (!series.dataset.at) return [];
  const pairs = (text) => text.split(" ").map((pair) => pair.split(","));
  const values = pairs(series.dataset.values);
  return pairs(series.dataset.at).map(([x, y], place) => ({ x: Number(x), y: Number(y), values: values[place] }));
}

/** A checkbox that switches some series on and off. */
function makeSwitch(text, color) {
  const box = make("input", { type: "checkbox", checked: true });
  const label = make("label", {}, box);
  if (color) {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = color;
    label.append(swatch);
  }
  label.append(text);
  return { box, label };
}

/** Checkboxes for every arm of a figure and, where an arm has several, its runs. */
function makeSwitches(plot, all) {
  const arms = new Map();
  for (const series of all) {
    const { group, member } = series.dataset;
    if (!arms.has(group)) arms.set(group, { own: [], runs: new Map(), color: null });
    const arm = arms.get(group);
    arm.color ??= series.querySelector("[stroke]")?.getAttribute("stroke");
    if (member === undefined) arm.own.push(series);
    else arm.runs.set(member, [...(arm.runs.get(member) ?? []), series]);
  }
  const runs = [...arms.values()].reduce((sum, arm) => sum + arm.runs.size, 0);
  if (arms.size < 2 && runs < 2) return;
  const show = (series, shown) => series.forEach((own) => own.classList.toggle("off", !shown));
  const fieldset = make("fieldset", {}, make("legend", {}, "Shown in this figure"));
  const setters = [];
  for (const [name, arm] of arms) {
    const main = makeSwitch(name, arm.color);
    const members = [...arm.runs].map(([run, series]) => ({ series, ...makeSwitch(run) }));
    const block = make("div", {}, main.label);
    const set = (shown) => {
      main.box.checked = shown;
      main.box.indeterminate = false;
      members.forEach((own) => (own.box.checked = shown));
      show(arm.own, shown);
      members.forEach((own) => show(own.series, shown));
    };
    setters.push(set);
    main.box.addEventListener("change", () => set(main.box.checked));
    for (const own of members) {
      own.box.addEventListener("change", () => {
        show(own.series, own.box.checked);
        const on = members.filter((other) => other.box.checked).length;
        main.box.checked = on > 0;
        main.box.indeterminate = on > 0 && on < members.length;
        show(arm.own, on > 0);
      });
    }
    if (members.length > 1) {
      block.append(make("details", {}, make("summary", {}, `${members.length} runs`), ...members.map((own) => own.label)));
    }
    fieldset.append(block);
  }
  const button = (text, shown) => {
    const own = make("button", { type: "button" }, text);
    own.addEventListener("click", () => setters.forEach((set) => set(shown)));
    return own;
  };
  fieldset.append(make("div", { className: "all" }, button("All", true), button("None", false)));
  const counted = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const text = runs ? `${counted(arms.size, "arm")}, ${counted(runs, "run")}` : counted(arms.size, "arm");
  plot.before(make("details", { className: "switches" }, make("summary", {}, `Show or hide: ${text}`), fieldset));
}

const REACH = 160; // Tenths of a point within which the pointer finds a line.

/** The distance of a place from the line through two points. */
function distance(place, from, to) {
  const [alongX, alongY] = [to.x - from.x, to.y - from.y];
  const length = alongX * alongX + alongY * alongY;
  const share = length ? Math.min(1, Math.max(0, ((place.x - from.x) * alongX + (place.y - from.y) * alongY) / length)) : 0;
  return Math.hypot(place.x - from.x - share * alongX, place.y - from.y - share * alongY);
}

/** Says the value that is nearest to the pointer, or that arrow keys go to. */
function makeReadable(plot, all) {
  const svg = plot.querySelector("svg");
  const readable = all.map((series) => ({ series, points: pointsOf(series) })).filter((own) => own.points.length);
  if (!readable.length) return;
  const reading = make("output", { className: "reading" });
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  ring.setAttribute("class", "ring");
  ring.setAttribute("r", 45);
  plot.after(reading);
  let at = null; // Place of the series among the readable ones, and of the point in it.

  const clear = () => {
    at = null;
    reading.replaceChildren();
    ring.remove();
    plot.classList.remove("read");
    all.forEach((series) => series.classList.remove("lit"));
  };
  const say = (line, point) => {
    if (at && at.line === line && at.point === point) return;
    at = { line, point };
    const { series, points } = readable[line];
    const { group, member, x, y } = series.dataset;
    const own = points[point];
    all.forEach((other) => {
      const same = other.dataset.group === group && (other.dataset.member ?? member) === member;
      other.classList.toggle("lit", same);
    });
    plot.classList.add("read");
    reading.replaceChildren(
      make("b", {}, member === undefined ? group : `${group}, ${member}`),
      `${x} ${own.values[0]}, ${y} ${own.values[1]}`,
    );
    ring.setAttribute("cx", own.x);
    ring.setAttribute("cy", own.y);
    svg.append(ring);
    // Beside the point, on the side where there is room.
    const figure = plot.parentElement.getBoundingClientRect();
    const spot = new DOMPoint(own.x, own.y).matrixTransform(svg.getScreenCTM());
    const [left, top] = [spot.x - figure.left, spot.y - figure.top];
    const width = reading.offsetWidth;
    reading.style.left = `${Math.max(0, left + 14 + width > figure.width ? left - 14 - width : left + 14)}px`;
    reading.style.top = `${Math.max(0, top - reading.offsetHeight - 10)}px`;
  };
  const visible = (line) => !readable[line].series.classList.contains("off");

  svg.addEventListener("pointermove", (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = { far: REACH };
    readable.forEach(({ points }, line) => {
      if (!visible(line)) return;
      points.forEach((to, index) => {
        const far = distance(place, points[Math.max(0, index - 1)], to);
        if (far < best.far) best = { far, line };
      });
    });
    if (best.line === undefined) return clear();
    const { points } = readable[best.line];
    const far = points.map((point) => Math.hypot(point.x - place.x, point.y - place.y));
    say(best.line, far.indexOf(Math.min(...far)));
  });
  svg.addEventListener("pointerleave", clear);

  const hint = make("p", { className: "unseen", id: `${plot.parentElement.id}-keys` },
    "Left and right go along a line, up and down to another one; its values are said. Escape ends it.");
  plot.after(hint);
  Object.assign(plot, { tabIndex: 0, role: "application", ariaRoleDescription: "figure with values" });
  plot.setAttribute("aria-labelledby", svg.getAttribute("aria-labelledby"));
  plot.setAttribute("aria-describedby", hint.id);
  plot.addEventListener("blur", clear);
  plot.addEventListener("keydown", (event) => {
    const lines = readable.map((_, line) => line).filter(visible);
    if (!lines.length) return;
    const line = at && visible(at.line) ? at.line : lines[0];
    const last = readable[line].points.length - 1;
    const other = (step) => lines[(lines.indexOf(line) + step + lines.length) % lines.length];
    const along = (point) => say(line, Math.min(last, Math.max(0, point)));
    const across = (to) => say(to, Math.min(readable[to].points.length - 1, at?.point ?? 0));
    const steps = {
      ArrowRight: () => along(at ? at.point + 1 : 0),
      ArrowLeft: () => along(at ? at.point - 1 : last),
      Home: () => along(0),
      End: () => along(last),
      ArrowUp: () => across(at ? other(-1) : line),
      ArrowDown: () => across(at ? other(1) : line),
      Escape: clear,
    };
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    steps[event.key]();
  });
}

for (const plot of document.querySelectorAll(".plot")) {
  const all = [...plot.querySelectorAll(".series")];
  if (!all.length) continue;
  makeSwitches(plot, all);
  makeReadable(plot, all);
}

// ---- What is folded -----------------------------------------------------------------------------------------------------------

/** A link to a folded section opens it. */
function unfoldTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  for (let own = target; own; own = own.parentElement) if (own.tagName === "DETAILS") own.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", unfoldTarget);
if (location.hash) unfoldTarget();

// On a narrow screen the contents would push the report out of sight.
if (matchMedia("(max-width: 75rem)").matches) document.querySelector("nav details").open = false;

// On paper nothing can be unfolded.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details.section:not([open])")];
  unfolded.forEach((own) => (own.open = true));
});
addEventListener("afterprint", () => unfolded.forEach((own) => (own.open = false)));
