// Predicted distributions of held-out answers: densities, scores, coverage. Scores come from Python as texts.

const COLOURS = 7, DASHES = ["", "dashed", "dotted"];
const drawn = data.contenders.filter((contender) => contender.pit);
drawn.forEach((contender, j) => {
  contender.look = `s${j % COLOURS} ${DASHES[Math.floor(j / COLOURS) % DASHES.length]}`.trim();
  contender.on = j < 5;
});

// -------------------------------------------------------------------------------------- densities

// One spike must not hide the others: what is far above the middle one of the peaks is cut off.
function height(shown) {
  const peaks = shown.filter(({ density }) => density.length).map(({ density }) => Math.max(...density)).sort((a, b) => a - b);
  if (!peaks.length) return [1, false];
  const most = peaks[peaks.length - 1], limit = 3 * peaks[Math.floor((peaks.length - 1) / 2)];
  return [Math.min(most, limit), most > limit];
}
function density(row, models) {
  const shown = models.map((contender) => contender.shown[row]), answer = data.answers[row];
  // All of the intervals, and the answer.
  const marks = shown.flatMap((each) => each.marks).concat(answer), [most, isCut] = height(shown);
  const pad = 0.15 * (Math.max(...marks) - Math.min(...marks)) || 1, low = Math.min(...marks) - pad, high = Math.max(...marks) + pad;
  const strips = 12 * models.length + 8;
  const frame = chart({ x: { low, high, label: data.target, count: 5 }, y: { low: 0, high: 1.05 * most, label: "density", count: 3 },
    width: 360, height: 200 + strips, bottom: 36 + strips, left: 50, label: `Densities of an answer that was ${short(answer)}.` });
  const { root, plot, X, Y, floor, top } = frame;
  // The labels of the horizontal axis lie between densities and strips; its name lies below.
  models.forEach((contender, j) => {
    const { marks, density, answers } = shown[j], y = floor + 26 + 12 * j;
    if (density.length) {
      plot.append(path(answers.map((at, i) => [at, density[i]]), X, Y, { class: `line ${contender.look}` }));
    }
    const strip = (from, to, width) => svg("line", { class: contender.look.split(" ")[0], "stroke-width": width,
      x1: X(from), x2: X(to), y1: y, y2: y }, svg("title", {}, `${contender.name}: ${short(from)} to ${short(to)}`));
    root.append(strip(marks[0], marks[4], 1.5), strip(marks[1], marks[3], 5),
      svg("circle", { class: `dot ${contender.look.split(" ")[0]}`, cx: X(marks[2]), cy: y, r: 3 }));
  });
  root.append(svg("line", { class: "truth", x1: X(answer), x2: X(answer), y1: top, y2: floor }));
  if (models.length) {
    root.append(svg("line", { class: "truth", x1: X(answer), x2: X(answer), y1: floor + 19, y2: floor + 14 + strips }));
  }
  return card(`${data.target} = ${short(answer)}`, isCut ? "the highest peak is cut off" : "", root);
}
function drawDensities() {
  const models = drawn.filter((contender) => contender.on);
  const rows = data.answers.map((_, row) => density(row, models));
  document.getElementById("densities").replaceChildren(...rows);
}
function legend() {
  const place = document.getElementById("legend");
  for (const contender of drawn) {
    const line = svg("svg", { viewBox: "0 0 28 10", "aria-hidden": "true" },
      svg("line", { class: `line ${contender.look}`, x1: 0, x2: 28, y1: 5, y2: 5, "stroke-width": 3 }));
    const button = html("button", { type: "button", class: "control", "aria-pressed": contender.on }, line, contender.name);
    button.addEventListener("click", () => {
      contender.on = !contender.on;
      button.setAttribute("aria-pressed", contender.on);
      drawDensities();
    });
    place.append(button);
  }
}

// ----------------------------------------------------------------------------------------- scores

function scoreChart(score, text) {
  const all = data.contenders, ends = (each) => [-1, 1].map((sign) => each.mean[score] + sign * (each.error[score] || 0));
  const values = all.filter((each) => each.mean[score] !== null).flatMap(ends);
  if (!values.length) return "";
  const low = Math.min(...values), high = Math.max(...values), pad = 0.06 * (high - low) || 0.1 * Math.abs(high) || 1;
  const step = 32, label = `${data.scores[score]}, ${text}`;
  const { root, X, top } = chart({ x: { low: low - pad, high: high + pad, label }, y: { low: 0, high: 1, hidden: true },
    width: 360, height: step * all.length + 46, left: 8, label: `${data.scores[score]} of all models.` });
  all.forEach((contender, j) => {
    const y = top + 8 + step * j, name = side(contender);
    root.append(svg("text", { x: 12, y: y + 3 }, contender.name),
      svg("text", { x: 348, y: y + 3, "text-anchor": "end" }, contender.cells[score]));
    if (contender.mean[score] === null) return;
    const [from, to] = ends(contender).map(X);
    root.append(svg("circle", { class: `fill ${name}`, cx: X(contender.mean[score]), cy: y + 12.5, r: 4 }),
      svg("line", { class: name, "stroke-width": 1.75, x1: from, x2: to, y1: y + 12.5, y2: y + 12.5 }));
  });
  return card(data.scores[score], `${text}; whiskers: ± one standard error`, root);
}

// --------------------------------------------------------------------------------------- coverage

function coverage(contender) {
  const { root, plot, X, Y } = chart({ x: { low: 0, high: 1, label: "probability" }, y: { low: 0, high: 1, label: "fraction inside" },
    width: 190, height: 180, left: 42, label: `Coverage of intervals of ${contender.name}.` });
  plot.append(svg("path", { class: "guide", d: `M${X(0)},${Y(0)}L${X(1)},${Y(1)}` }),
    path(contender.coverage.map((share, j) => [data.levels[j], Number(share)]), X, Y, { class: `line ${side(contender)}` }));
  contender.coverage.forEach((share, j) => plot.append(svg("circle", { class: `fill ${side(contender)}`, cx: X(data.levels[j]), cy: Y(Number(share)), r: 2.6 },
    svg("title", {}, `${share} of the answers in intervals of ${short(data.levels[j])}`))));
  return root;
}
function places(contender) {
  const n = contender.pit.length, even = contender.pit.reduce((sum, count) => sum + count) / n, most = Math.max(...contender.pit, 2 * even);
  const { root, plot, X, Y, floor } = chart({ x: { low: 0, high: 1, label: "F(answer)" }, y: { low: 0, high: 1.05 * most / even, label: "rows / even" },
    width: 190, height: 180, left: 42, label: `Histogram of the distribution functions of ${contender.name} at the answers.` });
  contender.pit.forEach((count, j) => plot.append(svg("rect", { class: `fill ${side(contender)}`, opacity: 0.75, x: X(j / n) + 0.4,
    width: X(1 / n) - X(0) - 0.8, y: Y(count / even), height: floor - Y(count / even) })));
  plot.append(svg("line", { class: "guide", x1: X(0), x2: X(1), y1: Y(1), y2: Y(1) }));
  return root;
}

if (drawn.length) {
  legend();
  drawDensities();
} else {
  for (const name of ["densities", "coverage"]) document.getElementById(`${name}-section`).remove();
}
document.getElementById("score-charts").append(scoreChart("crps", `in the unit of ${data.target}`), scoreChart("nll", "in nats"));
for (const contender of drawn) {
  document.getElementById("coverage").append(card(contender.name, `${contender.coverage[data.levels.indexOf(0.9)]} in intervals of 0.9`,
    html("div", { class: "pair" }, coverage(contender), places(contender))));
}
