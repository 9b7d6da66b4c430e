// The documents of a store: the list with states, uploads with progress.
import { $, el, trouble } from "./dom.js";
import { call, headers, json, problem, Problem } from "./api.js";
import { open } from "./reader.js";

const states = {
  queued: ["○", "Waiting"],
  parsing: ["◔", "Reading"],
  embedding: ["◑", "Indexing"],
  ready: ["✓", "Ready"],
  failed: ["✕", "Failed"],
};
const atOnce = 2; // uploads in flight
const waiting = [];
let active = 0;
let store = null; // { id, name }; null while no store exists
let made = () => {}; // called with the name of a store that an upload made
let shown = 0; // number of the newest list request
let summed = 0; // number of the newest summary
const rows = new Map(); // by the document's id

// start tells the list what to call when an upload makes a new store.
export function start(onNewStore) {
  made = onNewStore;
  $("files").addEventListener("change", (e) => {
    add(e.target.files);
    e.target.value = "";
  });
  addEventListener("dragover", (e) => {
    if (!e.dataTransfer?.types.includes("Files")) return;
    e.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (e) => e.relatedTarget || document.body.classList.remove("dragging"));
  addEventListener("drop", (e) => {
    document.body.classList.remove("dragging");
    if (!e.dataTransfer?.files.length) return;
    e.preventDefault();
    add(e.dataTransfer.files);
  });
  $("retry-failed").addEventListener("click", retryFailed);
  $("more-documents").addEventListener("click", () => list($("more-documents").dataset.after));
}

// choose shows the documents of a store; null is the store still to be named.
export async function choose(next) {
  store = next;
  $("new-store-field").hidden = store !== null;
  for (const row of $("uploads").children) row.hidden = row.dataset.store !== store?.name;
  $("documents-summary").hidden = true;
  summarize();
  await list();
}

// summarize tells how many documents the store has in each state, and goes on until none is on its way.
async function summarize() {
  const mine = ++summed;
  const line = $("documents-summary");
  while (store && mine === summed) {
    let n;
    try {
      n = (await json(`/v1/vector_stores/${encodeURIComponent(store.id)}`)).file_counts;
    } catch {
      line.hidden = true; // the list says what is wrong
      return;
    }
    if (mine !== summed) return;
    const parts = [[n.completed, "ready"], [n.in_progress, "on their way"], [n.failed, "failed"]].filter(([count]) => count);
    $("documents-states").textContent = `${n.total} ${n.total === 1 ? "document" : "documents"}: ${parts.map((part) => part.join(" ")).join(", ")}`;
    line.hidden = !parts.length;
    $("retry-failed").hidden = !n.failed;
    if (!n.in_progress) return;
    await pause(2000);
  }
}

const retryPath = (into, id) => `/v1/documents/${encodeURIComponent(id)}/retry?${new URLSearchParams({ store: into.id ?? into.name })}`;

// retryFailed has every failed document of the store processed again, whether it is shown or not.
async function retryFailed() {
  const into = store;
  $("retry-failed").disabled = true;
  try {
    for (const doc of await failedIn(into)) {
      const row = rows.get(doc.id);
      if (row?.node.isConnected) await row.retry(doc.id);
      else await call(retryPath(into, doc.id), { method: "POST" }).catch(unless409);
    }
    summarize();
  } catch (err) {
    $("documents-states").textContent = err.message;
  } finally {
    $("retry-failed").disabled = false;
  }
}

// unless409 lets pass that one document cannot be tried again: its row says why.
function unless409(err) {
  if (err.status !== 409) throw err;
}

async function failedIn(into) {
  const found = [];
  for (let after = ""; ;) {
    const page = await json(`/v1/documents?${new URLSearchParams({ store: into.id, status: "failed", limit: 100, order: "asc", ...(after && { after }) })}`);
    found.push(...page.data);
    if (!page.has_more || !page.data.length) return found;
    after = page.data.at(-1).id;
  }
}

// list loads one page of documents, the newest first.
async function list(after = "") {
  const mine = ++shown;
  const ul = $("document-list");
  $("more-documents").hidden = true;
  if (!store) {
    ul.replaceChildren();
    return tally();
  }
  try {
    const query = new URLSearchParams({ limit: 50, order: "desc", ...(after && { after }) });
    const page = await json(`/v1/vector_stores/${encodeURIComponent(store.id)}/files?${query}`);
    if (mine !== shown) return;
    if (!after) ul.replaceChildren();
    const names = new Map(page.data.map(({ groundwork: doc }) => [doc.id, doc.filename]));
    for (const { groundwork: doc } of page.data) {
      if (rowOf("uploads", doc.id)) continue;
      const row = new Row(doc.filename, store, doc.attached_to && (names.get(doc.attached_to) ?? "a mail"));
      ul.append(row.node);
      row.document(doc);
      if (!done(doc)) row.follow(store, doc.id);
    }
    $("more-documents").hidden = !page.has_more;
    $("more-documents").dataset.after = page.data.at(-1)?.id ?? "";
    tally();
  } catch (err) {
    if (mine === shown && err.status !== 401) ul.replaceChildren(el("li", {}, trouble(err, "The documents cannot be listed", () => list())));
  }
}

const rowOf = (list, id) => $(list).querySelector(`li[data-id="${CSS.escape(id)}"]`);

// tally counts what is shown, and says so when that is nothing.
function tally() {
  const n = document.querySelectorAll("#documents .files > li[data-id]:not([hidden])").length;
  $("documents-count").textContent = n ? `${n}${$("more-documents").hidden ? "" : "+"}` : "";
  $("document-empty").hidden = n > 0;
}

const done = (doc) => doc.status === "ready" || doc.status === "failed";

// Row is one document, or one file on its way to becoming one.
class Row {
  // mail is the name of what the document is attached to, if anything.
  constructor(name, into, mail) {
    this.into = into;
    this.mail = mail && ` in ${mail}`;
    this.name = el("span", { class: "name" }, name, this.mail && el("span", { class: "small" }, this.mail));
    this.state = el("span", { class: "state small" });
    this.detail = el("p", { class: "small detail" });
    this.node = el("li", { "data-state": "sending", tabindex: "-1" }, this.name, this.state, this.detail);
  }

  sending(sent, total) {
    this.bar ??= this.node.insertBefore(el("progress", { max: 100, value: 0, "aria-label": `Upload of ${this.name.textContent}` }), this.detail);
    this.bar.value = total ? (100 * sent) / total : 0;
    this.mark("↑", sent < total ? `Sending ${Math.floor(this.bar.value)} %` : "Sent");
  }

  mark(icon, words) {
    this.state.replaceChildren(el("span", { "aria-hidden": "true" }, icon), ` ${words}`);
  }

  document(doc) {
    Object.assign(this.node.dataset, { state: doc.status, id: doc.id });
    rows.set(doc.id, this);
    const [icon, words] = states[doc.status] ?? ["?", doc.status];
    this.mark(icon, doc.status === "embedding" && doc.chunks ? `${words} ${doc.chunks_done} of ${doc.chunks}` : words);
    const waits = doc.waiting_for && `It waits: ${doc.waiting_for.replace(/\.$/, "")}.`;
    this.detail.textContent = waits ? waits + (doc.attempts ? ` Failed attempts: ${doc.attempts}.` : "") : "";
    if (!done(doc)) return;
    this.bar?.remove();
    if (doc.status === "failed") this.explain(doc.error ?? {}, () => (this.node.focus(), this.retry(doc.id).then(summarize)));
    else this.name.replaceChildren(el("button", {
      type: "button", class: "link", onclick: (e) => open({ document_id: doc.id, filename: doc.filename }, e.currentTarget),
    }, doc.filename), this.mail ? el("span", { class: "small" }, this.mail) : "");
  }

  failed(err, again) {
    this.bar?.remove();
    this.node.dataset.state = "failed";
    this.mark(...states.failed);
    this.explain(err, again);
  }

  explain(err, again) {
    const message = typeof err === "string" ? err : err.message;
    this.detail.replaceChildren(message ?? "It could not be read.");
    if (err.code) this.detail.append(" ", el("code", {}, err.code));
    if (again) this.detail.append(" ", el("button", { type: "button", class: "link", onclick: again }, "Try again"));
  }

  // retry has the server process the document again, from the original that it keeps.
  async retry(id) {
    try {
      const doc = await json(retryPath(this.into, id), { method: "POST" });
      this.detail.replaceChildren();
      this.document(doc);
      this.follow(this.into, id);
    } catch (err) {
      this.failed(err, () => this.retry(id).then(summarize));
    }
  }

  // follow asks for the document's state until it is ready or failed.
  async follow(into, id) {
    const path = `/v1/documents/${encodeURIComponent(id)}?${new URLSearchParams({ store: into.id ?? into.name })}`;
    for (let wait = 300; this.node.isConnected; wait = Math.min(wait * 1.5, 3000)) {
      await pause(wait);
      try {
        const doc = await json(path);
        this.document(doc);
        if (done(doc)) return;
      } catch (err) {
        if (err.status && err.status < 500 && err.status !== 429) return this.failed(err);
      }
    }
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function add(files) {
  const into = store ?? { name: $("new-store").value.trim() || "documents" };
  for (const file of files) {
    const row = new Row(file.name, into);
    row.mark("○", "Waiting");
    row.node.dataset.store = into.name;
    $("uploads").prepend(row.node);
    waiting.push({ file, row, into });
  }
  next();
}

// next keeps `atOnce` uploads going until none waits.
async function next() {
  while (active < atOnce && waiting.length) {
    const job = waiting.shift();
    active++;
    upload(job)
      .catch((err) => job.row.failed(err, () => (waiting.push(job), next())))
      .finally(() => (active--, next()));
  }
}

async function upload({ file, row, into }) {
  row.node.dataset.state = "sending";
  row.detail.replaceChildren();
  const doc = await send(file, row, into);
  rowOf("document-list", doc.id)?.remove(); // a new version of a document takes its row
  row.document(doc);
  tally();
  if (into.id) summarize();
  else await made(into.name);
  if (!done(doc)) row.follow(into, doc.id);
}

// send posts one file and gives its document; a full server is asked again
// when it said to.
async function send(file, row, into) {
  for (;;) {
    try {
      const reply = await post(file, into, (e) => row.sending(e.loaded, e.total));
      return reply.data[0];
    } catch (err) {
      if (err.status !== 503 || !err.retryAfter) throw err;
      row.mark("○", "The server is busy; waiting");
      await pause(err.retryAfter * 1000);
    }
  }
}

// post uses XMLHttpRequest because fetch does not report the progress of what it sends.
function post(file, into, progress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("store", into.id ?? into.name);
    form.append("file", file);
    const xhr = new XMLHttpRequest();
    xhr.open("POST", "/v1/documents");
    for (const [name, value] of Object.entries(headers())) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = progress;
    xhr.onload = () => (xhr.status < 300
      ? resolve(JSON.parse(xhr.responseText))
      : reject(problem(xhr.status, xhr.responseText, Number(xhr.getResponseHeader("Retry-After")) || 0)));
    xhr.onerror = () => reject(new Problem("The upload was interrupted. Check that groundwork is running, then try again.", "unreachable"));
    xhr.send(form);
  });
}
