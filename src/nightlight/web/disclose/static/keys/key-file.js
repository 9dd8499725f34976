// "Export E2E room keys" files (Matrix client-server API, "Key exports").

import { aesCtr, concat, equal, hmac, KeyEngineError, pbkdf2, utf8 } from "./bytes.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

export const FILE_MAX = 128 * 2 ** 20;
export const ROUNDS_MAX = 5_000_000;
const HEADER = "-----BEGIN MEGOLM SESSION DATA-----";
const FOOTER = "-----END MEGOLM SESSION DATA-----";
const FIXED = 1 + 16 + 16 + 4;
const MAC = 32;

/**
 * The JSON text inside the file.
 * @param {Blob} file @param {string} passphrase
 * @param {(stage: string, share: number) => void} onProgress
 * @returns {Promise<string>}
 */
export async function openKeyFile(file, passphrase, onProgress) {
  if (file.size > FILE_MAX) throw new KeyEngineError("file_too_large", { bytes: file.size, most: FILE_MAX });
  onProgress("reading", 0);
  const blob = unwrap(await file.text());
  const view = new DataView(blob.buffer);
  const rounds = view.getUint32(33);
  if (blob[0] !== 1) throw new KeyEngineError("file_damaged");
  // Before they are spent: the number comes out of the file.
  if (rounds < 1 || rounds > ROUNDS_MAX) throw new KeyEngineError("rounds_too_many", { rounds, most: ROUNDS_MAX });
  const salt = blob.slice(1, 17);
  const iv = blob.slice(17, 33);
  const body = blob.subarray(0, blob.length - MAC);
  const mac = blob.subarray(blob.length - MAC);
  let plaintext = new Uint8Array(0);
  for (const encoded of passphrases(passphrase)) {
    const keys = await pbkdf2(encoded, salt, rounds, 64, (share) => onProgress("deriving", share));
    onProgress("decrypting", 0);
    const fits = equal(await hmac(keys.slice(32), body), mac);
    plaintext = await aesCtr(keys.slice(0, 32), iv, body.subarray(FIXED));
    keys.fill(0);
    if (fits) return new TextDecoder().decode(plaintext);
    if (looksLikeText(plaintext)) break;
  }
  // The MAC key depends on the passphrase too. Under the right one, what comes out is text all the same.
  throw new KeyEngineError(looksLikeText(plaintext) ? "file_damaged" : "passphrase_wrong");
}

/** In UTF-8, as most apps write it, and in Latin-1, as matrix-nio does. @param {string} passphrase */
function passphrases(passphrase) {
  const found = [utf8(passphrase)];
  const codes = [...passphrase].map((character) => character.codePointAt(0) ?? 0);
  if (codes.some((code) => code > 127) && codes.every((code) => code < 256)) found.push(Uint8Array.from(codes));
  return found;
}

/** @param {Bytes} data */
function looksLikeText(data) {
  const sample = data.subarray(0, 4096);
  return sample.length > 0 && sample.filter((byte) => byte >= 32 && byte < 127).length > 0.9 * sample.length;
}

/** @param {string} text @returns {Bytes} */
function unwrap(text) {
  const start = text.indexOf(HEADER);
  if (start < 0) throw new KeyEngineError("file_foreign");
  const end = text.indexOf(FOOTER, start);
  if (end < 0) throw new KeyEngineError("file_truncated");
  const encoded = text.slice(start + HEADER.length, end).replace(/\s+/g, "").replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/]*$/.test(encoded) || encoded.length % 4 === 1) throw new KeyEngineError("file_damaged");
  const parts = [];
  const step = 4 * 2 ** 18;
  for (let at = 0; at < encoded.length; at += step) {
    const binary = atob(encoded.slice(at, at + step));
    const part = new Uint8Array(binary.length);
    for (let n = 0; n < binary.length; n++) part[n] = binary.charCodeAt(n);
    parts.push(part);
  }
  const blob = concat(...parts);
  if (blob.length < FIXED + MAC) throw new KeyEngineError("file_truncated");
  return blob;
}
