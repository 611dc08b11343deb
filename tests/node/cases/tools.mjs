// Tools over several steps, whole and streamed.

import assert from "node:assert/strict";

import { generateText, hasToolCall, isStepCount, streamText, tool, ToolLoopAgent } from "ai";
import { z } from "zod";

const city = z.object({ city: z.string() });
const tools = {
  get_weather: tool({
    description: "The weather in a city.",
    inputSchema: city,
    execute: async ({ city }) => `sunny in ${city}`,
  }),
  get_time: tool({
    description: "The local time in a city.",
    inputSchema: city,
    execute: async ({ city }) => `noon in ${city}`,
  }),
};
const ONE = "What is the weather in Paris?";
const BOTH = "Use all the tools in parallel for Paris.";
const steps = { tools, stopWhen: isStepCount(4) };

export async function tool_call({ model }) {
  const result = await generateText({ model, prompt: ONE, ...steps });
  assert.equal(result.text, "The tool returned: sunny in Paris");
  assert.equal(result.steps.length, 2);
  const [call] = result.steps[0].toolCalls;
  assert.deepEqual([call.toolName, call.input], ["get_weather", { city: "Paris" }]);
  assert.equal(result.steps[0].finishReason, "tool-calls");
}

export async function parallel_tool_calls({ model }) {
  const result = await generateText({ model, prompt: BOTH, ...steps });
  assert.deepEqual(result.steps[0].toolCalls.map((call) => call.toolName), ["get_weather", "get_time"]);
  assert.equal(result.text, "The tools returned: sunny in Paris; noon in Paris");
}

export async function stream_tool_calls({ model }) {
  const result = streamText({ model, prompt: BOTH, ...steps });
  const kinds = [];
  for await (const part of result.stream) kinds.push(part.type);
  assert.ok(!kinds.includes("error"));
  assert.equal(kinds.filter((kind) => kind === "tool-call").length, 2);
  assert.ok(kinds.includes("tool-input-delta"));
  assert.equal(await result.text, "The tools returned: sunny in Paris; noon in Paris");
}

export async function tool_choice({ model }) {
  const ask = { model, prompt: "Say exactly: no", tools };
  const required = await generateText({ ...ask, toolChoice: "required" });
  assert.equal(required.toolCalls.length, 1);
  const named = await generateText({ ...ask, toolChoice: { type: "tool", toolName: "get_time" } });
  assert.deepEqual(named.toolCalls.map((call) => call.toolName), ["get_time"]);
  const none = await generateText({ ...ask, prompt: ONE, toolChoice: "none" });
  assert.equal(none.toolCalls.length, 0);
  assert.ok(none.text);
}

export async function tool_turns_go_back({ model }) {
  const first = await generateText({ model, prompt: ONE, ...steps });
  const messages = [
    { role: "user", content: ONE },
    ...first.response.messages,
    { role: "user", content: "Say exactly: thanks" },
  ];
  assert.equal((await generateText({ model, messages, ...steps })).text, "thanks");
}

export async function agent({ model }) {
  const agent = new ToolLoopAgent({ model, tools, instructions: "You run a yard.", stopWhen: hasToolCall("never") });
  assert.equal((await agent.generate({ prompt: ONE })).text, "The tool returned: sunny in Paris");
}

export async function reasoning_with_tools({ model }) {
  const result = await generateText({ model, prompt: ONE, reasoning: "high", ...steps });
  assert.equal(result.text, "The tool returned: sunny in Paris");
  const streamed = streamText({ model, prompt: ONE, reasoning: "high", ...steps });
  assert.equal(await streamed.text, "The tool returned: sunny in Paris");
}

export async function thoughts_come_back({ model, answers }) {
  await generateText({ model, prompt: ONE, reasoning: "high", ...steps });
  await streamText({ model, prompt: ONE, reasoning: "high", ...steps }).text;
  assert.equal(answers.length, 4);
  for (const headers of answers) assert.doesNotMatch(headers["x-gateway-warnings"] ?? "", /left out|placeholder/);
}
