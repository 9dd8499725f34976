// Megolm, one message at a time (https://gitlab.matrix.org/matrix-org/olm/-/blob/master/docs/megolm.md).
// The same arithmetic as nightlight/hazmat/megolm.py, and the same vectors.

import { aesCbcOpen, concat, equal, fromBase64, hmac, KeyEngineError, toBase64, utf8 } from "./bytes.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

export const ALGORITHM = "m.megolm.v1.aes-sha2";
const RATCHET = 128;
const EXPORT = 1 + 4 + RATCHET + 32;
const MAC = 8;
const SIGNATURE = 64;
const MESSAGE_MAX = 131_072;
const GROUPS_MAX = 100;
const ZERO = new Uint8Array(32);
const INFO = utf8("MEGOLM_KEYS");

/**
 * A session from `index` on. `0x01 ‖ index u32be ‖ ratchet (128) ‖ Ed25519 public key (32)` ("Session export format").
 * @typedef {{index: number, ratchet: Bytes, publicKey: Bytes}} Session
 */

/** @param {Bytes | null} data @returns {Session | null} */
export function parseSession(data) {
  if (!data || data.length !== EXPORT || data[0] !== 1) return null;
  const index = new DataView(data.buffer, data.byteOffset).getUint32(1);
  return { index, ratchet: data.slice(5, 5 + RATCHET), publicKey: data.slice(5 + RATCHET) };
}

/** The session id: the Ed25519 public key, unpadded base64. @param {Session} session */
export function sessionId(session) {
  return toBase64(session.publicKey);
}

/**
 * The same session further on ("The Megolm ratchet algorithm"): at most 4 × 256 hashes.
 * @param {Session} session @param {number} target @returns {Promise<Session>}
 */
export async function advance(session, target) {
  if (target < session.index) throw new KeyEngineError("key_too_late", { first: session.index, wanted: target });
  const parts = [0, 32, 64, 96].map((at) => session.ratchet.slice(at, at + 32));
  let start = session.index;
  for (let j = 0; j < 4; j++) {
    const unit = 2 ** (8 * (3 - j));
    const steps = Math.floor(target / unit) - Math.floor(start / unit);
    if (steps === 0) continue;
    let source = parts[j];
    for (let step = 1; step < steps; step++) source = await hmac(source, Uint8Array.of(j));
    for (let k = 3; k >= j; k--) parts[k] = await hmac(source, Uint8Array.of(k));
    start = Math.floor(target / unit) * unit;
  }
  return { index: target, ratchet: concat(...parts), publicKey: session.publicKey };
}

/**
 * The message key: HKDF-Extract of the ratchet value (RFC 5869 §2.2). It opens this one message.
 * @param {Session} session at the message's index @returns {Promise<Bytes>} 32 bytes
 */
export function messageKey(session) {
  return hmac(ZERO, session.ratchet);
}

/**
 * @typedef {{index: number, ciphertext: Bytes, mac: Bytes, signature: Bytes, forms: Bytes[]}} Message
 * `forms`: what MAC and signature may cover; apps differ when a message is written in an unusual way.
 */

/** "Message format": `0x03 ‖ protobuf ‖ MAC (8) ‖ signature (64)`. @param {string} text base64 @returns {Message} */
export function parseMessage(text) {
  const data = fromBase64(text);
  if (!data || data.length <= 1 + MAC + SIGNATURE || data.length > MESSAGE_MAX || data[0] !== 3) throw malformed();
  const covered = data.slice(0, data.length - MAC - SIGNATURE);
  const { index, ciphertext } = readFields(covered.subarray(1));
  const head = [Uint8Array.of(3, 0x08), varint(index), Uint8Array.of(0x12), varint(ciphertext.length)];
  const canonical = concat(...head, ciphertext);
  const mac = data.slice(data.length - MAC - SIGNATURE, data.length - SIGNATURE);
  const signature = data.slice(data.length - SIGNATURE);
  return { index, ciphertext, mac, signature, forms: equal(canonical, covered) ? [covered] : [canonical, covered] };
}

/**
 * Whether the session signed the message: Ed25519 over everything before the signature (RFC 8032). Browsers without
 * Ed25519 are not asked: the service checks it in any case.
 * @param {Message} message @param {Bytes} publicKey 32 bytes @returns {Promise<boolean>}
 */
export async function signedBy(message, publicKey) {
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  } catch (error) {
    return error instanceof DOMException && error.name === "NotSupportedError";
  }
  const covered = message.forms.map((form) => concat(form, message.mac));
  const found = await Promise.all(covered.map((data) => crypto.subtle.verify("Ed25519", key, message.signature, data)));
  return found.includes(true);
}

/**
 * Opens a message with its message key, or throws `wrong_key`.
 * @param {Message} message @param {Bytes} key @returns {Promise<Bytes>}
 */
export async function openMessage(message, key) {
  const t1 = await hmac(key, concat(INFO, Uint8Array.of(1)));
  const t2 = await hmac(key, concat(t1, INFO, Uint8Array.of(2)));
  const t3 = await hmac(key, concat(t2, INFO, Uint8Array.of(3)));
  const macs = await Promise.all(message.forms.map((form) => hmac(t2, form)));
  if (!macs.some((mac) => equal(mac.subarray(0, MAC), message.mac))) throw new KeyEngineError("wrong_key");
  const opened = await aesCbcOpen(t1, t3.subarray(0, 16), message.ciphertext);
  if (!opened) throw malformed();
  return opened;
}

/** As protobuf readers do: the last field wins, unknown ones are passed over. @param {Bytes} payload */
function readFields(payload) {
  let index = 0;
  let ciphertext = new Uint8Array(0);
  /** @type {number[]} */
  const groups = [];
  let at = 0;
  const number = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= payload.length) throw malformed();
      const byte = payload[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff_ffff_ffffn) throw malformed();
        return value;
      }
    }
    throw malformed();
  };
  while (at < payload.length) {
    const tag = number();
    if (tag > 0xffff_ffffn) throw malformed();
    const field = Number(tag >> 3n);
    const wire = Number(tag & 7n);
    if (field === 0) throw malformed();
    if (wire === 0) {
      const value = number();
      if (field === 1 && !groups.length) index = Number(value & 0xffff_ffffn);
    } else if (wire === 2) {
      const length = Number(number());
      if (at + length > payload.length) throw malformed();
      if (field === 2 && !groups.length) ciphertext = payload.slice(at, at + length);
      at += length;
    } else if (wire === 1 || wire === 5) {
      at += wire === 1 ? 8 : 4;
      if (at > payload.length) throw malformed();
    } else if (wire === 3 && groups.length < GROUPS_MAX) {
      groups.push(field);
    } else if (wire === 4 && groups.length && groups[groups.length - 1] === field) {
      groups.pop();
      continue;
    } else {
      throw malformed();
    }
    if (groups.length > (wire === 3 ? 1 : 0)) continue;
    if ((field === 1 && wire !== 0) || (field === 2 && wire !== 2)) throw malformed();
  }
  if (groups.length || !ciphertext.length) throw malformed();
  return { index, ciphertext };
}

/** @param {number} value @returns {Bytes} */
function varint(value) {
  const out = [];
  while (value >= 0x80) {
    out.push((value % 0x80) | 0x80);
    value = Math.floor(value / 0x80);
  }
  return Uint8Array.of(...out, value);
}

function malformed() {
  return new KeyEngineError("message_malformed");
}
