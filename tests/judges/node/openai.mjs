// The judge `openai` in Node: chat completions.
import { asked, failing, HELLO, observe, SCHEMA, USE } from "./observing.mjs";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: asked.base, apiKey: asked.key, maxRetries: 0 });
const tools = [{ type: "function", function: { name: "weather", description: "d", parameters: SCHEMA } }];
const ask = (text) => [{ role: "user", content: text }];

await observe({
  async plain(models) {
    const answer = await client.chat.completions.create({ model: models(), messages: ask(HELLO) });
    const [choice] = answer.choices;
    return { text: choice.message.content, finish: choice.finish_reason, output: answer.usage.completion_tokens };
  },
  async stream(models) {
    const seen = { text: "", pieces: 0, finish: "", output: 0 };
    const body = { model: models(), messages: ask(HELLO), stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await client.chat.completions.create(body)) {
      seen.output = chunk.usage?.completion_tokens ?? seen.output;
      for (const choice of chunk.choices) {
        seen.finish = choice.finish_reason ?? seen.finish;
        if (choice.delta.content) {
          seen.pieces += 1;
          seen.text += choice.delta.content;
        }
      }
    }
    return seen;
  },
  async "parallel tools"(models) {
    const stream = client.chat.completions.stream({ model: models("calls-2"), messages: ask(USE), tools });
    const { choices } = await stream.finalChatCompletion();
    const calls = choices[0].message.tool_calls ?? [];
    return { calls: calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]) };
  },
  errors: (models) =>
    failing(() => client.chat.completions.create({ model: models("error-429"), messages: ask(HELLO) })),
});
