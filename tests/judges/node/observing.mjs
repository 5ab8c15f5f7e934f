// What the judges in Node share: see scripts/observing.py.
import { readFileSync } from "node:fs";

export const asked = JSON.parse(readFileSync(0, "utf8"));
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const HELLO = "Say something.";
export const USE = "Use the tool weather for Paris.";
const dropped = new Set();
const plainFetch = globalThis.fetch;
globalThis.fetch = async (...given) => {
  const answer = await plainFetch(...given);
  for (const name of (answer.headers.get("x-nexus-dropped") ?? "").split(", ")) if (name) dropped.add(name);
  return answer;
};

export function told(error) {
  return {
    error: error?.name ?? "Error",
    status: error?.status ?? error?.statusCode ?? null,
    message: String(error?.message ?? error).slice(0, 400),
  };
}

export async function failing(call) {
  try {
    await call();
  } catch (error) {
    return told(error);
  }
  return { error: "", status: 200, message: "no error" };
}

export function parsed(text) {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}

export async function observe(looks, accounts = asked.accounts) {
  for (const [account, name] of Object.entries(accounts)) {
    const before = asked.prefixed ? `${account}/` : "";
    const models = (knob = "") => before + name + (knob ? `+${knob}` : "");
    for (const [feature, look] of Object.entries(looks)) {
      dropped.clear();
      let seen;
      try {
        seen = await look(models);
      } catch (error) {
        seen = told(error);
      }
      console.log(JSON.stringify({ account, feature, seen, dropped: [...dropped].sort() }));
    }
  }
}
