// Text, streams, settings and failures.

import assert from "node:assert/strict";

import { APICallError, generateText, streamText } from "ai";

export async function generate_text({ model, answers }) {
  const result = await generateText({ model, instructions: "You run a yard.", prompt: "Say exactly: wagons roll" });
  assert.equal(result.text, "wagons roll");
  assert.equal(result.finishReason, "stop");
  assert.equal(result.response.modelId, model.modelId);
  assert.equal(result.response.headers["x-gateway-model"], model.modelId);
  assert.ok(result.usage.inputTokens > 0 && result.usage.outputTokens > 0);
  assert.equal(answers.length, 1);
}

export async function generate_text_over_turns({ model }) {
  const first = await generateText({ model, prompt: "Say exactly: first" });
  const messages = [
    { role: "user", content: "Say exactly: first" },
    ...first.response.messages,
    { role: "user", content: [{ type: "text", text: "Say exactly: second 🚂" }] },
  ];
  assert.equal((await generateText({ model, messages })).text, "second 🚂");
}

export async function settings({ model }) {
  const stopped = await generateText({
    model,
    prompt: "Say exactly: one two three",
    stopSequences: ["three"],
    temperature: 0.2,
    seed: 7,
  });
  assert.equal(stopped.text.trim(), "one two");
  const cut = await generateText({ model, prompt: "words: 400", maxOutputTokens: 60, topP: 0.9 });
  assert.equal(cut.finishReason, "length");
}

export async function stream_text({ model }) {
  const result = streamText({ model, prompt: "words: 60" });
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  assert.ok(pieces.length > 2);
  assert.equal(pieces.join("").split(" ").length, 60);
  assert.equal(await result.text, pieces.join(""));
  assert.equal(await result.finishReason, "stop");
  const usage = await result.usage;
  assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
}

export async function reasoning({ model }) {
  const result = await generateText({ model, prompt: "Which wagon is the heaviest?", reasoning: "high" });
  assert.match(result.text, /simulated answer/);
  assert.ok(result.usage.outputTokenDetails.reasoningTokens > 0);
}

export async function reasoning_text({ model }) {
  const result = await generateText({ model, prompt: "Which wagon is the heaviest?", reasoning: "high" });
  assert.match(result.reasoningText ?? "", /wagon/);
}

export async function stream_reasoning_text({ model }) {
  const result = streamText({ model, prompt: "Which wagon is the heaviest?", reasoning: "high" });
  const kinds = [];
  for await (const part of result.stream) kinds.push(part.type);
  assert.ok(kinds.indexOf("reasoning-delta") >= 0);
  assert.ok(kinds.lastIndexOf("reasoning-delta") < kinds.indexOf("text-delta"));
  assert.match(await result.reasoningText, /wagon/);
}

async function failure(options) {
  try {
    await generateText({ prompt: "hi", maxRetries: 0, ...options });
  } catch (error) {
    assert.ok(APICallError.isInstance(error), String(error));
    return error;
  }
  assert.fail("it should have failed");
}

export async function errors({ named, withKey, model, faulty }) {
  const unknown = await failure({ model: named("no-such-model") });
  assert.equal(unknown.statusCode, 404);
  assert.equal(unknown.data.error.code, "model_not_found");
  assert.equal(unknown.isRetryable, false);
  const stranger = await failure({ model: withKey("sk-wrong-0123456789abcdef") });
  assert.equal(stranger.statusCode, 401);
  assert.equal(stranger.data.error.code, "invalid_api_key");
  const wrong = await failure({ model, temperature: 7 });
  assert.equal(wrong.statusCode, 400);
  assert.equal(wrong.data.error.param, "temperature");
  const limited = await failure({ model: faulty("limited") });
  assert.equal(limited.statusCode, 429);
  assert.equal(limited.data.error.code, "rate_limit_exceeded");
  assert.equal(limited.responseHeaders["retry-after"], "7");
}

export async function an_exhausted_plan_is_final({ faulty }) {
  const limited = await failure({ model: faulty("limited") });
  assert.equal(limited.responseHeaders["x-should-retry"], "false");
  assert.equal(limited.isRetryable, false);
}

export async function a_stream_that_breaks({ faulty }) {
  const seen = [];
  const result = streamText({ model: faulty("failing"), prompt: "words: 80", onError: () => {} });
  for await (const part of result.stream) {
    seen.push(part.type);
    if (part.type === "error") assert.equal(part.error.code, "upstream_unavailable");
  }
  assert.ok(seen.indexOf("text-delta") < seen.indexOf("error"));
  assert.notEqual(await result.finishReason, "stop");
}

export async function abort({ faulty }) {
  const controller = new AbortController();
  const result = streamText({ model: faulty("stalling"), prompt: "words: 80", abortSignal: controller.signal });
  const kinds = new Set();
  for await (const part of result.stream) {
    kinds.add(part.type);
    if (part.type === "text-delta") controller.abort();
  }
  assert.ok(kinds.has("abort"));
}
