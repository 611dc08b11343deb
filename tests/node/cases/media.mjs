// Pictures and documents in prompts and in tool results.

import assert from "node:assert/strict";

import { generateText, isStepCount, tool } from "ai";
import { z } from "zod";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const PDF = Buffer.from("%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n");

async function seen(model, ...parts) {
  const content = [{ type: "text", text: "What is in these attachments, please?" }, ...parts];
  return (await generateText({ model, messages: [{ role: "user", content }] })).text;
}

export async function images({ model }) {
  const inline = { type: "file", data: PNG, mediaType: "image/png" };
  assert.match(await seen(model, inline), /I got 1 image\./);
  assert.match(await seen(model, inline, { ...inline, data: PNG.toString("base64") }), /I got 2 images\./);
}

export async function pdf({ model }) {
  const document = { type: "file", data: PDF, mediaType: "application/pdf", filename: "plan.pdf" };
  assert.match(await seen(model, document), /I got 1 (document|file)\./);
}

export async function image_from_a_tool({ model }) {
  const get_picture = tool({
    description: "A picture of a place.",
    inputSchema: z.object({ place: z.string() }),
    execute: async () => PNG.toString("base64"),
    toModelOutput: ({ output }) => ({
      type: "content",
      value: [
        { type: "text", text: "a picture" },
        { type: "file", data: { type: "data", data: output }, mediaType: "image/png" },
      ],
    }),
  });
  const result = await generateText({
    model,
    prompt: "Get the picture of Paris, please.",
    tools: { get_picture },
    stopWhen: isStepCount(3),
  });
  assert.match(result.text, /a picture/);
}
