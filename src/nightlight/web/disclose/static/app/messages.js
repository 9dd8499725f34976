// What a person's app shows of a message, and whether it can be sent with proof.

import { visible } from "./dom.js";

const SHOWN = new Set(["body", "msgtype", "m.relates_to"]);

/**
 * @typedef {{event: any, id: string, sender: string, at: number, text: string, proof: boolean, locked: string, mark: string, file: boolean, rest: string}} Shown
 * `proof`: a message key can be made, or none is needed. `locked`: why it cannot be read, empty if it can. `file`: a
 * picture or another file hangs on it. `rest`: all that the message carries, if that is more than its text.
 */

/**
 * @param {any[]} events oldest first @param {import("../keys/client.js").KeyEngine} engine @param {any} words
 * @returns {Promise<Shown[]>}
 */
export async function readable(events, engine, words) {
  const encrypted = events.filter((event) => event.type === "m.room.encrypted" && event.content?.ciphertext);
  const opened = new Map((await engine.decrypt(encrypted)).map((result) => [result.eventId, result]));
  return events.map((event) => {
    const base = { event, id: event.event_id, sender: event.sender, at: Number(event.origin_server_ts) || 0 };
    const result = /** @type {any} */ (opened.get(event.event_id));
    const relation = event.content?.["m.relates_to"];
    if (!Object.keys(event.content ?? {}).length) {
      return { ...base, text: words.removed, proof: false, locked: words.removed, mark: "", file: false, rest: "" };
    }
    if (event.type === "m.room.encrypted" && !result?.ok) {
      const why = words.errors[result?.code ?? "session_missing"] ?? words.errors.unknown;
      return { ...base, text: why, proof: false, locked: why, mark: "", file: false, rest: "" };
    }
    const content = result?.ok ? result.payload.content : event.content;
    const mark = result?.ok ? "" : words.notEncrypted;
    const file = Boolean(content?.file || content?.url);
    return { ...base, text: textOf(event, content, relation, words), proof: true, locked: "", mark, file, rest: restOf(content) };
  });
}

/** @param {any} content @returns {string} */
function restOf(content) {
  const more = Object.keys(content ?? {}).some((name) => !SHOWN.has(name));
  return more ? visible(JSON.stringify(content, null, 2)) : "";
}

/** @param {any} event @param {any} content @param {any} relation @param {any} words @returns {string} */
function textOf(event, content, relation, words) {
  if (event.type === "m.reaction") return words.reaction(visible(relation?.key ?? ""));
  const body = typeof content?.body === "string" ? visible(content.body) : "";
  if (relation?.rel_type === "m.replace") {
    const changed = content?.["m.new_content"]?.body;
    return words.edited(typeof changed === "string" ? visible(changed) : body);
  }
  if (content?.file || content?.url) return words.picture(body || "?");
  const text = body || words.other;
  return relation?.["m.in_reply_to"] ? `${words.replies}: ${text}` : text;
}
