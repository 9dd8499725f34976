// The homeserver's encrypted key backup, and what opens it.
// Matrix client-server API, "Server-side key backups", "Secret storage", "Recovery key".

import { aesCbcOpen, aesCtr, concat, equal, fromBase64, hkdf, hmac, KeyEngineError, pbkdf2, utf8 } from "./bytes.js";
import { ROUNDS_MAX } from "./key-file.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

export const BACKUP = "m.megolm_backup.v1.curve25519-aes-sha2";
const STORAGE = "m.secret_storage.v1.aes-hmac-sha2";
const SECRET = "m.megolm_backup.v1";
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** RFC 8410 §7: the head of an X25519 private key in PKCS#8. */
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);
const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31));

/**
 * What the homeserver says of the backup: `authData` of its version, and, where there is secret storage, the
 * description of the key and the backup's key encrypted with it.
 * @typedef {{authData: any, keyId: string | null, keyDescription: any, encryptedSecret: any}} BackupInfo
 */

/**
 * The backup's private key, proven to be the right one.
 * @param {BackupInfo} info @param {string} input a recovery key or a security phrase, as typed
 * @param {(stage: string, share: number) => void} onProgress
 * @returns {Promise<CryptoKey>}
 */
export async function unlockBackup(info, input, onProgress) {
  const expected = typeof info.authData?.public_key === "string" ? fromBase64(info.authData.public_key) : null;
  if (expected?.length !== 32) throw new KeyEngineError("backup_unsupported");
  const typed = recoveryKey(input);
  if (!info.keyDescription) {
    if (!typed) throw new KeyEngineError("recovery_key_malformed");
    return checked(typed, expected);
  }
  const storage = typed ?? (await fromPhrase(info.keyDescription, input, onProgress));
  if (!(await opensStorage(info.keyDescription, storage))) {
    // An older recovery key belongs to the backup itself.
    if (typed) return checked(typed, expected);
    throw new KeyEngineError("phrase_wrong");
  }
  const secret = fromBase64(new TextDecoder().decode(await openSecret(info, storage)).trim());
  if (secret?.length !== 32) throw new KeyEngineError("backup_damaged");
  return checked(secret, expected);
}

/**
 * One session out of the backup, as the JSON that a key file would hold for it; null if it cannot be opened.
 * @param {CryptoKey} key @param {any} data `session_data`
 * @returns {Promise<any>}
 */
export async function openBackupSession(key, data) {
  const [ephemeral, ciphertext, mac] = ["ephemeral", "ciphertext", "mac"].map((name) =>
    typeof data?.[name] === "string" ? fromBase64(data[name]) : null,
  );
  if (ephemeral?.length !== 32 || !ciphertext || !mac) return null;
  const shared = await agree(key, ephemeral);
  if (!shared) return null;
  const keys = await hkdf(shared, "", 80);
  // The specification keeps libolm's mistake: the MAC is over nothing at all. Some clients compute it properly.
  const macs = await Promise.all([new Uint8Array(0), ciphertext].map((over) => hmac(keys.slice(32, 64), over)));
  if (!macs.some((value) => equal(value.subarray(0, 8), mac))) return null;
  const opened = await aesCbcOpen(keys.slice(0, 32), keys.slice(64, 80), ciphertext);
  try {
    return opened && JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(opened));
  } catch {
    return null;
  }
}

/** "Recovery key": base58 of 0x8B 0x01, 32 bytes and their parity. @param {string} text @returns {Bytes | null} */
export function recoveryKey(text) {
  const bare = text.replace(/\s+/g, "");
  if (bare.length < 40 || bare.length > 60) return null;
  let value = 0n;
  for (const character of bare) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16).padStart(70, "0");
  if (hex.length !== 70) return null;
  const data = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const parity = data.reduce((all, byte) => all ^ byte, 0);
  return data[0] === 0x8b && data[1] === 0x01 && parity === 0 ? data.slice(2, 34) : null;
}

/**
 * @param {any} description @param {string} phrase @param {(stage: string, share: number) => void} onProgress
 * @returns {Promise<Bytes>}
 */
async function fromPhrase(description, phrase, onProgress) {
  const how = description.passphrase;
  if (how?.algorithm !== "m.pbkdf2" || typeof how.salt !== "string") throw new KeyEngineError("recovery_key_malformed");
  const rounds = how.iterations;
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) throw new KeyEngineError("rounds_too_many");
  if ((how.bits ?? 256) !== 256) throw new KeyEngineError("backup_unsupported");
  return pbkdf2(utf8(phrase), utf8(how.salt), rounds, 32, (share) => onProgress("deriving", share));
}

/** "m.secret_storage.v1.aes-hmac-sha2": 32 zero bytes, encrypted, have the MAC that the description holds. */
async function opensStorage(/** @type {any} */ description, /** @type {Bytes} */ key) {
  if (description.algorithm !== STORAGE) throw new KeyEngineError("backup_unsupported");
  const iv = typeof description.iv === "string" ? fromBase64(description.iv) : null;
  const mac = typeof description.mac === "string" ? fromBase64(description.mac) : null;
  if (iv?.length !== 16 || !mac) throw new KeyEngineError("backup_unsupported");
  const keys = await hkdf(key, "", 64);
  return equal(await hmac(keys.slice(32), await aesCtr(keys.slice(0, 32), iv, new Uint8Array(32))), mac);
}

/** @param {BackupInfo} info @param {Bytes} storage @returns {Promise<Bytes>} */
async function openSecret(info, storage) {
  const secret = info.encryptedSecret?.encrypted?.[info.keyId ?? ""];
  const [iv, ciphertext, mac] = ["iv", "ciphertext", "mac"].map((name) =>
    typeof secret?.[name] === "string" ? fromBase64(secret[name]) : null,
  );
  if (iv?.length !== 16 || !ciphertext || !mac) throw new KeyEngineError("backup_unsupported");
  const keys = await hkdf(storage, SECRET, 64);
  if (!equal(await hmac(keys.slice(32), ciphertext), mac)) throw new KeyEngineError("backup_damaged");
  return aesCtr(keys.slice(0, 32), iv, ciphertext);
}

/** @param {Bytes} secret @param {Bytes} expected @returns {Promise<CryptoKey>} */
async function checked(secret, expected) {
  let key;
  try {
    key = await crypto.subtle.importKey("pkcs8", concat(PKCS8, secret), "X25519", false, ["deriveBits"]);
  } catch {
    throw new KeyEngineError("browser_too_old");
  } finally {
    secret.fill(0);
  }
  const own = await agree(key, BASE_POINT);
  if (!own || !equal(own, expected)) throw new KeyEngineError("recovery_key_wrong");
  return key;
}

/** X25519 (RFC 7748 §6.1). @param {CryptoKey} key @param {Bytes} other @returns {Promise<Bytes | null>} */
async function agree(key, other) {
  try {
    const imported = await crypto.subtle.importKey("raw", other, "X25519", false, []);
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: imported }, key, 256));
  } catch {
    return null;
  }
}
