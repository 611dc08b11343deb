// Runs the Vercel AI SDK against a gateway and prints one JSON line per case: {"case", "ok", "error"}.
//
//   GATEWAY_URL=http://127.0.0.1:8080/v1 GATEWAY_KEY=sk-... MODEL=gpt-mini WIRE=openai node acceptance.mjs
//   node acceptance.mjs --list
//
// WIRE begins the names of the models that misbehave (`openai-failing`, `openai-stalling`, `openai-limited`).

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";

import * as media from "./cases/media.mjs";
import * as objects from "./cases/objects.mjs";
import * as text from "./cases/text.mjs";
import * as tools from "./cases/tools.mjs";

const cases = Object.entries({ ...text, ...tools, ...objects, ...media });

globalThis.AI_SDK_LOG_WARNINGS = false;

// What a case is given: the pinned model, others by name, and the headers of every answer so far.
function prepare({ GATEWAY_URL, GATEWAY_KEY, MODEL, WIRE }) {
  const answers = [];
  const settings = {
    name: "switchyard",
    baseURL: GATEWAY_URL,
    apiKey: GATEWAY_KEY,
    includeUsage: true,
    supportsStructuredOutputs: true,
    supportsMultiPartToolContent: true,
    fetch: async (url, options) => {
      const response = await fetch(url, options);
      answers.push(Object.fromEntries(response.headers));
      return response;
    },
  };
  const provider = createOpenAICompatible(settings);
  return {
    answers,
    model: provider(MODEL),
    faulty: (name) => provider(`${WIRE}-${name}`),
    named: (name) => provider(name),
    withKey: (apiKey) => createOpenAICompatible({ ...settings, apiKey })(MODEL),
  };
}

async function run(name, work) {
  try {
    await work(prepare(process.env));
    return { case: name, ok: true };
  } catch (error) {
    return { case: name, ok: false, error: String(error?.stack ?? error).slice(0, 2000) };
  }
}

if (process.argv.includes("--list")) {
  for (const [name] of cases) console.log(JSON.stringify({ case: name }));
} else {
  for (const [name, work] of cases) console.log(JSON.stringify(await run(name, work)));
}
