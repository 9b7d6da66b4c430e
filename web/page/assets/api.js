// Talking to the server: OpenAI's shapes over fetch.

// Problem is an error for the reader: what happened and what to do.
export class Problem extends Error {
  constructor(message, code = "", status = 0, retryAfter = 0) {
    super(message);
    Object.assign(this, { code, status, retryAfter });
  }
}

// key is the API key of this browser tab; empty on a server without keys.
export const key = {
  get: () => sessionStorage.getItem("groundwork-key") ?? "",
  set: (value) => sessionStorage.setItem("groundwork-key", value),
};

export function headers(more = {}) {
  return key.get() ? { Authorization: `Bearer ${key.get()}`, ...more } : more;
}

// problem reads OpenAI's error envelope; whatever is not one gets a sentence by its status.
export function problem(status, body, retryAfter = 0) {
  let error;
  try {
    error = JSON.parse(body).error;
  } catch {
    // A proxy's page or a cut reply: the status below says enough.
  }
  const message = error?.message || `The server answered ${status || "nothing"}. Try again, or look at the server's log.`;
  return new Problem(message, error?.code || error?.type || "", status, retryAfter);
}

// call sends a request and gives the response, or throws a Problem.
export async function call(path, { body, signal, method = body ? "POST" : "GET" } = {}) {
  let res;
  try {
    res = await fetch(path, {
      method,
      signal,
      headers: headers(body ? { "Content-Type": "application/json" } : {}),
      body: body && JSON.stringify(body),
    });
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Problem("The server cannot be reached. Check that groundwork is running, then try again.", "unreachable");
  }
  if (!res.ok) throw problem(res.status, await res.text(), Number(res.headers.get("Retry-After")) || 0);
  return res;
}

export async function json(path, options) {
  return (await call(path, options)).json();
}

// events yields the JSON objects of a server-sent event stream. It throws a
// Problem for an error event, and when the stream ends before "[DONE]".
export async function* events(res) {
  const reader = res.body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  let data = [];
  const cut = () => new Problem("The answer was cut off on its way. Ask again.", "stream_cut");
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (err) {
      throw err.name === "AbortError" ? err : cut();
    }
    if (part.done) throw cut();
    buffer += decoder.decode(part.value, { stream: true });
    const lines = buffer.split("\n");
    buffer = lines.pop();
    for (const raw of lines) {
      const line = raw.replace(/\r$/, "");
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line || !data.length) continue;
      const text = data.join("\n");
      data = [];
      if (text === "[DONE]") return;
      const event = JSON.parse(text);
      if (event.error) throw problem(0, text);
      yield event;
    }
  }
}

// documentText is the extracted text of a document, exactly: offsets count in
// it, so a byte-order mark at its start is kept.
export async function documentText(id, signal) {
  const res = await call(`/v1/files/${encodeURIComponent(id)}/text`, { signal });
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await res.arrayBuffer());
}
