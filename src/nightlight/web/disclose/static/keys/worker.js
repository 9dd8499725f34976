// The keys live here and nowhere else. What goes out: summaries, opened messages for the person's own screen, and the
// message keys of exactly the messages that were asked for.

import { fromBase64, KeyEngineError, toBase64Url } from "./bytes.js";
import { BACKUP, openBackupSession, unlockBackup } from "./backup.js";
import { openKeyFile } from "./key-file.js";
import { advance, ALGORITHM, messageKey, openMessage, parseMessage, parseSession, sessionId, signedBy } from "./megolm.js";

const SESSIONS_MAX = 1_000_000;

/** Room id and session id → the export as text, parsed when it is needed. @type {Map<string, string>} */
const sessions = new Map();
/** @type {Map<string, number>} */
const rooms = new Map();
/** Where a session was last needed: the next message of it is rarely far. @type {Map<string, any>} */
const reached = new Map();
/** @type {CryptoKey | null} */
let backupKey = null;

const nameOf = (/** @type {string} */ room, /** @type {string} */ session) => `${room}\n${session}`;

/** @type {Record<string, (request: any, progress: (stage: string, share: number) => void) => Promise<any>>} */
const actions = {
  async openFile({ file, passphrase }, progress) {
    const text = await openKeyFile(file, passphrase, progress);
    progress("parsing", 0);
    let listed;
    try {
      listed = JSON.parse(text);
    } catch {
      throw new KeyEngineError("file_damaged");
    }
    if (!Array.isArray(listed)) throw new KeyEngineError("file_damaged");
    if (listed.length > SESSIONS_MAX) throw new KeyEngineError("sessions_too_many", { sessions: listed.length });
    progress("listing", 0);
    const skipped = listed.reduce((count, entry) => count + (keep(entry, entry?.room_id) ? 0 : 1), 0);
    return { ...summary(), skipped };
  },

  async unlockBackup({ info, input }, progress) {
    if (info.authData?.algorithm && info.authData.algorithm !== BACKUP) throw new KeyEngineError("backup_unsupported");
    backupKey = await unlockBackup(info, input, progress);
  },

  async addBackupSessions({ roomId, listed }) {
    if (!backupKey) throw new KeyEngineError("recovery_key_wrong");
    let added = 0;
    let failed = 0;
    for (const [id, entry] of Object.entries(listed ?? {})) {
      const opened = await openBackupSession(backupKey, entry?.session_data);
      if (opened && keep({ ...opened, room_id: roomId, session_id: id }, roomId)) added++;
      else failed++;
    }
    return { added, failed };
  },

  async summary() {
    return summary();
  },

  async hasSession({ roomId, sessionId: id }) {
    return sessions.has(nameOf(roomId, id));
  },

  async decrypt({ events }) {
    return each(events, async (event) => {
      const { payload, index } = await open(event);
      return { payload, index, sessionId: event.content.session_id };
    });
  },

  async messageKeys({ events }) {
    return each(events, async (event) => ({ messageKey: toBase64Url((await open(event)).key) }));
  },
};

/** @param {any} entry as key files hold it @param {unknown} roomId @returns {boolean} */
function keep(entry, roomId) {
  if (typeof roomId !== "string" || entry?.algorithm !== ALGORITHM) return false;
  if (typeof entry.session_id !== "string" || typeof entry.session_key !== "string") return false;
  const name = nameOf(roomId, entry.session_id);
  const known = sessions.get(name);
  if (known !== undefined) {
    // The earlier a session starts, the more it opens.
    const [old, fresh] = [known, entry.session_key].map((text) => parseSession(fromBase64(text)));
    if (!fresh || (old && old.index <= fresh.index)) return true;
  } else {
    rooms.set(roomId, (rooms.get(roomId) ?? 0) + 1);
  }
  sessions.set(name, entry.session_key);
  reached.delete(name);
  return true;
}

function summary() {
  const listed = [...rooms].map(([roomId, count]) => ({ roomId, sessions: count }));
  return { sessions: sessions.size, rooms: listed };
}

/**
 * Opens one event. The key that comes out is proven to open exactly this message.
 * @param {any} event
 */
async function open(event) {
  const content = event?.content;
  if (content?.algorithm !== ALGORITHM || typeof content.ciphertext !== "string") {
    throw new KeyEngineError("message_malformed");
  }
  if (typeof content.session_id !== "string") throw new KeyEngineError("message_malformed");
  const name = nameOf(event.room_id, content.session_id);
  const text = sessions.get(name);
  if (text === undefined) throw new KeyEngineError("session_missing");
  const first = parseSession(fromBase64(text));
  // The session id is the session's public key: what belongs to another session is not taken for this one.
  if (!first || sessionId(first) !== content.session_id) throw new KeyEngineError("session_missing");
  const message = parseMessage(content.ciphertext);
  if (!(await signedBy(message, first.publicKey))) throw new KeyEngineError("signature_invalid");
  const last = reached.get(name);
  const session = await advance(last && last.index <= message.index ? last : first, message.index);
  reached.set(name, session);
  const key = await messageKey(session);
  const plaintext = await openMessage(message, key);
  let payload;
  try {
    payload = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plaintext));
  } catch {
    payload = null;
  }
  const shown = payload && typeof payload === "object" ? payload : { type: "?", content: {}, room_id: event.room_id };
  if (shown.room_id !== event.room_id) throw new KeyEngineError("other_room");
  return { key, payload: { type: shown.type, content: shown.content, room_id: shown.room_id }, index: message.index };
}

/** @param {any[]} events @param {(event: any) => Promise<object>} work */
async function each(events, work) {
  const out = [];
  for (const event of events) {
    try {
      out.push({ eventId: event.event_id, ok: true, ...(await work(event)) });
    } catch (error) {
      out.push({ eventId: event?.event_id, ok: false, code: codeOf(error) });
    }
  }
  return out;
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof KeyEngineError ? error.code : "worker_failed";
}

self.addEventListener("message", async (event) => {
  const { id, action, request } = event.data;
  const progress = (/** @type {string} */ stage, /** @type {number} */ share) =>
    self.postMessage({ id, progress: { stage, done: share, total: 1 } });
  try {
    self.postMessage({ id, result: await actions[action](request, progress) });
  } catch (error) {
    const details = error instanceof KeyEngineError ? error.details : {};
    self.postMessage({ id, error: { code: codeOf(error), details } });
  }
});
