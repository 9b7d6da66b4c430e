// One question and its answer: what streams in, and what the checks say about it.
import { address, el, say, place, trouble } from "./dom.js";
import { why } from "./why.js";
import { shadow, blocks, inline, placed, sentences, seconds, count } from "./text.js";

const verdicts = {
  supported: ["✓", "Supported"],
  partly: ["≈", "Partly supported"],
  unsupported: ["✕", "Not supported"],
};

function verdict(name) {
  const [icon, words] = verdicts[name] ?? ["?", "Not checked"];
  return el("span", { class: `verdict ${name in verdicts ? name : "unchecked"}` },
    el("span", { "aria-hidden": "true" }, icon), ` ${words}`);
}

// Turn is the article of one question. read(target, opener) opens a document;
// again() puts the question once more.
export class Turn {
  constructor(question, { read, again, store }) {
    Object.assign(this, { read, again, store, text: "", unread: "", began: performance.now(), first: 0, groundwork: {} });
    this.status = el("p", { class: "status small" }, "Searching the documents …");
    this.body = el("div", { class: "answer", "aria-busy": "true" });
    this.after = el("div", { class: "after" });
    this.sources = el("div", { class: "sources" });
    this.foot = el("div");
    this.node = el("article", { "data-state": "waiting" },
      el("h2", { class: "asked" }, question), this.status, this.body, this.after, this.sources, this.foot);
    say("Searching the documents.");
  }

  // take adds one chunk of the stream.
  take(chunk) {
    if (chunk.groundwork) {
      Object.assign(this.groundwork, chunk.groundwork);
      if (chunk.groundwork.sources && this.node.dataset.state === "waiting") this.found();
    }
    const choice = chunk.choices?.[0];
    if (choice?.finish_reason) this.finishReason = choice.finish_reason;
    if (!choice?.delta?.content) return;
    this.first ||= performance.now();
    this.node.dataset.state = "streaming";
    this.text += choice.delta.content;
    this.aloud(choice.delta.content);
    this.status.textContent = "Writing …";
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.node.dataset.state === "streaming") this.body.replaceChildren(...compose(this.text));
    });
  }

  aloud(delta) {
    const [done, rest] = sentences(this.unread + delta);
    if (done.trim()) say(done);
    this.unread = rest;
  }

  found() {
    const n = this.groundwork.sources.length;
    if (n) this.status.textContent = `Reading ${count(n, "passage")} …`;
    this.listSources();
  }

  // finish shows the checked answer: markers, flags, verdict, sources, timings.
  finish() {
    const gw = this.groundwork;
    if (this.unread.trim()) say(this.unread);
    this.settle(gw.abstained ? "abstained" : "done");
    if (gw.abstained) this.abstained();
    else {
      this.body.replaceChildren(...compose(this.text, gw, (c) => this.marker(c)));
      this.checked();
    }
    this.listSources();
    this.foot.append(this.timings());
    if (gw.query && this.store) this.foot.append(why(this.store, gw));
  }

  settle(state) {
    cancelAnimationFrame(this.frame);
    this.node.dataset.state = state;
    this.body.setAttribute("aria-busy", "false");
    this.status.remove();
  }

  // stopped and failed keep what came, and say that it is not the whole answer.
  stopped() {
    this.partial("stopped");
    this.after.append(el("p", { class: "notice", role: "status" },
      "■ Stopped by you. ", this.text ? "This answer is incomplete and was not checked." : "No answer was written."));
    say("Stopped.");
  }

  failed(err) {
    this.partial("failed");
    this.after.append(trouble(err, this.text ? "This answer is incomplete" : "No answer", this.again));
  }

  partial(state) {
    this.settle(state);
    this.body.replaceChildren(...compose(this.text));
  }

  // incomplete tells why an answer that ended is not the whole one.
  incomplete() {
    return this.finishReason === "length" &&
      el("p", { class: "flag-note" }, "⚠ The answer reached its length limit and ends early.");
  }

  checked() {
    const gw = this.groundwork;
    const doubts = (gw.unsupported ?? []).length;
    const cited = (gw.citations ?? []).filter((c) => c.verdict !== "unsupported").length;
    let line;
    if (!gw.sources) line = el("p", { class: "verdict-line" }, "? Answered without the documents; nothing was checked.");
    else if (doubts) line = el("p", { class: "verdict-line doubt" },
      `⚠ ${count(doubts, "sentence")} not backed by the documents: underlined and marked with “⚠”.`);
    else if (cited) line = el("p", { class: "verdict-line good" }, "✓ Checked against the documents; click a number to read the passage.");
    else line = el("p", { class: "verdict-line doubt" }, "⚠ No passage of the documents backs this answer.");
    this.after.append(line);
    const early = this.incomplete();
    if (early) this.after.append(early);
    if (gw.context?.cut) this.after.append(el("p", { class: "flag-note" },
      "⚠ The model server read only a part of the passages: its window is smaller than it says."));
    if (gw.citations?.length) this.after.append(this.quotes(gw.citations));
    say(`Answer complete. ${line.textContent}`);
  }

  // marker is the small number behind a cited sentence.
  marker(citation) {
    const [icon, words] = verdicts[citation.verdict] ?? ["?", "Not checked"];
    const name = this.source(citation)?.filename ?? "document";
    const weak = citation.verdict !== "supported";
    return el("sup", {}, el("a", {
      href: address(citation), // so that it opens in a new tab as well
      class: `cite ${citation.verdict}`,
      title: `${words}: ${name}`,
      "aria-label": `Source ${citation.source}, ${name}. ${words}.`,
      onclick: (e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey) return;
        e.preventDefault();
        this.open(citation, e.currentTarget);
      },
    }, String(citation.source), weak && icon));
  }

  source(citation) {
    return this.groundwork.sources?.find((s) => s.index === citation.source);
  }

  open(citation, opener) {
    const source = this.source(citation) ?? {};
    this.read({
      ...citation,
      filename: source.filename,
      heading: citation.heading ?? source.heading,
      page: citation.page || source.page,
    }, opener);
  }

  quotes(citations) {
    const rows = citations.map((c) => el("li", {},
      el("button", { type: "button", class: "quote", onclick: (e) => this.open(c, e.currentTarget) },
        el("span", { class: "n" }, String(c.source)), el("q", {}, c.quote)),
      el("span", { class: "small" }, verdict(c.verdict), ` · ${this.source(c)?.filename ?? ""}`)));
    return el("details", { class: "quotes" }, el("summary", {}, `Quotes that back it (${rows.length})`), el("ul", {}, ...rows));
  }

  abstained() {
    const gw = this.groundwork;
    this.body.replaceChildren(
      el("p", { class: "abstain-title" }, el("span", { "aria-hidden": "true" }, "⊘ "), "Not found in the documents"),
      ...compose(this.text));
    if (gw.query) this.body.append(el("p", { class: "small" }, "Looked for: ", el("q", {}, gw.query)));
    say("Not found in the documents.");
  }

  listSources() {
    const gw = this.groundwork;
    const list = gw.abstained ? gw.nearest ?? [] : gw.sources ?? [];
    if (!list.length) return this.sources.replaceChildren();
    const cited = new Set((gw.citations ?? []).map((c) => c.source));
    const rows = list.map((s) => el("li", { class: cited.has(s.index) && "cited" },
      el("button", { type: "button", onclick: (e) => this.read(s, e.currentTarget) },
        !gw.abstained && el("span", { class: "n" }, String(s.index)),
        el("span", { class: "name" }, s.filename, cited.has(s.index) && el("span", { class: "small" }, " · cited"))),
      el("span", { class: "small where" }, place(s)),
      s.text && el("span", { class: "small snippet" }, s.text.slice(0, 300))));
    this.sources.replaceChildren(
      el("h3", {}, gw.abstained ? "Nearest passages" : "Sources"), el("ol", {}, ...rows));
  }

  timings() {
    const now = performance.now();
    const parts = [];
    if (this.first) parts.push(`first word after ${seconds(this.first - this.began)}`);
    parts.push(`${seconds(now - this.began)} in all`);
    const fp = this.groundwork.fingerprint;
    if (fp?.model) parts.push([fp.model, fp.adapter, fp.quantisation].filter(Boolean).join(" "));
    return el("p", { class: "small timings" }, parts.join(" · "));
  }
}

// compose builds the DOM of an answer. With the extension, citations become
// markers and unsupported sentences are flagged.
export function compose(text, gw = {}, marker) {
  const points = Array.from(text);
  const flat = shadow(points);
  const { marks, hidden } = placed(flat, marker ? gw.citations ?? [] : []);
  const flags = (marker ? gw.unsupported ?? [] : []).map((u) => ({ start: u.answer_start, end: u.answer_end }));
  const list = blocks(flat);
  settleMarks(marks, list.flatMap((b) => b.items));
  const fill = (node, item, plain) => {
    const style = plain ? { styled: [], hidden: [] } : inline(flat, ...item);
    run(node, points, item, { ...style, hidden: [...style.hidden, ...hidden], flags, marks, marker });
    return node;
  };
  return list.map((b) => {
    if (b.kind === "pre") return el("pre", {}, fill(el("code"), b.items[0], true));
    if (b.kind === "p") return fill(el("p"), b.items[0]);
    if (b.kind === "h") return fill(el("p", { class: "strong" }), b.items[0]);
    return el(b.kind, { start: b.first > 1 && b.first }, ...b.items.map((item) => fill(el("li"), item)));
  });
}

// settleMarks moves a marker that fell between two blocks to the end of the first.
function settleMarks(marks, items) {
  for (const mark of marks) {
    const item = items.filter(([start]) => start < mark.at).at(-1) ?? items[0];
    if (item) mark.at = Math.max(item[0] + 1, Math.min(mark.at, item[1]));
  }
}

// run writes one item: its text cut wherever a style, a flag or a marker begins or ends.
function run(node, points, [start, end], { styled, hidden, flags, marks, marker }) {
  const cuts = new Set([start, end]);
  const cut = (n) => n > start && n < end && cuts.add(n);
  for (const s of [...styled, ...flags]) cut(s.start), cut(s.end);
  for (const [from, to] of hidden) cut(from), cut(to);
  for (const m of marks) cut(m.at);
  const edges = [...cuts].sort((a, b) => a - b);
  edges.forEach((from, i) => {
    const to = edges[i + 1];
    if (to === undefined) return;
    const inside = (r) => r.start <= from && to <= r.end;
    if (!hidden.some(([a, b]) => a <= from && to <= b)) {
      let piece = document.createTextNode(points.slice(from, to).join(""));
      for (const s of styled.filter(inside)) piece = el(s.tag, {}, piece);
      if (flags.some(inside)) piece = el("span", { class: "unsupported" }, piece);
      node.append(piece);
    }
    for (const f of flags) if (f.end === to || (f.end > to && to === end && f.start < end)) node.append(warning());
    for (const m of marks) if (m.at === to) node.append(marker(m));
  });
}

function warning() {
  return el("span", { class: "warn", title: "Not backed by the documents" },
    el("span", { "aria-hidden": "true" }, " ⚠"), el("span", { class: "unseen" }, " (not backed by the documents)"));
}
