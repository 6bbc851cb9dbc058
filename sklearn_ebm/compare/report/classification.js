// Probabilities of held-out rows at any β, and what follows from them.

const BINS = 15, LEAST = 2 ** -52; // as in the table: bins of ECE, and what log-loss clips at
const n_classes = data.classes.length, n_rows = data.labels.length;
const n_folds = n_rows ? Math.max(...data.folds) + 1 : 0;
const drawn = data.contenders.filter((contender) => contender.distances);

// β (F(x, y) − min F) of row i and class k: with two classes, one number is kept for both.
function distance(contender, i, k) {
  if (n_classes > 2) return contender.distances[i * n_classes + k];
  const difference = contender.distances[i];
  return k ? Math.max(-difference, 0) : Math.max(difference, 0);
}

function bins() {
  return Array.from({ length: BINS }, () => ({ rows: 0, right: 0, confidence: 0 }));
}

// Scores of one contender at a multiple of its β: of each fold, averaged over the folds.
function scored(contender, factor) {
  const folds = Array.from({ length: n_folds }, () => ({ rows: 0, loss: 0, brier: 0, bins: bins() }));
  const pooled = bins(), p = new Float64Array(n_classes);
  for (let i = 0; i < n_rows; i++) {
    const fold = folds[data.folds[i]], label = data.labels[i];
    let sum = 0, best = 0, squares = 0;
    for (let k = 0; k < n_classes; k++) sum += p[k] = Math.exp(-factor * distance(contender, i, k));
    for (let k = 0; k < n_classes; k++) {
      p[k] /= sum;
      if (p[k] > p[best]) best = k;
      squares += (p[k] - (k === label)) ** 2;
    }
    fold.rows++;
    fold.loss -= Math.log(Math.min(1 - LEAST, Math.max(LEAST, p[label])));
    fold.brier += squares;
    const place = Math.min(BINS - 1, Math.max(0, Math.ceil(p[best] * BINS) - 1));
    for (const bin of [fold.bins[place], pooled[place]]) {
      bin.rows++;
      bin.right += best === label;
      bin.confidence += p[best];
    }
  }
  const there = folds.filter((fold) => fold.rows);
  const mean = (of) => there.reduce((sum, fold) => sum + of(fold) / fold.rows, 0) / there.length;
  return {
    log_loss: mean((fold) => fold.loss),
    brier: mean((fold) => fold.brier),
    ece: mean((fold) => fold.bins.reduce((sum, bin) => sum + Math.abs(bin.right - bin.confidence), 0)),
    bins: pooled,
  };
}

// ------------------------------------------------------------------------------------ reliability

function wilson(right, rows, z = 1.645) {
  const share = right / rows, spread = z * z / rows;
  const middle = (share + spread / 2) / (1 + spread);
  const half = (z / (1 + spread)) * Math.sqrt(share * (1 - share) / rows + spread / (4 * rows));
  return [middle - half, middle + half];
}
function reliability(contender) {
  const low = n_classes === 2 ? 0.5 : 0;
  const x = { low, high: 1, label: "probability of the predicted class", ticks: low ? [0.5, 0.6, 0.7, 0.8, 0.9, 1] : undefined };
  const frame = chart({ x, y: { low: 0, high: 1, label: "share right", ticks: [0, 0.25, 0.5, 0.75, 1] },
    height: 210,
    label: `Reliability of ${contender.name}: share of right predictions against their probability.` });
  const { plot, X, Y, floor } = frame, layer = svg("g");
  plot.append(svg("path", { class: "guide", d: `M${X(low)},${Y(low)}L${X(1)},${Y(1)}` }));
  frame.root.append(layer); // not clipped: dots at 1 are whole
  const box = card(contender.name, "", frame.root);
  return { box, draw(result) {
    layer.replaceChildren();
    const most = Math.max(...result.bins.map((bin) => bin.rows)), points = [];
    result.bins.forEach((bin, j) => {
      if (!bin.rows) return;
      const from = Math.max(low, j / BINS), height = 0.22 * (floor - Y(1)) * bin.rows / most;
      layer.append(svg("rect", { class: "bars", x: X(from) + 0.5, width: Math.max(0.5, X((j + 1) / BINS) - X(from) - 1),
        y: floor - height, height }));
      points.push([bin.confidence / bin.rows, bin.right / bin.rows, bin]);
    });
    layer.append(path(points, X, Y, { class: `thin ${side(contender)}` }));
    for (const [confidence, share, bin] of points) {
      const [from, to] = wilson(bin.right, bin.rows);
      layer.append(svg("line", { class: `thin ${side(contender)}`, x1: X(confidence), x2: X(confidence), y1: Y(from), y2: Y(to) }),
        svg("circle", { class: `fill ${side(contender)}`, cx: X(confidence), cy: Y(share),
          r: 1.5 + 3 * Math.sqrt(bin.rows / most) }, // few rows, a small dot
          svg("title", {}, `${bin.rows} rows: ${short(share)} right at ${short(confidence)}`)));
    }
    box.querySelector("p").textContent = `log-loss ${result.log_loss.toFixed(4)}, ECE ${result.ece.toFixed(3)}`;
  } };
}

// ------------------------------------------------------------------ table of scores at the slider

const COLUMNS = [["model"], ["β"], ["log_loss", 4], ["brier", 3], ["ece", 3], ["log-loss over β"]];
const EXPONENTS = Array.from({ length: 33 }, (_, j) => -4 + j / 4);

function spark(contender) {
  const losses = EXPONENTS.map((each) => scored(contender, 2 ** each).log_loss);
  const least = Math.min(...losses), best = losses.indexOf(least);
  const X = scale({ low: -4, high: 4 }, 4, 116);
  // What is far above the minimum is cut off, so that the bottom of the valley is seen.
  const high = Math.min(Math.max(...losses), 4 * losses[16] + 1e-9, least + 3 * Math.log(n_classes));
  const Y = scale({ low: least, high: Math.max(high, least + 1e-9) }, 22, 3);
  const now = svg("line", { class: "truth", x1: X(0), x2: X(0), y1: 0, y2: 26 });
  const label = `The least log-loss is at ${(2 ** EXPONENTS[best]).toFixed(2)} times the fitted beta.`;
  const root = svg("svg", { class: "spark", viewBox: "0 0 120 26", role: "img", "aria-label": label },
    path(losses.map((loss, j) => [EXPONENTS[j], Math.min(loss, high)]), X, Y, { class: `line ${side(contender)}` }), now,
    svg("circle", { class: `fill ${side(contender)}`, cx: X(EXPONENTS[best]), cy: Y(least), r: 3.2 }, svg("title", {}, label)));
  return { root, move(exponent) { now.setAttribute("x1", X(exponent)); now.setAttribute("x2", X(exponent)); } };
}
function heading([name]) {
  const text = data.scores[name] ? data.scores[name][0] : name;
  const attributes = { scope: "col", role: "columnheader" };
  if (name === "log-loss over β") return html("th", attributes, html("span", { class: "plain" }, text));
  const button = html("button", { type: "button" }, text, html("span", { class: "arrow", "aria-hidden": "true" }));
  return html("th", { ...attributes, "aria-sort": "none" }, button);
}
function betaOf(contender, factor) {
  if (!contender.betas) return null;
  return factor * contender.betas.reduce((sum, beta) => sum + beta, 0) / contender.betas.length;
}
function line(contender, body) {
  const cells = COLUMNS.map(([name], j) => html(j ? "td" : "th", {
    role: j ? "cell" : "rowheader", ...(j ? { "data-label": data.scores[name] ? data.scores[name][0] : name } : { scope: "row" }),
  }));
  const valley = spark(contender);
  cells[0].append(contender.name);
  cells[5].append(valley.root);
  body.append(html("tr", { role: "row", "data-model": contender.name }, ...cells));
  return { draw(result, factor, exponent) {
    const beta = betaOf(contender, factor);
    cells[1].textContent = beta === null ? "–" : short(beta);
    cells[1].dataset.value = beta === null ? "" : beta;
    COLUMNS.forEach(([name, digits], j) => {
      if (digits === undefined) return;
      cells[j].textContent = result[name].toFixed(digits);
      cells[j].dataset.value = result[name];
    });
    valley.move(exponent);
  } };
}

function slider() {
  const table = document.getElementById("recomputed"), input = document.getElementById("beta");
  const body = html("tbody", { role: "rowgroup" });
  table.append(html("caption", { class: "hidden" }, "Scores at the β of the slider."),
    html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, ...COLUMNS.map(heading))), body);
  const place = document.getElementById("reliability");
  const parts = drawn.map((contender) => ({ contender, line: line(contender, body), panel: reliability(contender) }));
  place.append(...parts.map(({ panel }) => panel.box));
  const draw = () => {
    const exponent = Number(input.value), factor = 2 ** exponent;
    const text = `× ${factor.toFixed(factor < 0.1 ? 3 : 2)}`;
    document.getElementById("beta-value").textContent = text;
    input.setAttribute("aria-valuetext", `${factor.toFixed(3)} times the fitted beta`);
    for (const { contender, line, panel } of parts) {
      const result = scored(contender, factor);
      line.draw(result, factor, exponent);
      panel.draw(result);
    }
  };
  let waiting = false; // one drawing for each frame, however fast the slider moves
  input.addEventListener("input", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  });
  document.getElementById("beta-fitted").addEventListener("click", () => { input.value = 0; draw(); });
  draw();
  sortable(table);
}

// ------------------------------------------------------------------------------------------- gaps

function gapsOf(contender) {
  return data.labels.map((label, i) => {
    let wrong = Infinity;
    for (let k = 0; k < n_classes; k++) if (k !== label) wrong = Math.min(wrong, distance(contender, i, k));
    return (wrong - distance(contender, i, label)) / contender.betas[data.folds[i]];
  });
}
function gaps() {
  const ours = drawn.filter((contender) => contender.betas);
  if (!ours.length) document.getElementById("gaps-section").remove();
  for (const contender of ours) {
    const values = gapsOf(contender), sorted = [...values].sort((a, b) => a - b);
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    const margin = contender.margin;
    const low = Math.min(at(0.005), 0), high = Math.max(at(0.98), margin === null ? 0 : 1.15 * margin, low + 1e-9);
    const n = 40, counts = histogram(values, low, high, n), most = Math.max(...counts);
    const wrong = values.filter((gap) => gap <= 0).length / values.length;
    const frame = chart({ x: { low, high, label: "F(wrong) − F(right)" }, y: { low: 0, high: 1.08 * most, label: "rows" },
      label: `Gaps of energy of ${contender.name}: ${short(100 * wrong)} % of the rows are below zero.` });
    const { plot, X, Y, floor, top } = frame;
    counts.forEach((count, j) => {
      const from = low + (j / n) * (high - low), to = low + ((j + 1) / n) * (high - low);
      // A bar across 0 is split there.
      const middle = Math.min(Math.max(0, from), to);
      for (const [a, b, name] of [[from, middle, "wrong"], [middle, to, "right"]]) {
        if (b > a) plot.append(svg("rect", { class: name, x: X(a), width: X(b) - X(a), y: Y(count), height: floor - Y(count) }));
      }
    });
    plot.append(svg("line", { class: "axis", x1: X(0), x2: X(0), y1: top, y2: floor }));
    if (margin !== null) plot.append(svg("line", { class: "truth", x1: X(margin), x2: X(margin), y1: top, y2: floor }));
    const text = `${short(100 * wrong)} % wrong` + (margin === null ? "" : `; dashed: margin ${short(margin)}`);
    document.getElementById("gaps").append(card(contender.name, text, frame.root));
  }
}

slider();
gaps();
curves(document.getElementById("curves"), "iterations");
