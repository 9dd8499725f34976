// The person's own homeserver, and no other place. The access token lives in this object and ends with `signOut`.

const ANSWER_MAX = 64 * 2 ** 20;
const TYPES = ["m.room.encrypted", "m.room.message", "m.sticker", "m.reaction"];

/** What a call can end with. Codes are Matrix's, or `unreachable`, `nonsense`. */
export class MatrixError extends Error {
  /** @param {string} code @param {number} [wait] milliseconds to wait, where the homeserver says */
  constructor(code, wait = 0) {
    super(code);
    this.code = code;
    this.wait = wait;
  }
}

export class Homeserver {
  #token = "";

  /** @param {string} base @param {string} serverName @param {string} [device] how the session shows in the person's app */
  constructor(base, serverName, device = "Report page (removes itself)") {
    this.device = device;
    this.base = base;
    this.serverName = serverName;
    this.userId = "";
  }

  /** @returns {Promise<Set<string>>} the ways to sign in */
  async flows() {
    const answer = await this.#call("GET", "/v3/login");
    return new Set((answer.flows ?? []).map((/** @type {any} */ flow) => flow?.type));
  }

  /** @param {string} name a user name or a whole Matrix id @param {string} password */
  async signIn(name, password) {
    const [, user, server] = /^@?([^:]*):?(.*)$/s.exec(name.trim()) ?? [];
    // Somebody else's server must not be asked for this password, nor this one for theirs.
    if (server && server !== this.serverName) throw new MatrixError("other_server");
    await this.#login({ type: "m.login.password", identifier: { type: "m.id.user", user }, password });
  }

  /** @param {string} loginToken what single sign-on came back with */
  async signInWithToken(loginToken) {
    await this.#login({ type: "m.login.token", token: loginToken });
  }

  /** @param {string} back @returns {string} where single sign-on begins */
  ssoAddress(back) {
    return `${this.base}/_matrix/client/v3/login/sso/redirect?redirectUrl=${encodeURIComponent(back)}`;
  }

  get signedIn() {
    return this.#token !== "";
  }

  /** Ends the session on the homeserver. Survives the page being closed. */
  async signOut() {
    const token = this.#token;
    this.#token = "";
    if (!token) return;
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    try {
      await fetch(`${this.base}/_matrix/client/v3/logout`, { method: "POST", headers, body: "{}", keepalive: true });
    } catch {
      // Nothing more can be done from here; the session shows in the person's app under its name.
    }
  }

  /** A proof of who this is, for Nightlight: it can do nothing else. @returns {Promise<string>} */
  async openIdToken() {
    const answer = await this.#call("POST", `/v3/user/${part(this.userId)}/openid/request_token`, {});
    if (typeof answer.access_token !== "string") throw new MatrixError("nonsense");
    return answer.access_token;
  }

  /** Every room the account is in or was in. @returns {Promise<{roomId: string, name: string, last: number, left: boolean}[]>} */
  async rooms() {
    const filter = {
      room: {
        include_leave: true,
        timeline: { limit: 1 },
        state: { types: ["m.room.name", "m.room.member"], lazy_load_members: true },
        ephemeral: { types: [] },
        account_data: { types: [] },
      },
      presence: { types: [] },
      account_data: { types: [] },
    };
    const answer = await this.#call("GET", `/v3/sync?timeout=0&filter=${part(JSON.stringify(filter))}`);
    const found = [];
    for (const kind of ["join", "leave"]) {
      for (const [roomId, room] of Object.entries(answer.rooms?.[kind] ?? {})) {
        found.push({ roomId, ...this.#describe(room), left: kind === "leave" });
      }
    }
    return found.sort((one, other) => other.last - one.last);
  }

  /**
   * A page of messages, the newest first.
   * @param {string} roomId @param {string} [from]
   * @returns {Promise<{events: any[], more: string | undefined, names: Map<string, string>}>}
   */
  async messages(roomId, from) {
    const filter = part(JSON.stringify({ types: TYPES, lazy_load_members: true }));
    const start = from ? `&from=${part(from)}` : "";
    const answer = await this.#call("GET", `/v3/rooms/${part(roomId)}/messages?dir=b&limit=40${start}&filter=${filter}`);
    const names = new Map();
    for (const event of answer.state ?? []) {
      const name = event?.content?.displayname;
      if (event?.type === "m.room.member" && typeof name === "string") names.set(event.state_key, name);
    }
    const events = (Array.isArray(answer.chunk) ? answer.chunk : [])
      .filter((/** @type {any} */ event) => typeof event?.event_id === "string" && typeof event.sender === "string" && event.content)
      .map((/** @type {any} */ event) => ({ ...event, room_id: roomId }));
    const more = typeof answer.end === "string" && answer.end !== from ? answer.end : undefined;
    return { events, more, names };
  }

  /** One message. @param {string} roomId @param {string} eventId */
  async event(roomId, eventId) {
    const event = await this.#call("GET", `/v3/rooms/${part(roomId)}/event/${part(eventId)}`);
    return { ...event, room_id: roomId };
  }

  /** What opens the key backup, as far as the homeserver holds it; null if there is no backup. */
  async backup() {
    const version = await this.#maybe("/v3/room_keys/version");
    if (!version) return null;
    const chosen = await this.#maybe(`/v3/user/${part(this.userId)}/account_data/m.secret_storage.default_key`);
    const keyId = typeof chosen?.key === "string" ? chosen.key : null;
    const data = (/** @type {string} */ name) => this.#maybe(`/v3/user/${part(this.userId)}/account_data/${part(name)}`);
    return {
      version: String(version.version),
      authData: { ...version.auth_data, algorithm: version.algorithm },
      keyId,
      keyDescription: keyId ? await data(`m.secret_storage.key.${keyId}`) : null,
      encryptedSecret: keyId ? await data("m.megolm_backup.v1") : null,
    };
  }

  /** @param {string} version @param {string} roomId @returns {Promise<Record<string, any>>} */
  async backedUpSessions(version, roomId) {
    const answer = await this.#maybe(`/v3/room_keys/keys/${part(roomId)}?version=${part(version)}`);
    return answer?.sessions ?? {};
  }

  /** @param {any} room */
  #describe(room) {
    const events = [...(room?.state?.events ?? []), ...(room?.timeline?.events ?? [])];
    const named = events.filter((event) => event?.type === "m.room.name" && event.state_key === "").pop();
    const last = Math.max(0, ...(room?.timeline?.events ?? []).map((/** @type {any} */ e) => Number(e?.origin_server_ts) || 0));
    const members = new Map(
      events.filter((e) => e?.type === "m.room.member" && typeof e.state_key === "string").map((e) => [e.state_key, e.content?.displayname]),
    );
    const heroes = room?.summary?.["m.heroes"] ?? [...members.keys()].filter((id) => id !== this.userId).slice(0, 4);
    const people = heroes.map((/** @type {string} */ id) => members.get(id) || localpart(id));
    const name = typeof named?.content?.name === "string" && named.content.name ? named.content.name : people.join(", ");
    return { name, last };
  }

  /** @param {object} body */
  async #login(body) {
    const answer = await this.#call("POST", "/v3/login", { ...body, initial_device_display_name: this.device });
    if (typeof answer.access_token !== "string" || typeof answer.user_id !== "string") throw new MatrixError("nonsense");
    this.#token = answer.access_token;
    this.userId = answer.user_id;
  }

  /** @param {string} path @returns {Promise<any>} null where there is nothing */
  async #maybe(path) {
    try {
      return await this.#call("GET", path);
    } catch (error) {
      if (error instanceof MatrixError && error.code === "M_NOT_FOUND") return null;
      throw error;
    }
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  async #call(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = body ? { "Content-Type": "application/json" } : {};
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    let answer;
    let text;
    try {
      const options = { method, headers, body: body && JSON.stringify(body), cache: /** @type {const} */ ("no-store"), referrerPolicy: /** @type {const} */ ("no-referrer"), redirect: /** @type {const} */ ("error") };
      answer = await fetch(`${this.base}/_matrix/client${path}`, options);
      if (Number(answer.headers.get("content-length") ?? 0) > ANSWER_MAX) throw new MatrixError("nonsense");
      text = await answer.text();
    } catch (error) {
      throw error instanceof MatrixError ? error : new MatrixError("unreachable");
    }
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      throw new MatrixError(answer.ok ? "nonsense" : "unreachable");
    }
    // A session that somebody ended elsewhere: the next try signs in anew.
    if (value?.errcode === "M_UNKNOWN_TOKEN") this.#token = "";
    if (!answer.ok) throw new MatrixError(String(value?.errcode ?? "nonsense"), Number(value?.retry_after_ms) || 0);
    if (typeof value !== "object" || value === null) throw new MatrixError("nonsense");
    return value;
  }
}

/** @param {string} id */
export function localpart(id) {
  return String(id).replace(/^@/, "").split(":")[0];
}

/** @param {string} text one segment of a path, whatever is in it */
function part(text) {
  return encodeURIComponent(text).replace(/\./g, (dot) => (/^\.{1,2}$/.test(text) ? "%2E" : dot));
}
