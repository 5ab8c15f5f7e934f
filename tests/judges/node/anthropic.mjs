// The judge `@anthropic-ai/sdk`: messages.
import { asked, failing, HELLO, observe, parsed, PNG, SCHEMA, USE } from "./observing.mjs";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: asked.base, apiKey: asked.key, maxRetries: 0 });
const tools = [{ name: "weather", description: "d", input_schema: SCHEMA }];
const body = (model, content) => ({ model, max_tokens: 9000, messages: [{ role: "user", content }] });
const textOf = (message) => message.content.map((block) => block.text ?? "").join("");
const callsOf = (message) =>
  message.content.filter((block) => block.type === "tool_use").map((call) => [call.name, call.input]);
const said = (message) => ({
  text: textOf(message),
  thought: message.content.map((block) => block.thinking ?? "").join(""),
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
  async tools(models) {
    const asking = { ...body(models(), USE), tools };
    const message = await client.messages.create(asking);
    const results = message.content
      .filter((block) => block.type === "tool_use")
      .map((block) => ({ type: "tool_result", tool_use_id: block.id, content: "sunny" }));
    const messages = [
      ...asking.messages,
      { role: "assistant", content: message.content },
      { role: "user", content: results },
    ];
    const after = await client.messages.create({ ...asking, model: models("inventory"), messages });
    return { calls: callsOf(message), after: textOf(after) };
  },
  async "parallel tools"(models) {
    return { calls: callsOf(await client.messages.stream({ ...body(models("calls-2"), USE), tools }).finalMessage()) };
  },
  async vision(models) {
    const picture = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
    const asking = body(models("inventory"), [{ type: "text", text: HELLO }, picture]);
    return { text: textOf(await client.messages.create(asking)) };
  },
  async structured(models) {
    const form = { output_config: { format: { type: "json_schema", schema: SCHEMA } } };
    return { value: parsed(textOf(await client.messages.create({ ...body(models(), HELLO), ...form }))) };
  },
  async reasoning(models) {
    const thinking = { type: "enabled", budget_tokens: 2000 };
    return said(await client.messages.stream({ ...body(models("think"), HELLO), thinking }).finalMessage());
  },
  errors: (models) => failing(() => client.messages.create(body(models("error-429"), HELLO))),
});
