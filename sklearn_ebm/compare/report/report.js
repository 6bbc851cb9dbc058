"use strict";
// What every report has: elements, axes, tables that sort, the theme. Names from the data become
// text nodes and nothing else, so that none of them can be markup.

const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
function html(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}
function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// Three significant digits, without an exponent where it is not needed.
function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

// Round values between two ends, about so many.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((each) => each >= rough * 0.999);
  const found = [];
  for (let j = Math.ceil(low / step - 1e-9); j * step <= high + 1e-9 * step; j++) found.push(j * step);
  return found;
}
// Powers of ten between two ends, and their multiples by 2 and 5 where the powers are few.
function powers(low, high, count) {
  const decades = Math.log10(high / low), steps = decades < count / 2 ? [1, 2, 5] : [1], found = [];
  for (let j = Math.floor(Math.log10(low)); 10 ** j <= high; j++) {
    found.push(...steps.map((step) => step * 10 ** j).filter((each) => each >= 0.999 * low && each <= 1.001 * high));
  }
  const every = Math.ceil(found.length / (2 * count));
  return found.length > 1 ? found.filter((_, j) => j % every === 0) : ticks(low, high, count);
}

function scale(axis, from, to) {
  const via = axis.log ? Math.log10 : (value) => value;
  const low = via(axis.low), high = via(axis.high);
  return (value) => from + ((via(value) - low) / (high - low || 1)) * (to - from);
}

let clips = 0;
// A frame with two axes; `plot` is clipped to it. An axis: {low, high, label, log, count, ticks}.
function chart({ x, y, label, width = 260, height = 200, left = 44, bottom = 34 }) {
  const right = width - 10, top = 8, floor = height - bottom;
  const X = scale(x, left, right), Y = scale(y, floor, top);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const marks = (axis, count) => axis.ticks || (axis.log ? powers : ticks)(axis.low, axis.high, axis.count || count);
  for (const value of marks(x, 5)) {
    const text = short(value), beyond = X(value) + 3.4 * text.length > width; // 6.8 units a letter
    root.append(svg("line", { class: "tick", x1: X(value), x2: X(value), y1: top, y2: floor }),
      svg("text", { x: beyond ? width : X(value), y: floor + 13, "text-anchor": beyond ? "end" : "middle" }, text));
  }
  for (const value of y.hidden ? [] : marks(y, 4)) {
    root.append(svg("line", { class: "tick", x1: left, x2: right, y1: Y(value), y2: Y(value) }),
      svg("text", { x: left - 5, y: Y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  const id = `clip${clips++}`;
  const plot = svg("g", { "clip-path": `url(#${id})` });
  root.append(
    svg("clipPath", { id }, svg("rect", { x: left, y: top, width: right - left, height: floor - top })),
    plot, svg("path", { class: "axis", d: `M${left},${top}V${floor}H${right}` }),
    svg("text", { class: "label", x: (left + right) / 2, y: height - 5, "text-anchor": "middle" }, x.label));
  if (y.label) {
    root.append(svg("text", { class: "label", "text-anchor": "middle",
      transform: `translate(10,${(top + floor) / 2}) rotate(-90)` }, y.label));
  }
  return { root, plot, X, Y, floor, top, left, right };
}

function path(points, X, Y, attributes) {
  const d = points.map(([a, b], j) => `${j ? "L" : "M"}${X(a).toFixed(2)},${Y(b).toFixed(2)}`).join("");
  return svg("path", { d, ...attributes });
}
function side(contender) {
  return contender.energies ? "ours" : "others";
}
// A long name such as HistGradientBoostingClassifier may break before a capital letter.
function breakable(name) {
  return name.split(/(?<=[a-z])(?=[A-Z])/).flatMap((part, j) => (j ? [html("wbr"), part] : [part]));
}
function card(title, text, ...charts) {
  return html("div", { class: "card" }, html("h4", {}, ...breakable(title)), html("p", {}, text), ...charts);
}

function curves() {
  const learned = data.contenders.filter((contender) => contender.curves.length);
  if (!learned.length) document.getElementById("curves-section").remove();
  for (const contender of learned) {
    const all = contender.curves.flatMap(([, values]) => values);
    const low = Math.min(...all), high = Math.max(...all);
    const log = low > 0 && high > 20 * low;
    const pad = high > low ? 0.05 * (high - low) : Math.abs(high) || 1;
    const y = { low: log ? low : low - pad, high: log ? high : high + pad, log, label: "objective" };
    const last = Math.max(...contender.curves.map(([at]) => at[at.length - 1]));
    const frame = chart({ x: { low: 1, high: Math.max(2, last), log: true, label: "iterations", count: 4 }, y, left: 56,
      label: `Objective of ${contender.name} over ${last} iterations.` });
    for (const [at, values] of contender.curves) {
      frame.plot.append(path(at.map((t, j) => [t, values[j]]), frame.X, frame.Y, { class: `thin ${side(contender)}` }));
    }
    document.getElementById("curves").append(card(contender.name, "", frame.root));
  }
}

// ---------------------------------------------------------------------------------- sorted tables

function compare(a, b, sign) {
  const [left, right] = [a, b].map((cell) => cell.dataset.value);
  if (left === undefined) return sign * a.textContent.localeCompare(b.textContent);
  if (left === "" || right === "") return (left === "") - (right === ""); // those without come last
  return sign * (Number(left) - Number(right));
}
function sortBy(table, column) {
  const headings = [...table.tHead.rows[0].cells], heading = headings[column];
  const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const each of headings) if (each.hasAttribute("aria-sort")) each.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1, body = table.tBodies[0];
  body.append(...[...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], sign)));
  document.getElementById("sorted").textContent = `Sorted by ${heading.textContent}, ${order}.`;
}
function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) =>
    heading.querySelector("button")?.addEventListener("click", () => sortBy(table, column)));
}

// ------------------------------------------------------------------------------------------ theme

function themed() {
  const button = document.getElementById("theme"), root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => { button.textContent = isDark() ? "Light colours" : "Dark colours"; };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  button.hidden = false;
  name();
}

// On a wide screen sections of the class "wide" are open unless they are long.
const MOST_CARDS = 12;
function unfolded() {
  if (!matchMedia("(min-width: 861px)").matches) return;
  for (const each of document.querySelectorAll("details.wide")) {
    each.open = each.querySelectorAll(":scope > .grid > .card").length <= MOST_CARDS;
  }
}

sortable(document.getElementById("leaderboard"));
themed();
curves();
addEventListener("DOMContentLoaded", unfolded); // after the charts of the task
