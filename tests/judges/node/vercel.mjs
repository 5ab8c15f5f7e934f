// The judge `ai` with `@ai-sdk/openai`: chat completions, and responses.
import { asked, failing, HELLO, observe, SCHEMA, USE } from "./observing.mjs";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, streamText, tool } from "ai";

const provider = createOpenAI({ baseURL: asked.base, apiKey: asked.key });
const speak = asked.think === "responses" ? provider.responses : provider.chat;
const tools = { weather: tool({ description: "d", inputSchema: jsonSchema(SCHEMA) }) };

await observe({
  async plain(models) {
    const answer = await generateText({ model: speak(models()), prompt: HELLO, maxRetries: 0 });
    return { text: answer.text, finish: answer.finishReason, output: answer.usage.outputTokens };
  },
  async stream(models) {
    const answer = streamText({ model: speak(models()), prompt: HELLO, maxRetries: 0 });
    const seen = { text: "", pieces: 0 };
    for await (const piece of answer.textStream) {
      seen.pieces += 1;
      seen.text += piece;
    }
    return { ...seen, finish: await answer.finishReason, output: (await answer.usage).outputTokens };
  },
  async "parallel tools"(models) {
    const answer = streamText({ model: speak(models("calls-2")), prompt: USE, tools, maxRetries: 0 });
    const calls = await answer.toolCalls;
    return { calls: calls.map((call) => [call.toolName, call.input]) };
  },
  errors: (models) =>
    failing(() => generateText({ model: speak(models("error-429")), prompt: HELLO, maxRetries: 0 })),
});
