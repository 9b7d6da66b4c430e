// Building the page. Text only ever enters it as a text node: nothing a
// document or a model wrote is read as HTML.

export const $ = (id) => document.getElementById(id);

// el makes an element: el("p", { class: "small" }, "text", child …).
// Properties that start with "on" are event listeners.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c || c === 0));
  return node;
}

// say has a screen reader read a sentence aloud.
export function say(text) {
  $("live").append(el("p", {}, text));
}

export function hush() {
  $("live").replaceChildren();
}

// address is what the page's address says for a span of a document.
export function address({ document_id: doc, start, end }) {
  return `#${new URLSearchParams(start === undefined ? { doc } : { doc, start, end })}`;
}

// place writes where a passage stands: heading path and page.
export function place(source) {
  const parts = [...(source.heading ?? [])];
  if (source.page) parts.push(`page ${source.page}`);
  return parts.join(" › ");
}

// trouble shows an error with its code, and a way to try again.
export function trouble(err, title, again) {
  return el("div", { class: "notice error", role: "alert" },
    el("p", {}, el("strong", {}, `✕ ${title}`)),
    el("p", {}, err.message),
    err.code && el("p", { class: "small" }, "Code: ", el("code", {}, err.code)),
    again && el("button", { type: "button", class: "quiet", onclick: again }, "Try again"));
}
