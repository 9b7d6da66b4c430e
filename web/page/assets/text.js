// The pure half of the page: code points, the blocks of an answer, its inline
// marks. Every offset counts Unicode code points, as those of the server do.

// indexAt is the UTF-16 index of code point number n of text.
export function indexAt(text, n) {
  let i = 0;
  for (; n > 0 && i < text.length; n--) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return i;
}

// shadow is text with one UTF-16 unit for each code point, so that the
// positions regular expressions report are offsets in code points.
export function shadow(points) {
  return points.map((c) => (c.length > 1 ? "\ufffd" : c)).join("");
}

const bullet = /^\s*[-*•]\s+/;
const number = /^\s*(\d+)[.)]\s+/;
const heading = /^#{1,6}\s+/;

// blocks cuts an answer into paragraphs, lists, headings and code. Each item
// is a range [start, end) without its marker; whatever lies between items is
// layout and not shown.
export function blocks(flat) {
  const out = [];
  let open = null;
  let fence = null;
  const start = (kind, from, to, extra) => {
    if (open?.kind === kind && (kind === "ul" || kind === "ol")) open.items.push([from, to]);
    else out.push((open = { kind, items: [[from, to]], ...extra }));
  };
  for (let from = 0; from <= flat.length; ) {
    let to = flat.indexOf("\n", from);
    if (to < 0) to = flat.length;
    const line = flat.slice(from, to);
    let m;
    if (/^\s*```/.test(line)) {
      if (fence) fence = null;
      else out.push((fence = { kind: "pre", items: [[to + 1, to + 1]] }));
      open = null;
    } else if (fence) {
      fence.items[0][1] = to;
    } else if (!line.trim()) {
      if (open && open.kind !== "ul" && open.kind !== "ol") open = null;
    } else if ((m = bullet.exec(line))) {
      start("ul", from + m[0].length, to);
    } else if ((m = number.exec(line))) {
      start("ol", from + m[0].length, to, { first: Number(m[1]) });
    } else if ((m = heading.exec(line))) {
      start("h", from + m[0].length, to);
      open = null;
    } else if (open && (open.kind === "p" || /^\s/.test(line))) {
      open.items.at(-1)[1] = to;
    } else {
      open = null;
      start("p", from, to);
    }
    from = to + 1;
  }
  return out.filter((b) => (b.items = b.items.filter(([s, e]) => s < e)).length);
}

// inline finds **bold** and `code` in the range [start, end): ranges to style,
// and the markers to hide.
export function inline(flat, start, end) {
  const out = { styled: [], hidden: [] };
  const part = flat.slice(start, end);
  for (const m of part.matchAll(/(\*\*|`)(?=\S)([^\n]*?\S)\1/g)) {
    const from = start + m.index;
    const to = from + m[0].length;
    const n = m[1].length;
    out.styled.push({ start: from + n, end: to - n, tag: n === 2 ? "strong" : "code" });
    out.hidden.push([from, from + n], [to - n, to]);
  }
  return out;
}

// placed decides where the marker of each citation stands: in place of the
// model's own "[n]" when the cited sentence has one, else at the sentence's end.
export function placed(flat, citations) {
  const marks = citations.map((c) => ({ ...c, at: trimmed(flat, c.answer_start, c.answer_end), own: false }));
  const hidden = [];
  for (const m of flat.matchAll(/[ \t]*\[(\d+(?:\s*,\s*\d+)*)\]/g)) {
    const end = m.index + m[0].length;
    const mine = m[1].split(",").map((n) =>
      marks.filter((c) => c.source === Number(n) && c.answer_start <= m.index && end <= c.answer_end + 2 + m[0].length));
    if (!mine.every((list) => list.length)) continue; // an unchecked mark stays plain text
    for (const c of mine.flat()) if (!c.own) Object.assign(c, { at: end, own: true });
    hidden.push([m.index, end]);
  }
  const seen = new Set();
  const unique = marks.filter((c) => {
    const id = [c.at, c.source, c.start, c.end].join();
    return !seen.has(id) && seen.add(id);
  });
  return { marks: unique.sort((a, b) => a.at - b.at || a.source - b.source), hidden };
}

function trimmed(flat, start, end) {
  while (end > start && /\s/.test(flat[end - 1] ?? " ")) end--;
  return end;
}

// sentences splits off the complete sentences at the start of text, for
// reading aloud while the rest still streams.
export function sentences(text) {
  const m = /^[\s\S]*[.!?:](?=\s)/.exec(text);
  return m ? [m[0], text.slice(m[0].length)] : ["", text];
}

// seconds writes a duration for people.
export function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

// count writes "1 sentence", "3 sentences".
export function count(n, noun) {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
