// The side panel: a document's text, scrolled to a highlighted span.
import { $, address, el, place, trouble } from "./dom.js";
import { documentText, json } from "./api.js";
import { indexAt } from "./text.js";

const around = 20000; // UTF-16 units of text shown on each side of the span; more on request
const narrow = matchMedia("(max-width: 62rem)");
let opener = null;
let loading = null;
let cache = { id: "", text: "" };

// open shows a document: { document_id, filename?, heading?, page?, start?, end? }.
// Focus goes to the panel and comes back to `from` on close.
export async function open(target, from) {
  opener = from ?? document.activeElement;
  const { document_id: id, start = 0, end = start } = target;
  loading?.abort();
  const { signal } = (loading = new AbortController());
  show(target);
  try {
    const name = target.filename ?? (await json(`/v1/files/${encodeURIComponent(id)}`, { signal })).filename;
    if (cache.id !== id) cache = { id, text: await documentText(id, signal) };
    if (signal.aborted) return;
    $("reader-title").textContent = name;
    write(cache.text, indexAt(cache.text, start), indexAt(cache.text, end));
  } catch (err) {
    if (err.name === "AbortError") return;
    $("reader-title").textContent ||= "Document";
    $("reader-body").replaceChildren(trouble(err, "The document cannot be shown", () => open(target, opener)));
  }
}

function show(target) {
  $("reader-title").textContent = target.filename ?? "Document";
  $("reader-place").textContent = place(target);
  $("reader-body").replaceChildren(el("p", { class: "small" }, "Loading …"));
  $("reader").hidden = false;
  document.body.classList.add("reading");
  cover();
  $("reader-title").focus({ preventScroll: true });
  history.replaceState(null, "", address(target));
}

// write puts the text around [start, end) into the panel, and the span into <mark>.
function write(text, start, end) {
  const from = boundary(text, Math.max(0, start - around));
  const to = boundary(text, Math.min(text.length, end + around));
  const mark = end > start && el("mark", { id: "cited" }, text.slice(start, end));
  const body = $("reader-body");
  const before = el("span", {}, text.slice(from, start));
  const after = el("span", {}, text.slice(end, to));
  body.replaceChildren(
    more("Show what comes before", from, () => before.prepend(text.slice(0, from))),
    el("div", { class: "text" }, before, mark || "", after),
    more("Show what comes after", text.length - to, () => after.append(text.slice(to))));
  if (mark) mark.scrollIntoView({ block: "center" });
  else body.scrollTop = 0;
}

// boundary moves a cut off the middle of a surrogate pair.
function boundary(text, i) {
  return (text.charCodeAt(i) & 0xfc00) === 0xdc00 ? i - 1 : i;
}

function more(label, left, add) {
  if (left <= 0) return "";
  return el("button", { type: "button", class: "quiet", onclick: (e) => (add(), e.currentTarget.remove()) }, label);
}

// cover makes the rest of the page inert while the panel fills a small screen.
function cover() {
  const covered = narrow.matches && !$("reader").hidden;
  for (const node of [$("main"), $("documents"), document.querySelector("header")]) node.inert = covered;
}

export function close() {
  if ($("reader").hidden) return;
  loading?.abort();
  $("reader").hidden = true;
  document.body.classList.remove("reading");
  cover();
  history.replaceState(null, "", location.pathname + location.search);
  (opener?.isConnected ? opener : $("question")).focus();
}

// fromAddress opens what the address names: #doc=<file id>&start=<n>&end=<n>.
export function fromAddress() {
  const hash = new URLSearchParams(location.hash.slice(1));
  if (!hash.get("doc")) return;
  const number = (name) => (/^\d+$/.test(hash.get(name) ?? "") ? Number(hash.get(name)) : undefined);
  const start = number("start");
  open({ document_id: hash.get("doc"), start, end: number("end") ?? start }, $("question"));
}

$("reader-close").addEventListener("click", close);
document.addEventListener("keydown", (e) => e.key === "Escape" && close());
addEventListener("hashchange", fromAddress);
narrow.addEventListener("change", cover);
