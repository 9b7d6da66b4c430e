// The page: choose a store, ask, stop, enter a key.
import { $, el, hush, trouble } from "./dom.js";
import { call, events, json, key } from "./api.js";
import { Turn } from "./answer.js";
import * as reader from "./reader.js";
import * as documents from "./documents.js";

const fresh = "\u0000new"; // value of the choice "a new store"; no store can be called that
let stores = [];
let models = [];
let running = null; // AbortController of the answer that streams
let last = null; // the last finished exchange, for follow-up questions

const current = () => stores.find((s) => s.id === $("store").value) ?? null;

// load reads stores and models, and keeps `want` (a store's name or id)
// chosen. It gives false when the server did not let it.
async function load(want = wanted()) {
  try {
    const [storePage, modelPage] = await Promise.all([json("/v1/vector_stores?limit=100"), json("/v1/models")]);
    stores = storePage.data;
    models = modelPage.data;
  } catch (err) {
    fail(err, "The page cannot load", () => begin(want));
    return false;
  }
  $("key-form").hidden = true;
  $("page-error").hidden = true;
  const option = (value, label) => el("option", { value }, label);
  $("store").replaceChildren(...stores.map((s) => option(s.id, s.name)), option(fresh, stores.length ? "A new store …" : "No store yet"));
  const chosen = stores.find((s) => s.name === want || s.id === want) ?? stores[0];
  $("store").value = chosen?.id ?? fresh;
  await pick();
  return true;
}

// begin loads, and opens the document that the address names.
async function begin(want) {
  if (await load(want)) reader.fromAddress();
}

const wanted = () => new URLSearchParams(location.hash.slice(1)).get("store") ?? sessionStorage.getItem("groundwork-store");

// pick follows the chosen store: its models, its documents.
async function pick() {
  const store = current();
  if (store) sessionStorage.setItem("groundwork-store", store.id);
  const names = store ? models.filter((m) => m.groundwork.store === store.id).map((m) => m.id) : [];
  const base = (id) => id.slice(0, id.lastIndexOf("@"));
  const before = base($("model").value);
  $("model").replaceChildren(...names.map((id) => el("option", { value: id, selected: base(id) === before }, base(id))));
  $("model-field").hidden = names.length < 2;
  $("ask").disabled = !store;
  await documents.choose(store);
}

// fail shows what keeps the page from working: a missing key, or anything else.
function fail(err, title, again) {
  if (err.status !== 401) {
    $("page-error").replaceChildren(trouble(err, title, again));
    $("page-error").hidden = false;
    return;
  }
  $("key-title").textContent = key.get() ? "This key was not accepted" : "This server asks for an API key";
  $("key-form").hidden = false;
  $("key").focus();
}

async function ask(question) {
  if (running) return;
  const follow = $("follow").checked && last;
  const messages = [...(follow ? last : []), { role: "user", content: question }];
  hush();
  const turn = new Turn(question, { read: reader.open, store: current()?.id, again: () => (turn.node.remove(), ask(question)) });
  $("answers").prepend(turn.node);
  busy(new AbortController());
  try {
    const res = await call("/v1/chat/completions", {
      body: { model: $("model").value, messages, stream: true },
      signal: running.signal,
    });
    for await (const chunk of events(res)) turn.take(chunk);
    turn.finish();
    last = [...messages, { role: "assistant", content: turn.text }];
    $("follow-field").hidden = false;
  } catch (err) {
    if (err.name === "AbortError") turn.stopped();
    else turn.failed(err);
    if (err.status === 401) fail(err);
  } finally {
    busy(null);
  }
}

function busy(controller) {
  running = controller;
  $("stop").hidden = !running;
  $("ask").disabled = Boolean(running) || !current();
}

$("ask-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const question = $("question").value.trim();
  if (!question || running || !current()) return;
  $("question").value = "";
  ask(question);
});
// Enter asks, Shift+Enter makes a new line.
let shift = false;
$("question").addEventListener("keydown", (e) => (shift = e.shiftKey));
$("question").addEventListener("beforeinput", (e) => {
  if (e.inputType !== "insertLineBreak" || shift) return;
  e.preventDefault();
  if (!$("ask").disabled) $("ask-form").requestSubmit();
});
$("stop").addEventListener("click", () => {
  running?.abort();
  $("question").focus();
});
$("store").addEventListener("change", pick);
$("key-form").addEventListener("submit", (e) => {
  e.preventDefault();
  key.set($("key").value.trim());
  $("key").value = "";
  begin();
});

documents.start(load);
await begin();
