// The judge `ai` with `@ai-sdk/openai`: chat completions, or responses; embeddings.
import { asked, failing, HELLO, observe, PNG, SCHEMA, USE } from "./observing.mjs";
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateObject, generateText, jsonSchema, streamText, tool } from "ai";

const provider = createOpenAI({ baseURL: asked.base, apiKey: asked.key });
const speak = asked.think === "responses" ? provider.responses : provider.chat;
const tools = { weather: tool({ description: "d", inputSchema: jsonSchema(SCHEMA) }) };
const once = { maxRetries: 0 };

await observe({
  async plain(models) {
    const answer = await generateText({ model: speak(models()), prompt: HELLO, ...once });
    return { text: answer.text, finish: answer.finishReason, output: answer.usage.outputTokens };
  },
  async stream(models) {
    const answer = streamText({ model: speak(models()), prompt: HELLO, ...once });
    const seen = { text: "", pieces: 0 };
    for await (const piece of answer.textStream) {
      seen.pieces += 1;
      seen.text += piece;
    }
    return { ...seen, finish: await answer.finishReason, output: (await answer.usage).outputTokens };
  },
  async tools(models) {
    const messages = [{ role: "user", content: USE }];
    const answer = await generateText({ model: speak(models()), messages, tools, ...once });
    const results = answer.toolCalls.map((call) => ({
      type: "tool-result",
      toolCallId: call.toolCallId,
      toolName: call.toolName,
      output: { type: "text", value: "sunny" },
    }));
    messages.push(...answer.response.messages, { role: "tool", content: results });
    const after = await generateText({ model: speak(models("inventory")), messages, tools, ...once });
    return { calls: answer.toolCalls.map((call) => [call.toolName, call.input]), after: after.text };
  },
  async "parallel tools"(models) {
    const answer = streamText({ model: speak(models("calls-2")), prompt: USE, tools, ...once });
    const calls = await answer.toolCalls;
    return { calls: calls.map((call) => [call.toolName, call.input]) };
  },
  async vision(models) {
    const content = [
      { type: "text", text: HELLO },
      { type: "image", image: PNG, mediaType: "image/png" },
    ];
    const messages = [{ role: "user", content }];
    return { text: (await generateText({ model: speak(models("inventory")), messages, ...once })).text };
  },
  async structured(models) {
    const answer = await generateObject({
      model: speak(models()),
      prompt: HELLO,
      schema: jsonSchema(SCHEMA),
      schemaName: "place",
      ...once,
    });
    return { value: answer.object };
  },
  ...(asked.think === "responses" && {
    async reasoning(models) {
      const providerOptions = { openai: { reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true } };
      const model = speak(models("think"));
      const messages = [{ role: "user", content: HELLO }];
      const answer = await generateText({ model, messages, providerOptions, ...once });
      const stream = streamText({ model, messages, providerOptions, ...once });
      const seen = { text: "", thought: "", pieces: 0 };
      for await (const part of stream.fullStream) {
        if (part.type === "reasoning-delta") seen.thought += part.text;
        if (part.type === "text-delta") seen.text += part.text;
      }
      if (answer.reasoningText !== seen.thought) seen.thought = "";
      return { ...seen, finish: await stream.finishReason };
    },
  }),
  errors: (models) => failing(() => generateText({ model: speak(models("error-429")), prompt: HELLO, ...once })),
});
await observe(
  {
    async embeddings(models) {
      const answer = await embedMany({ model: provider.embedding(models()), values: ["a", "b"], ...once });
      return { vectors: answer.embeddings };
    },
  },
  asked.embedders,
);
