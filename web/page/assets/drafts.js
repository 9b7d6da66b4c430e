// The page of drafted questions: what a model worded, what it was shown, and what a person makes of it.
import { $, el, say, trouble } from "./dom.js";
import { json, key } from "./api.js";

let all = []; // of the set that is shown

async function load() {
  $("page-error").hidden = true;
  let sets;
  try {
    sets = (await json("/v1/drafts")).data;
  } catch (err) {
    return fail(err, load);
  }
  $("key-form").hidden = true;
  $("none").hidden = sets.length > 0;
  $("choice").hidden = sets.length === 0;
  $("set").replaceChildren(...sets.map((s) => el("option", { value: s.id }, s.id)));
  if (sets.length) await open();
}

async function open() {
  $("page-error").hidden = true;
  try {
    all = (await json(`/v1/drafts/${encodeURIComponent($("set").value)}`)).data;
  } catch (err) {
    return fail(err, open);
  }
  show();
}

function show() {
  const shown = all.filter((d) => d.status === $("status").value);
  counts();
  $("drafts").replaceChildren(...shown.map(entry));
  if (!shown.length) $("drafts").append(el("p", { class: "notice" }, "There is none of these."));
}

function counts() {
  const n = (status) => all.filter((d) => d.status === status).length;
  $("counts").textContent = `${n("accepted")} accepted, ${n("dropped")} dropped, ${n("draft")} not looked at`;
}

function entry(d) {
  const node = el("article", { id: `draft-${d.id}` });
  const wrong = el("p", { class: "notice error", role: "alert", hidden: true });
  const question = el("textarea", { "aria-label": "Question", rows: "2" });
  const answer = el("textarea", { "aria-label": "Expected answer", rows: "2" });
  const must = el("input", { type: "text", "aria-label": "Must contain, with semicolons between", class: "must" });
  question.value = d.question;
  answer.value = d.answer;
  must.value = d.must_contain.join("; ");
  const decide = async (status) => {
    const edit = { status, question: question.value, answer: answer.value };
    edit.must_contain = must.value.split(";").map((m) => m.trim()).filter(Boolean);
    wrong.hidden = true;
    try {
      const changed = await json(`/v1/drafts/${encodeURIComponent($("set").value)}/${encodeURIComponent(d.id)}`, { body: edit });
      all = all.map((other) => (other.id === d.id ? changed : other));
    } catch (err) {
      wrong.textContent = err.message;
      wrong.hidden = false;
      return;
    }
    say(`Kept as ${status}.`);
    const next = node.nextElementSibling;
    node.remove();
    counts();
    if (next) next.querySelector("button")?.focus();
    else if (!$("drafts").childElementCount) show();
  };
  const button = (status, label, kind) => d.status !== status && el("button", { type: "button", class: kind, onclick: () => decide(status) }, label);
  node.append(
    el("p", { class: "small" }, `${d.type}${d.unanswerable ? ", not to be answered by the documents" : ""} · ${d.provenance.model ?? ""} · ${d.id}`),
    question,
    ...(d.unanswerable ? [] : [el("p", { class: "small" }, "Expected answer"), answer, el("p", { class: "small" }, "Must contain (semicolons between; a|b: either)"), must]),
    el("ul", { class: "quotes" }, ...(d.provenance.shown ?? []).map((o) => el("li", {}, el("q", {}, o.quote), el("p", { class: "small" }, o.path)))),
    wrong,
    el("div", { class: "row" }, button("accepted", "Accept", ""), button("dropped", "Drop", "quiet"), button("draft", "Put back", "quiet")));
  return node;
}

function fail(err, again) {
  if (err.status === 401 || err.status === 403) {
    if (key.get()) $("key-title").textContent = "This key may not see drafts";
    $("key-form").hidden = false;
    $("key").focus();
    return;
  }
  $("page-error").replaceChildren(trouble(err, "The drafts cannot be shown", again));
  $("page-error").hidden = false;
}

$("key-form").addEventListener("submit", (e) => {
  e.preventDefault();
  key.set($("key").value.trim());
  $("key").value = "";
  load();
});
$("set").addEventListener("change", open);
$("status").addEventListener("change", show);
load();
