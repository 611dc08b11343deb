// Objects by schema: Output.* of generateText and streamText, and the older generateObject and streamObject.

import assert from "node:assert/strict";

import { generateObject, generateText, isStepCount, Output, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const train = z.object({
  name: z.string(),
  wagons: z.array(z.object({ number: z.number().int(), cargo: z.enum(["coal", "ore"]) })),
  late: z.boolean(),
  note: z.string().nullable(),
});
const prompt = 'The train with name "Blue Arrow" has wagons: number 7 with cargo coal. It is late: true.';

function check(object) {
  train.parse(object);
  assert.equal(object.name, "Blue Arrow");
  assert.deepEqual(object.wagons[0], { number: 7, cargo: "coal" });
}

export async function output_object({ model }) {
  check((await generateText({ model, prompt, output: Output.object({ schema: train }) })).output);
}

export async function output_kinds({ model }) {
  const names = await generateText({ model, prompt: "Names, please.", output: Output.array({ element: z.string() }) });
  assert.ok(names.output.length > 0);
  const options = ["stop", "go"];
  const signal = await generateText({ model, prompt: "The signal is: go", output: Output.choice({ options }) });
  assert.equal(signal.output, "go");
  const json = await generateText({ model, prompt: "A JSON object with 'cargo', please.", output: Output.json() });
  assert.ok(json.output.cargo);
}

export async function stream_output_object({ model }) {
  const result = streamText({ model, prompt, output: Output.object({ schema: train }) });
  const grown = [];
  for await (const object of result.partialOutputStream) grown.push(object);
  assert.ok(grown.length > 1);
  check(await result.output);
}

export async function output_object_after_a_tool({ model }) {
  const get_wagons = tool({
    description: "The wagons of a train.",
    inputSchema: z.object({ train: z.string() }),
    execute: async () => "number 7 with cargo coal",
  });
  const result = await generateText({
    model,
    prompt: "Which wagons has the train?",
    tools: { get_wagons },
    stopWhen: isStepCount(4),
    output: Output.object({ schema: train }),
  });
  assert.equal(result.steps[0].toolCalls.length, 1);
  train.parse(result.output);
}

export async function generate_object({ model }) {
  const result = await generateObject({ model, prompt, schema: train });
  check(result.object);
  assert.ok(result.usage.outputTokens > 0);
}

export async function stream_object({ model }) {
  const result = streamObject({ model, prompt, schema: train });
  const grown = [];
  for await (const object of result.partialObjectStream) grown.push(object);
  assert.ok(grown.length > 1);
  check(await result.object);
}
