// The judge `openai` in Node: chat completions, embeddings.
import { asked, failing, HELLO, observe, parsed, PNG, SCHEMA, USE } from "./observing.mjs";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: asked.base, apiKey: asked.key, maxRetries: 0 });
const tools = [{ type: "function", function: { name: "weather", description: "d", parameters: SCHEMA } }];
const ask = (text) => [{ role: "user", content: text }];
const create = (body) => client.chat.completions.create(body);
const callsOf = (calls) => calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

async function streamed(more) {
  const seen = { text: "", thought: "", pieces: 0, finish: "", output: 0 };
  for await (const chunk of await create({ stream: true, stream_options: { include_usage: true }, ...more })) {
    seen.output = chunk.usage?.completion_tokens ?? seen.output;
    for (const choice of chunk.choices) {
      seen.finish = choice.finish_reason ?? seen.finish;
      seen.thought += choice.delta.reasoning_content ?? "";
      if (choice.delta.content) {
        seen.pieces += 1;
        seen.text += choice.delta.content;
      }
    }
  }
  return seen;
}

await observe({
  async plain(models) {
    const answer = await create({ model: models(), messages: ask(HELLO) });
    const [choice] = answer.choices;
    return { text: choice.message.content, finish: choice.finish_reason, output: answer.usage.completion_tokens };
  },
  stream: (models) => streamed({ model: models(), messages: ask(HELLO) }),
  async tools(models) {
    const messages = ask(USE);
    const { message } = (await create({ model: models(), messages, tools })).choices[0];
    const calls = message.tool_calls ?? [];
    messages.push(message, ...calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "sunny" })));
    const after = await create({ model: models("inventory"), messages, tools });
    return { calls: callsOf(calls), after: after.choices[0].message.content };
  },
  async "parallel tools"(models) {
    const stream = client.chat.completions.stream({ model: models("calls-2"), messages: ask(USE), tools });
    const { choices } = await stream.finalChatCompletion();
    return { calls: callsOf(choices[0].message.tool_calls ?? []) };
  },
  async vision(models) {
    const picture = { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } };
    const messages = ask([{ type: "text", text: HELLO }, picture]);
    return { text: (await create({ model: models("inventory"), messages })).choices[0].message.content };
  },
  async structured(models) {
    const form = { type: "json_schema", json_schema: { name: "place", schema: SCHEMA, strict: true } };
    const answer = await create({ model: models(), messages: ask(HELLO), response_format: form });
    return { value: parsed(answer.choices[0].message.content) };
  },
  reasoning: (models) => streamed({ model: models("think"), messages: ask(HELLO), reasoning_effort: "low" }),
  errors: (models) => failing(() => create({ model: models("error-429"), messages: ask(HELLO) })),
});
await observe(
  {
    async embeddings(models) {
      const { data } = await client.embeddings.create({ model: models(), input: ["a", "b"] });
      return { vectors: data.map((each) => [...each.embedding]) };
    },
  },
  asked.embedders,
);
