// The judge `@anthropic-ai/sdk`: messages.
import { asked, failing, HELLO, observe, SCHEMA, USE } from "./observing.mjs";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: asked.base, apiKey: asked.key, maxRetries: 0 });
const tools = [{ name: "weather", description: "d", input_schema: SCHEMA }];
const body = (model, text) => ({ model, max_tokens: 9000, messages: [{ role: "user", content: text }] });
const textOf = (message) => message.content.map((block) => block.text ?? "").join("");
const said = (message) => ({
  text: textOf(message),
  finish: message.stop_reason,
  output: message.usage.output_tokens,
});

await observe({
  async plain(models) {
    return said(await client.messages.create(body(models(), HELLO)));
  },
  async stream(models) {
    let pieces = 0;
    const stream = client.messages.stream(body(models(), HELLO)).on("text", () => (pieces += 1));
    return { ...said(await stream.finalMessage()), pieces };
  },
  async "parallel tools"(models) {
    const message = await client.messages.stream({ ...body(models("calls-2"), USE), tools }).finalMessage();
    const calls = message.content.filter((block) => block.type === "tool_use");
    return { calls: calls.map((call) => [call.name, call.input]) };
  },
  errors: (models) => failing(() => client.messages.create(body(models("error-429"), HELLO))),
});
