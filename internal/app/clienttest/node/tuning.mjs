// Fine-tuning through the official OpenAI client for Node: MODEL is one that the server can train, with a
// trainer that does not come to its end by itself.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const { BASE_URL, KEY, MODEL: model } = process.env;
const { files, fineTuning } = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, timeout: 60_000, maxRetries: 2 });
const talk = (n) => JSON.stringify({ messages: [{ role: "user", content: `What is otter ${n}?` }, { role: "assistant", content: `Otter ${n}.` }] });

const lines = Array.from({ length: 10 }, (_, n) => talk(n)).join("\n");
const file = await files.create({ file: await toFile(Buffer.from(lines), "train.jsonl"), purpose: "fine-tune" });
const job = await fineTuning.jobs.create({ model, training_file: file.id, suffix: "node", method: { type: "supervised" } });
assert.equal(job.status, "validating_files");
const ids = [];
for await (const j of fineTuning.jobs.list({ limit: 1 })) ids.push(j.id);
assert.ok(ids.includes(job.id), "the job is not in the list");
assert.equal((await fineTuning.jobs.retrieve(job.id)).user_provided_suffix, "node");
assert.equal((await fineTuning.jobs.cancel(job.id)).status, "cancelled");
const messages = [];
for await (const e of fineTuning.jobs.listEvents(job.id, { limit: 1 })) messages.push(e.message);
assert.ok(messages.some((m) => m.includes("cancelled")), messages.join("\n"));
await assert.rejects(fineTuning.jobs.create({ model, training_file: "file-missing" }), (err) => err instanceof OpenAI.BadRequestError && err.param === "training_file");
console.log("ok fine-tuning");
