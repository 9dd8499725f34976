// The page's side of the key worker. No ratchet, session key or passphrase is kept here.

import { KeyEngineError } from "./bytes.js";

export { KeyEngineError };

/**
 * @typedef {{stage: string, done: number, total: number}} Progress
 * @typedef {{onProgress?: (progress: Progress) => void, signal?: AbortSignal}} Options
 * @typedef {{sessions: number, rooms: {roomId: string, sessions: number}[]}} Summary
 * @typedef {{event_id: string, room_id: string, type: string, sender: string, origin_server_ts: number, content: any}} RawEvent
 */

const ADDRESS = new URL("./worker.js", import.meta.url).href;
/** The one script that this page ever starts by address (W3C, "Trusted Types"). */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("nightlight-worker", {
  createScriptURL: (/** @type {string} */ address) => {
    if (address !== ADDRESS) throw new TypeError("not our worker");
    return address;
  },
});

export class KeyEngine {
  #worker = this.#start();
  #next = 0;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void, onProgress?: (p: Progress) => void}>} */
  #waiting = new Map();

  /**
   * @param {Blob} file @param {string} passphrase @param {Options} [options]
   * @returns {Promise<Summary & {skipped: number}>}
   */
  openFile(file, passphrase, options = {}) {
    return this.#ask("openFile", { file, passphrase }, options);
  }

  /**
   * Resolves once the key is proven to be the backup's.
   * @param {{authData: any, keyDescription: any, keyId: string | null, encryptedSecret: any}} info
   * @param {string} input a recovery key or security phrase @param {Options} [options] @returns {Promise<void>}
   */
  unlockBackup(info, input, options = {}) {
    return this.#ask("unlockBackup", { info, input }, options);
  }

  /**
   * @param {string} roomId @param {Record<string, any>} sessions as `GET /room_keys/keys/{roomId}` lists them
   * @returns {Promise<{added: number, failed: number}>}
   */
  addBackupSessions(roomId, sessions) {
    return this.#ask("addBackupSessions", { roomId, listed: sessions });
  }

  /** @param {string} roomId @param {string} sessionId @returns {Promise<boolean>} */
  hasSession(roomId, sessionId) {
    return this.#ask("hasSession", { roomId, sessionId });
  }

  /** @returns {Promise<Summary>} */
  summary() {
    return this.#ask("summary", {});
  }

  /**
   * For the person's own screen.
   * @param {RawEvent[]} events encrypted ones, each with its room
   * @returns {Promise<({eventId: string, ok: true, payload: any, index: number, sessionId: string} | {eventId: string, ok: false, code: string})[]>}
   */
  decrypt(events) {
    return this.#ask("decrypt", { events });
  }

  /**
   * What will be sent: one message key each, and each opens one message.
   * @param {RawEvent[]} events
   * @returns {Promise<({eventId: string, ok: true, messageKey: string} | {eventId: string, ok: false, code: string})[]>}
   */
  messageKeys(events) {
    return this.#ask("messageKeys", { events });
  }

  /** Ends the worker, and with it everything it knew. */
  close() {
    this.#worker.terminate();
    this.#fail("cancelled");
  }

  #start() {
    const worker = new Worker(/** @type {any} */ (policy ? policy.createScriptURL(ADDRESS) : ADDRESS), { type: "module" });
    worker.addEventListener("message", (event) => {
      const { id, result, error, progress } = event.data;
      const waiting = this.#waiting.get(id);
      if (!waiting) return;
      if (progress) {
        waiting.onProgress?.(progress);
        return;
      }
      this.#waiting.delete(id);
      if (error) waiting.reject(new KeyEngineError(error.code, error.details));
      else waiting.resolve(result);
    });
    worker.addEventListener("error", () => this.#fail("worker_failed"));
    worker.addEventListener("messageerror", () => this.#fail("worker_failed"));
    return worker;
  }

  /** @param {string} action @param {object} request @param {Options} [options] @returns {Promise<any>} */
  #ask(action, request, { onProgress, signal } = {}) {
    if (signal?.aborted) return Promise.reject(new KeyEngineError("cancelled"));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const cancel = () => {
        // Key derivation cannot be interrupted: the worker goes, and a fresh one comes.
        this.#worker.terminate();
        this.#fail("cancelled");
        this.#worker = this.#start();
      };
      const settled = (/** @type {(value: any) => void} */ then) => (/** @type {any} */ value) => {
        signal?.removeEventListener("abort", cancel);
        then(value);
      };
      this.#waiting.set(id, { resolve: settled(resolve), reject: settled(reject), onProgress });
      signal?.addEventListener("abort", cancel, { once: true });
      this.#worker.postMessage({ id, action, request });
    });
  }

  /** @param {string} code */
  #fail(code) {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of all) waiting.reject(new KeyEngineError(code));
  }
}
