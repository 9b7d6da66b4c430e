// The official OpenAI client for Node against a running Groundwork server.
//
// Nothing is changed but the base URL and the key. Reads BASE_URL (with /v1),
// KEY, STORE (a store's name with ready documents) and QUESTION (one that they
// answer) from the environment. Prints one line a check; exits 1 at the first
// that differs, with what differs.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const { BASE_URL, KEY, STORE, QUESTION } = process.env;
const fact = "The otter desk in room 8 opens at 10:20 on Tuesdays.";
const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, timeout: 300_000, maxRetries: 2 });
const messages = [{ role: "user", content: QUESTION }];

async function all(pages) {
  const out = [];
  for await (const item of pages) out.push(item);
  return out;
}

async function textOf(id) {
  const res = await fetch(`${BASE_URL}/files/${id}/text`, { headers: { Authorization: `Bearer ${KEY}` } });
  assert.equal(res.status, 200);
  return Array.from(new TextDecoder("utf-8", { ignoreBOM: true }).decode(await res.arrayBuffer())); // code points
}

async function findModels() {
  const models = await all(client.models.list());
  const model = models.find((m) => m.id.endsWith(`@${STORE}`))?.id;
  assert.ok(model, `no model ends with @${STORE}: ${models.map((m) => m.id)}`);
  assert.equal((await client.models.retrieve(model)).id, model);
  const embedding = models.filter((m) => m.groundwork.kind === "embedding").map((m) => m.id);
  assert.equal(embedding.length, 1);
  return [model, embedding[0]];
}

// checkCitations: they are verbatim and lie in their source; gives those that hold.
async function checkCitations(text, gw) {
  assert.equal(gw.abstained, false, "the server abstained; QUESTION must be one that the store answers");
  assert.ok(gw.citations.length, "there are no citations");
  const points = Array.from(text).length;
  for (const c of gw.citations) {
    assert.equal((await textOf(c.document_id)).slice(c.start, c.end).join(""), c.quote);
    const source = gw.sources.find((s) => s.index === c.source);
    assert.equal(c.document_id, source?.document_id);
    assert.ok(source.start <= c.start && c.start < c.end && c.end <= source.end, "a citation lies outside its source");
    assert.ok(c.answer_start < c.answer_end && c.answer_end <= points, "a citation lies outside the answer");
  }
  return gw.citations.filter((c) => c.verdict !== "unsupported");
}

// checkExtension: the annotations are the citations that hold.
async function checkExtension(text, gw, annotations) {
  assert.deepEqual(
    annotations.map((a) => [a.type, a.url_citation.start_index, a.url_citation.end_index, new URL(a.url_citation.url).hash]),
    (await checkCitations(text, gw)).map((c) =>
      ["url_citation", c.answer_start, c.answer_end, `#doc=${c.document_id}&start=${c.start}&end=${c.end}`]));
}

function checkUsage(usage) {
  assert.ok(usage?.prompt_tokens > 0 && usage.completion_tokens > 0, `usage is ${JSON.stringify(usage)}`);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

async function streamedChat(model) {
  const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
  let text = "";
  let sources, last, notes, usage, finish;
  for await (const chunk of stream) {
    sources ??= chunk.groundwork?.sources ?? [];
    if (chunk.usage) {
      usage = chunk.usage;
      assert.deepEqual(chunk.choices, [], "the usage chunk has choices");
    }
    for (const choice of chunk.choices) {
      text += choice.delta.content ?? "";
      if (!choice.finish_reason) continue;
      finish = choice.finish_reason;
      [last, notes] = [chunk.groundwork, choice.delta.annotations ?? []];
    }
  }
  assert.ok(text.trim(), "no text came");
  assert.equal(finish, "stop");
  assert.ok(last, "the last chunk has no groundwork object");
  assert.ok(sources.length, "the first chunk has no sources");
  assert.deepEqual(sources, last.sources);
  await checkExtension(text, last, notes);
  checkUsage(usage);
}

async function chat(model) {
  const reply = await client.chat.completions.create({ model, messages });
  const { message, finish_reason } = reply.choices[0];
  assert.equal(message.role, "assistant");
  assert.equal(finish_reason, "stop");
  await checkExtension(message.content, reply.groundwork, message.annotations);
  checkUsage(reply.usage);
}

const tools = [{ type: "file_search", vector_store_ids: [STORE] }];

async function checkResponse(reply) {
  assert.deepEqual([reply.status, reply.error], ["completed", null]);
  const [search, message] = reply.output;
  assert.deepEqual([search.type, search.status, message.type, message.status], ["file_search_call", "completed", "message", "completed"]);
  assert.ok(search.queries.length && search.results === null);
  const [part] = message.content;
  if ("output_text" in reply) assert.equal(reply.output_text, part.text); // the client leaves it out of what it streamed
  assert.deepEqual(
    part.annotations.map((a) => [a.type, a.index, a.file_id, a.groundwork]),
    (await checkCitations(part.text, reply.groundwork)).map((c) => ["file_citation", c.answer_end, c.document_id, c]));
  const { input_tokens, output_tokens, total_tokens } = reply.usage;
  assert.ok(input_tokens > 0 && output_tokens > 0);
  assert.equal(total_tokens, input_tokens + output_tokens);
}

async function response(model) {
  await checkResponse(await client.responses.create({ model, input: QUESTION, tools, store: false }));
  await checkResponse(await client.responses.create({ model: `${model}@${STORE}`, input: [{ role: "user", content: QUESTION }] }));
  await rejects(OpenAI.BadRequestError, "invalid_request", async () => client.responses.create({ model, input: QUESTION }));
}

async function streamedResponse(model) {
  const stream = client.responses.stream({ model, input: QUESTION, tools });
  const kinds = new Set();
  let text = "";
  for await (const event of stream) {
    kinds.add(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  const final = await stream.finalResponse();
  assert.equal(text, final.output[1].content[0].text);
  for (const kind of ["created", "file_search_call.completed", "output_text.annotation.added", "completed"]) {
    assert.ok(kinds.has(`response.${kind}`), `no response.${kind}`);
  }
  await checkResponse(final);
}

async function completions(model) {
  const ask = { model, prompt: "One, two, three,", max_tokens: 8, temperature: 0 };
  const reply = await client.completions.create(ask);
  assert.ok(reply.choices[0].text, "there is no text");
  let text = "";
  for await (const chunk of await client.completions.create({ ...ask, stream: true })) text += chunk.choices[0]?.text ?? "";
  assert.ok(text, "no text came");
  await rejects(OpenAI.BadRequestError, "invalid_request", async () => client.completions.create({ ...ask, model: `${model}@${STORE}` }));
}

async function batch(store, file) {
  const { fileBatches } = client.vectorStores;
  const done = await fileBatches.createAndPoll(store, { file_ids: [file] });
  assert.deepEqual([done.status, done.file_counts.completed, done.file_counts.total], ["completed", 1, 1]);
  assert.deepEqual((await all(fileBatches.listFiles(done.id, { vector_store_id: store }))).map((f) => f.id), [file]);
  assert.equal((await fileBatches.cancel(done.id, { vector_store_id: store })).status, "cancelled");
  assert.equal((await fileBatches.retrieve(done.id, { vector_store_id: store })).file_counts.completed, 1); // it was ready
}

async function upload() {
  const content = `# Desk\n\n${fact}\n`;
  const file = await client.files.create({ file: await toFile(Buffer.from(content), "otter.md"), purpose: "assistants" });
  assert.equal((await client.files.retrieve(file.id)).filename, "otter.md");
  assert.equal(file.purpose, "assistants");
  assert.ok((await all(client.files.list())).some((f) => f.id === file.id), "the file is not in the list");
  assert.equal(await (await client.files.content(file.id)).text(), content);
  return file.id;
}

async function createStore() {
  const store = await client.vectorStores.create({ name: `clients-node-${process.pid}` });
  assert.equal((await client.vectorStores.retrieve(store.id)).name, store.name);
  assert.ok((await all(client.vectorStores.list())).some((s) => s.id === store.id), "the store is not in the list");
  return store.id;
}

async function attach(store, file) {
  const attached = await client.vectorStores.files.createAndPoll(store, { file_id: file });
  assert.deepEqual([attached.status, attached.last_error], ["completed", null]);
  assert.deepEqual((await all(client.vectorStores.files.list(store))).map((f) => f.id), [file]);
  assert.equal((await client.vectorStores.files.retrieve(file, { vector_store_id: store })).id, file);
  assert.equal((await client.vectorStores.retrieve(store)).file_counts.completed, 1);
}

async function search(store, file) {
  const hits = await all(client.vectorStores.search(store, { query: ["When does the otter desk open?", "otter"], max_num_results: 3 }));
  assert.deepEqual([hits[0]?.file_id, hits[0]?.filename], [file, "otter.md"]);
  assert.ok(hits[0].content.map((part) => part.text).join("").includes(fact), `the best hit is ${JSON.stringify(hits[0].content)}`);
}

async function remove(store, file) {
  assert.equal((await client.vectorStores.files.delete(file, { vector_store_id: store })).deleted, true);
  assert.deepEqual(await all(client.vectorStores.files.list(store)), []);
  assert.equal((await client.vectorStores.delete(store)).deleted, true);
  assert.equal((await client.files.delete(file)).deleted, true);
  await rejects(OpenAI.NotFoundError, "not_found", () => client.vectorStores.retrieve(store));
  await rejects(OpenAI.NotFoundError, "not_found", () => client.files.retrieve(file));
}

async function embeddings(model) {
  const input = ["carry over leave", "a different text"];
  const packed = await client.embeddings.create({ model, input }); // the client asks for base64
  const plain = await client.embeddings.create({ model, input, encoding_format: "float" });
  assert.deepEqual(packed.data.map((e) => e.index), [0, 1]);
  packed.data.forEach(({ embedding }, i) => {
    const other = plain.data[i].embedding;
    assert.equal(embedding.length, other.length);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-3, "the vector has not unit length");
    assert.ok(embedding.every((x, k) => Math.abs(x - other[k]) < 1e-5), "base64 and float differ");
  });
  assert.notDeepEqual(packed.data[0].embedding, packed.data[1].embedding);
}

async function rejects(kind, code, call) {
  await assert.rejects(call, (err) => {
    assert.ok(err instanceof kind, `${err?.constructor?.name} instead of ${kind.name}: ${err?.message}`);
    assert.equal(err.code, code);
    return true;
  });
}

async function errors(known) {
  const wrong = new OpenAI({ baseURL: BASE_URL, apiKey: "gw_wrong", maxRetries: 0 });
  await rejects(OpenAI.AuthenticationError, "invalid_api_key", async () => wrong.models.list());
  const model = "no-such-model";
  await rejects(OpenAI.NotFoundError, "model_not_found", async () => client.chat.completions.create({ model, messages }));
  await rejects(OpenAI.NotFoundError, "model_not_found", async () => client.chat.completions.create({ model, messages, stream: true }));
  await rejects(OpenAI.NotFoundError, "not_found", async () => client.vectorStores.retrieve("vs_missing"));
  await rejects(OpenAI.BadRequestError, "invalid_request", async () => client.chat.completions.create({ model: known, messages: [] }));
}

async function step(name, call, ...args) {
  try {
    const out = await call(...args);
    console.log(`ok ${name}`);
    return out;
  } catch (err) {
    console.log(`FAIL ${name}: ${err.name}: ${err.message}`);
    process.exit(1);
  }
}

console.log(`openai on Node ${process.version}`);
const [model, embedding] = await step("list models", findModels);
await step("streamed chat", streamedChat, model);
await step("chat", chat, model);
const alone = model.slice(0, -`@${STORE}`.length);
await step("response", response, alone);
await step("streamed response", streamedResponse, alone);
await step("completions", completions, alone);
const file = await step("upload a file", upload);
const store = await step("create a vector store", createStore);
await step("attach and poll", attach, store, file);
await step("batch", batch, store, file);
await step("search", search, store, file);
await step("delete", remove, store, file);
await step("embeddings", embeddings, embedding);
await step("errors", errors, model);
