// Bytes and their spellings. Strict: one text for one value.

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/**
 * An expected failure, with a code from a closed list. `details` holds numbers, never key material.
 */
export class KeyEngineError extends Error {
  /**
   * @param {string} code
   * @param {Record<string, number>} [details]
   */
  constructor(code, details = {}) {
    super(code);
    this.name = "KeyEngineError";
    this.code = code;
    this.details = details;
  }
}

const encoder = new TextEncoder();

/** @param {string} text @returns {Bytes} */
export function utf8(text) {
  return encoder.encode(text);
}

/** @param {...Bytes} parts @returns {Bytes} */
export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Standard base64, padded or not, as Matrix clients write it; null for anything else.
 * @param {string} text @returns {Bytes | null}
 */
export function fromBase64(text) {
  let end = text.length;
  while (end > 0 && text[end - 1] === "=") end--;
  const bare = text.slice(0, end);
  if (!/^[A-Za-z0-9+/]*$/.test(bare) || bare.length % 4 === 1) return null;
  const binary = atob(bare);
  const data = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) data[at] = binary.charCodeAt(at);
  return toBase64(data) === bare ? data : null;
}

/** Unpadded standard base64. @param {Bytes} data @returns {string} */
export function toBase64(data) {
  let binary = "";
  for (let at = 0; at < data.length; at += 8192) binary += String.fromCharCode(...data.subarray(at, at + 8192));
  return btoa(binary).replace(/=+$/, "");
}

/** Unpadded base64url. @param {Bytes} data @returns {string} */
export function toBase64Url(data) {
  return toBase64(data).replaceAll("+", "-").replaceAll("/", "_");
}

/** In time that does not depend on where they differ. @param {Bytes} one @param {Bytes} other */
export function equal(one, other) {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at++) difference |= one[at] ^ other[at];
  return difference === 0;
}

/** @param {Bytes} key @param {Bytes} data @returns {Promise<Bytes>} HMAC-SHA-256 */
export async function hmac(key, data) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

/**
 * @param {Bytes} key @param {Bytes} iv 16 bytes @param {Bytes} data
 * @returns {Promise<Bytes>} AES-256-CTR: the same for both directions
 */
export async function aesCtr(key, iv, data) {
  const imported = await crypto.subtle.importKey("raw", key, "AES-CTR", false, ["encrypt"]);
  // Matrix, "Key exports": bit 63 of the counter block is zero, so counting never leaves the lower half.
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 64 }, imported, data));
}

/**
 * @param {Bytes} key @param {Bytes} iv @param {Bytes} data
 * @returns {Promise<Bytes | null>} AES-256-CBC with PKCS#7, null where it does not fit
 */
export async function aesCbcOpen(key, iv, data) {
  const imported = await crypto.subtle.importKey("raw", key, "AES-CBC", false, ["decrypt"]);
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CBC", iv }, imported, data));
  } catch {
    return null;
  }
}

/**
 * HKDF-SHA-256 (RFC 5869) with a salt of 32 zero bytes.
 * @param {Bytes} secret @param {string} info @param {number} length in bytes @returns {Promise<Bytes>}
 */
export async function hkdf(secret, info, length) {
  const imported = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info: utf8(info) };
  return new Uint8Array(await crypto.subtle.deriveBits(how, imported, length * 8));
}

/**
 * PBKDF2-HMAC-SHA-512, with an estimate of how far it is: the platform tells nothing while it works.
 * @param {Bytes} passphrase @param {Bytes} salt @param {number} rounds @param {number} length in bytes
 * @param {(share: number) => void} onShare between 0 and 1
 * @returns {Promise<Bytes>}
 */
export async function pbkdf2(passphrase, salt, rounds, length, onShare) {
  const imported = await crypto.subtle.importKey("raw", passphrase, "PBKDF2", false, ["deriveBits"]);
  const derive = (/** @type {number} */ iterations) =>
    crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt, iterations }, imported, length * 8);
  const sample = Math.min(rounds, 20_000);
  const began = performance.now();
  const sampled = await derive(sample);
  if (sample === rounds) return new Uint8Array(sampled);
  const expected = ((performance.now() - began) / sample) * rounds;
  const start = performance.now();
  let shown = 0;
  const timer = setInterval(() => {
    // Never backwards, and never finished before it is.
    shown = Math.max(shown, Math.min(0.97, (performance.now() - start) / expected));
    onShare(shown);
  }, 100);
  try {
    return new Uint8Array(await derive(rounds));
  } finally {
    clearInterval(timer);
  }
}
