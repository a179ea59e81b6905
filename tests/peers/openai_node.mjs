// OpenAI's own client for Node against `leam serve` (needs the package openai: `npm install openai`).
//
// Usage: node openai_node.mjs LEAM MODEL_FOLDER      (the package is looked for from the working folder)
// Starts a server of its own on a free port with a ledger of its own, asks it whole and streamed, checks that
// faults become the right exceptions, and compares what the client was told with `leam bill report`.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(path.join(process.cwd(), "x.js"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")).href);

if (process.argv.length !== 4) {
  console.error("usage: node openai_node.mjs LEAM MODEL_FOLDER");
  process.exit(2);
}
const leam = path.resolve(process.argv[2]);
const folder = path.resolve(process.argv[3]);
const model = path.basename(folder);
const work = mkdtempSync(path.join(tmpdir(), "leam-openai-"));
const ledger = path.join(work, "ledger.db");
let checks = 0;

function check(condition, what) {
  if (!condition) throw new Error("FAILED: " + what);
  checks += 1;
}
async function failsWith(kind, param, call) {
  try {
    await call();
  } catch (e) {
    check(e instanceof kind, `${e.constructor.name} instead of ${kind.name}: ${e.message}`);
    check((e.param ?? null) === param, `${kind.name} names ${e.param} instead of ${param}`);
    return;
  }
  throw new Error(`FAILED: no ${kind.name} for ${param}`);
}
const report = () => JSON.parse(execFileSync(leam, ["bill", "report", "--json", "--ledger", ledger]).toString());

const key = execFileSync(leam, ["serve", "key", "add", "node", "--ledger", ledger],
  { stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
const server = spawn(leam, ["serve", "--model", folder, "--port", "0", "--ledger", ledger],
  { cwd: work, stdio: ["ignore", "pipe", "inherit"] });
const ended = new Promise((resolve) => server.on("exit", (code) => resolve(code)));
try {
  const lines = readline.createInterface({ input: server.stdout });
  const address = (await lines[Symbol.asyncIterator]().next()).value;
  const client = new OpenAI({ baseURL: address + "/v1", apiKey: key, maxRetries: 0 });
  const told = { prompt_tokens: 0, completion_tokens: 0, requests: 0 };
  const count = (usage) => {
    told.prompt_tokens += usage.prompt_tokens;
    told.completion_tokens += usage.completion_tokens;
    told.requests += 1;
  };

  const names = [];
  for await (const m of client.models.list()) names.push(m.id);
  check(names.length === 1 && names[0] === model, "models.list");

  const ask = { model, prompt: "The model", max_tokens: 24, seed: 7 };
  const whole = await client.completions.create(ask);
  count(whole.usage);
  let text = "", usage = null;
  for await (const c of await client.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
    text += c.choices[0]?.text ?? "";
    usage = c.usage ?? usage;
  }
  count(usage);
  check(text === whole.choices[0].text, "streamed text is the whole text");

  const talk = { model, messages: [{ role: "user", content: "Hallo" }], max_tokens: 30, seed: 3 };
  const chat = await client.chat.completions.create(talk);
  count(chat.usage);
  check(chat.choices[0].message.role === "assistant", "role");
  const stream = client.chat.completions.stream({ ...talk, stream_options: { include_usage: true } });
  let heard = "";
  stream.on("content", (piece) => { heard += piece; });
  const final = await stream.finalChatCompletion();
  count(final.usage);
  check(heard === chat.choices[0].message.content, "streamed chat is the whole chat");
  check(final.choices[0].message.content === heard, "the client's own assembly");

  const many = await Promise.all(Array.from({ length: 9 }, () =>
    client.completions.create({ model, prompt: "Once upon a time", max_tokens: 30, temperature: 0 })));
  for (const m of many) count(m.usage);
  check(new Set(many.map((m) => m.choices[0].text)).size === 1, "greedy among others");

  await failsWith(OpenAI.BadRequestError, "temperature", () => client.completions.create({ ...ask, temperature: 9 }));
  await failsWith(OpenAI.BadRequestError, "nonsense", () => client.completions.create({ ...ask, nonsense: 1 }));
  await failsWith(OpenAI.NotFoundError, "model", () => client.completions.create({ ...ask, model: "gpt" }));
  const wrong = new OpenAI({ baseURL: address + "/v1", apiKey: "sk-wrong", maxRetries: 0 });
  await failsWith(OpenAI.AuthenticationError, null, () => wrong.completions.create(ask));

  const total = report().total;
  for (const [name, value] of Object.entries(told)) check(total[name] === value, `ledger ${name} ${total[name]}, told ${value}`);

  const leaving = await client.completions.create({ ...ask, max_tokens: 200, logit_bias: { 0: -100 }, stream: true });
  for await (const c of leaving) {
    check(c.choices.length === 1, "a first piece");
    break;
  }
  server.kill("SIGINT");
  check((await ended) === 0, "exit code after SIGINT");
  check(report().total.requests === told.requests + 1, "the disconnected request is settled");
  check(report().rows.open === 0, "no reservation is open");
  const about = JSON.parse(readFileSync(path.join(path.dirname(require.resolve("openai")), "package.json")));
  console.log(`${checks} checks passed (openai ${about.version})`);
} catch (e) {
  server.kill("SIGKILL");
  console.error(e.message);
  process.exitCode = 1;
}
