// Why these passages: what the search found, in which order, and what an answer is made of.
import { el, place } from "./dom.js";
import { json } from "./api.js";

const reasons = {
  duplicate: "says the same as a better one",
  budget: "did not fit",
  weak: "says too little",
};

// why is a panel that asks the server when it is opened for the first time.
export function why(store, gw) {
  const body = el("div");
  const panel = el("details", { class: "why quotes", ontoggle: () => panel.open && !body.childNodes.length && fill(body, store, gw) },
    el("summary", {}, "Why these passages"), body);
  return panel;
}

async function fill(body, store, gw) {
  const wait = el("p", { class: "small", role: "status" }, "Looking …");
  body.append(wait);
  try {
    const found = await json("/v1/search", { body: { query: gw.query, store, k: 10, explain: true } });
    body.replaceChildren(...panels(found, gw));
  } catch (err) {
    body.replaceChildren(el("p", { class: "small", role: "alert" }, err.message));
  }
}

function panels({ query, data, evidence, explanation }, gw) {
  const dropped = new Map(explanation.context.dropped.map((d) => [d.chunk_id, d.reason]));
  const given = new Set(gw.abstained ? [] : (gw.sources ?? []).map((s) => s.chunk_id));
  const reranked = data.some((r) => r.rerank_rank);
  const rows = data.map((r) => el("tr", {},
    el("td", {}, r.rank ?? "–"), el("td", {}, r.score.toFixed(3)), el("td", {}, leg(r.dense_rank, r.dense_score)), el("td", {}, leg(r.text_rank, r.text_score)),
    reranked && el("td", {}, leg(r.rerank_rank, r.rerank_score)),
    el("td", {}, r.filename, el("span", { class: "small" }, ` ${place(r)}`)),
    el("td", {}, outcome(given.has(r.chunk_id), r.dropped ?? dropped.get(r.chunk_id)))));
  const head = ["Rank", "Fused", "Meaning", "Words", reranked && "Reranked", "Passage", "Then"].filter(Boolean).map((name) => el("th", { scope: "col" }, name));
  const prompt = explanation.prompt.map((m) => `${m.role}:\n${m.content}`).join("\n\n");
  const fp = explanation.fingerprint;
  return [
    el("p", { class: "small" }, "Searched for: ", el("q", {}, query)),
    el("p", { class: "small" }, `Evidence ${evidence.strength.toFixed(2)}, needed ${evidence.threshold.toFixed(2)}: `
      + (explanation.abstains ? "too little to answer." : "enough to answer.")),
    el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Passages found" },
      el("table", { class: "small" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))),
    el("p", { class: "small" }, Object.entries(explanation.timings_ms).map(([stage, ms]) => `${stage} ${ms.toFixed(1)} ms`).join(" · ")),
    el("p", { class: "small" }, [fp.model, fp.adapter, fp.quantisation, fp.embedding, fp.reranker, `index ${fp.index_generation}`, fp.prompt, fp.code].filter(Boolean).join(" · ")),
    explanation.context.reranking?.failed && el("p", { class: "small" }, `Not reranked: ${explanation.context.reranking.failed}`),
    explanation.prompt_error && el("p", { class: "small" }, explanation.prompt_error),
    prompt && el("details", {}, el("summary", { class: "small" }, "The prompt as it would be sent now"),
      el("pre", { class: "small", tabindex: "0" }, prompt)),
  ].filter(Boolean);
}

const leg = (rank, score) => (rank ? `#${rank} ${score.toFixed(2)}` : "–");

function outcome(read, reason) {
  if (read) return "read by the model";
  return reason ? `left out: ${reasons[reason] ?? reason}` : "not needed";
}
