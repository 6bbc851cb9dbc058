// Scores and calibration over β, and energy gaps. All scores come from Python as texts.

const BINS = 15, FITTED = data.multipliers.indexOf(1);
const drawn = data.contenders.filter((contender) => contender.over_beta);

// ------------------------------------------------------------------------------------ reliability

function wilson(share, rows, z = 1.645) {
  const spread = z * z / rows, middle = (share + spread / 2) / (1 + spread);
  const half = (z / (1 + spread)) * Math.sqrt(share * (1 - share) / rows + spread / (4 * rows));
  return [middle - half, middle + half];
}
function reliability(contender) {
  const low = data.n_classes === 2 ? 0.5 : 0;
  const x = { low, high: 1, label: "probability of the predicted class", ticks: low ? [0.5, 0.6, 0.7, 0.8, 0.9, 1] : undefined };
  const frame = chart({ x, y: { low: 0, high: 1, label: "fraction correct", ticks: [0, 0.25, 0.5, 0.75, 1] }, height: 210,
    label: `Reliability of ${contender.name}: fraction of correct predictions against their probability.` });
  const { plot, X, Y, floor } = frame, layer = svg("g"), look = side(contender);
  plot.append(svg("path", { class: "guide", d: `M${X(low)},${Y(low)}L${X(1)},${Y(1)}` }));
  frame.root.append(layer); // not clipped: dots at 1 are whole
  const box = card(contender.name, "", frame.root);
  return { box, draw(step) {
    const bins = contender.bins[step], most = Math.max(...bins.map(([, rows]) => rows));
    const bars = bins.map(([j, rows]) => {
      const from = Math.max(low, j / BINS), height = 0.22 * (floor - Y(1)) * rows / most;
      return svg("rect", { class: "bars", x: X(from) + 0.5, width: Math.max(0.5, X((j + 1) / BINS) - X(from) - 1), y: floor - height, height });
    });
    layer.replaceChildren(...bars, path(bins.map(([, , share, at]) => [at, share]), X, Y, { class: `thin ${look}` }));
    for (const [, rows, share, at] of bins) {
      const [from, to] = wilson(share, rows);
      layer.append(svg("line", { class: `thin ${look}`, x1: X(at), x2: X(at), y1: Y(from), y2: Y(to) }),
        svg("circle", { class: `fill ${look}`, cx: X(at), cy: Y(share), r: 1.5 + 3 * Math.sqrt(rows / most) },
          svg("title", {}, `${rows} rows: ${short(share)} correct at ${short(at)}`)));
    }
    box.querySelector("p").textContent = Object.entries(contender.over_beta)
      .filter(([score]) => score !== "brier").map(([score, texts]) => `${data.scores[score]} ${texts[step]}`).join(", ");
  } };
}

// ------------------------------------------------------------------ table of scores at the slider

function spark(contender) {
  const losses = contender.over_beta.log_loss.map(Number), least = Math.min(...losses), best = losses.indexOf(least);
  const X = scale({ low: 0, high: losses.length - 1 }, 4, 116);
  // What is far above the minimum is cut off, so that the bottom of the valley is seen.
  const high = Math.min(Math.max(...losses), 4 * losses[FITTED] + 1e-9, least + 3 * Math.log(data.n_classes));
  const Y = scale({ low: least, high: Math.max(high, least + 1e-9) }, 22, 3);
  const now = svg("line", { class: "truth", y1: 0, y2: 26 });
  const label = `The lowest log-loss is at ${short(data.multipliers[best])} times the fitted beta.`;
  const root = svg("svg", { class: "spark", viewBox: "0 0 120 26", role: "img", "aria-label": label },
    path(losses.map((loss, j) => [j, Math.min(loss, high)]), X, Y, { class: `line ${side(contender)}` }), now,
    svg("circle", { class: `fill ${side(contender)}`, cx: X(best), cy: Y(least), r: 3.2 }, svg("title", {}, label)));
  return { root, move(step) { now.setAttribute("x1", X(step)); now.setAttribute("x2", X(step)); } };
}
function heading(text) {
  const button = html("button", { type: "button" }, text, html("span", { class: "arrow", "aria-hidden": "true" }));
  return html("th", { scope: "col", "aria-sort": "none" }, button);
}
function line(contender, body) {
  const scores = Object.entries(contender.over_beta), valley = spark(contender);
  const beta = html("td"), cells = scores.map(() => html("td"));
  body.append(html("tr", {}, html("th", { scope: "row" }, ...breakable(contender.name)), beta, ...cells, html("td", {}, valley.root)));
  const show = (cell, text) => { cell.textContent = text || "–"; cell.dataset.value = text; };
  return (step) => {
    show(beta, contender.beta === null ? "" : short(contender.beta * data.multipliers[step]));
    scores.forEach(([, texts], j) => show(cells[j], texts[step]));
    valley.move(step);
  };
}

function slider() {
  if (!drawn.length) return document.getElementById("beta-section").remove();
  const table = document.getElementById("over-beta"), input = document.getElementById("beta"), body = html("tbody");
  const columns = ["model", "β", ...Object.keys(drawn[0].over_beta).map((score) => data.scores[score])].map(heading);
  columns.push(html("th", { scope: "col" }, html("span", { class: "plain" }, "log-loss over β")));
  table.append(html("caption", { class: "hidden" }, "Scores at the β of the slider."), html("thead", {}, html("tr", {}, ...columns)), body);
  const lines = drawn.map((contender) => line(contender, body)), panels = drawn.map(reliability);
  document.getElementById("reliability").append(...panels.map(({ box }) => box));
  const draw = () => {
    const step = FITTED + Number(input.value), text = short(data.multipliers[step]);
    document.getElementById("beta-value").textContent = `× ${text}`;
    input.setAttribute("aria-valuetext", `${text} times the fitted beta`);
    for (const show of lines) show(step);
    for (const panel of panels) panel.draw(step);
  };
  input.addEventListener("input", draw);
  document.getElementById("beta-fitted").addEventListener("click", () => { input.value = 0; draw(); });
  draw();
  sortable(table);
}

// ------------------------------------------------------------------------------------------- gaps

function gaps() {
  const ours = drawn.filter((contender) => contender.gaps);
  if (!ours.length) document.getElementById("gaps-section").remove();
  for (const { name, margin, gaps: { width, first, counts } } of ours) {
    const low = first * width, high = low + counts.length * width, most = Math.max(...counts);
    const { root, plot, X, Y, floor, top } = chart({ x: { low, high, label: "F(wrong) − F(right)" }, y: { low: 0, high: 1.08 * most, label: "rows" },
      label: `Histogram of the energy gaps of ${name}.` });
    counts.forEach((count, j) => plot.append(svg("rect", { class: first + j < 0 ? "fill others" : "fill ours",
      x: X(low + j * width), width: X(width) - X(0), y: Y(count), height: floor - Y(count) })));
    plot.append(svg("line", { class: "axis", x1: X(0), x2: X(0), y1: top, y2: floor }));
    if (margin !== null) plot.append(svg("line", { class: "truth", x1: X(margin), x2: X(margin), y1: top, y2: floor }));
    document.getElementById("gaps").append(card(name, margin === null ? "" : `margin ${short(margin)}`, root));
  }
}

slider();
gaps();
