// The page of comparisons: what was compared, what came out, and the report to keep.
import { $, el, trouble } from "./dom.js";
import { call, json, key } from "./api.js";

const percent = (rate) => (rate.of ? `${Math.round((100 * rate.n) / rate.of)} %` : "–");
const range = (rate) => (rate.of ? ` (${Math.round(100 * rate.low)}–${Math.round(100 * rate.high)})` : "");

// columns of the table of cells: a name and what it shows of a cell and its verdict.
const columns = [
  ["right and cited, or rightly refused", (c) => percent(c.figures.score) + range(c.figures.score)],
  ["answered right", (c) => percent(c.figures.right)],
  ["false answers", (c) => percent(c.figures.false_answers)],
  ["seconds, 95 %", (c) => (c.figures.total_ms.p95 / 1000).toFixed(1)],
  ["decision", (_, v) => v?.verdict || "–"],
];

async function load() {
  $("page-error").hidden = true;
  let all;
  try {
    all = (await json("/v1/comparisons")).data;
  } catch (err) {
    return fail(err);
  }
  $("key-form").hidden = true;
  $("none").hidden = all.length > 0;
  $("comparisons").replaceChildren(...all.map(entry));
}

function entry(c) {
  const setup = c.setup;
  const model = setup.adapter ? `${setup.model} and +${setup.adapter}` : setup.model;
  const body = el("div");
  const node = el("article", { id: `comparison-${c.id}` },
    el("h2", {}, `${model} over ${setup.store}`),
    el("p", { class: "small" }, `${new Date(c.started).toLocaleString()} · ${setup.questions_file} · ${c.id}`),
    body);
  if (!c.finished) body.append(el("p", {}, "Not finished: the same command goes on with it."));
  else body.append(el("div", { class: "row" },
    el("button", { type: "button", onclick: (e) => show(c.id, body, e.target) }, "Show the figures"),
    el("button", { type: "button", class: "quiet", onclick: () => download(c.id) }, "Download the report")));
  return node;
}

async function show(id, body, button) {
  button.disabled = true;
  try {
    const report = await json(`/v1/comparisons/${encodeURIComponent(id)}`);
    button.remove();
    body.prepend(figures(report));
  } catch (err) {
    button.disabled = false;
    fail(err);
  }
}

function figures(report) {
  const verdict = (name) => report.verdicts.find((v) => v.cell === name);
  const rows = report.cells.map((c) => el("tr", {}, el("th", { scope: "row" }, c.name), ...columns.map(([, of]) => el("td", {}, of(c, verdict(c.name))))));
  const head = el("tr", {}, el("th", { scope: "col" }, "cell"), ...columns.map(([name]) => el("th", { scope: "col" }, name)));
  const notes = [...report.errors.map((text) => ["error", text]), ...report.missing.map((text) => ["", text])];
  return el("div", {},
    ...notes.map(([kind, text]) => el("p", { class: `notice ${kind}` }, text)),
    el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Figures of the cells" }, el("table", { class: "figures" }, el("thead", {}, head), el("tbody", {}, ...rows))));
}

// download saves the page: it may not be shown here, where no page may bring its own style.
async function download(id) {
  try {
    const blob = await (await call(`/v1/comparisons/${encodeURIComponent(id)}/html`)).blob();
    const address = URL.createObjectURL(blob);
    el("a", { href: address, download: `comparison-${id}.html` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } catch (err) {
    fail(err);
  }
}

function fail(err) {
  if (err.status === 401 || err.status === 403) {
    if (key.get()) $("key-title").textContent = "This key may not see comparisons";
    $("key-form").hidden = false;
    $("key").focus();
    return;
  }
  $("page-error").replaceChildren(trouble(err, "The comparisons cannot be shown", load));
  $("page-error").hidden = false;
}

$("key-form").addEventListener("submit", (e) => {
  e.preventDefault();
  key.set($("key").value.trim());
  $("key").value = "";
  load();
});
load();
