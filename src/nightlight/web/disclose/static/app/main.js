// The disclosure page. One screen after the other; nothing is stored, nothing is loaded from elsewhere.

import { KeyEngine } from "../keys/client.js";
import { el, say, visible } from "./dom.js";
import { Homeserver, localpart } from "./matrix.js";
import { readable } from "./messages.js";
import de from "./words/de.js";
import en from "./words/en.js";

const LANGUAGES = /** @type {Record<string, any>} */ ({ en, de });
const AROUND = 3;
const ROOMS_SHOWN = 200;
const STEPS = 5;
const SSO = "report-sso";
const address = new URL(location.href);
/** Which message somebody was sent here for: behind the `#`, so that no server on the way learns it. */
const named = new URLSearchParams(location.hash.slice(1));

/** @type {any} */
let config;
/** @type {Homeserver} */
let homeserver;
let engine = new KeyEngine();
let language = chosenLanguage();
let words = LANGUAGES[language];
// Made once: making one for each row of a long list is what would hold the page up.
let clock = clockOf(language);
/** What has been chosen so far. @type {any} */
const state = {
  backup: null,
  room: named.get("room") ?? "",
  event: named.get("event") ?? "",
  rooms: [],
  messages: [],
  names: new Map(),
  more: undefined,
  picked: new Set(),
  around: false,
  category: "",
  note: "",
  body: "",
  key: "",
};
/** @type {() => void} */
let current = start;
let escapes = 0;

boot();

async function boot() {
  try {
    config = await (await fetch("/report/config.json", { cache: "no-store" })).json();
  } catch {
    document.getElementById("main")?.append(el("p", {}, words.errors.unreachable));
    return;
  }
  homeserver = new Homeserver(config.homeserver, config.serverName);
  frame();
  const loginToken = address.searchParams.get("loginToken");
  history.replaceState(null, "", location.pathname);
  if (loginToken) await returnFromSso(loginToken);
  else start();
}

// The frame around every screen

function frame() {
  document.documentElement.lang = language;
  document.title = words.title;
  node("brand").textContent = words.title;
  const select = el(
    "select",
    { "aria-label": "Language", onchange: (/** @type {any} */ e) => switchLanguage(e.target.value) },
    ...Object.entries(LANGUAGES).map(([code, list]) => el("option", { value: code, lang: code, selected: code === language }, list.language)),
  );
  const exit = el("button", { type: "button", class: "plain", id: "exit", title: words.exitHint, onclick: leave }, words.exit);
  node("tools").replaceChildren(select, exit);
  node("help").replaceChildren(
    el(
      "details",
      { open: current === start || current === done },
      el("summary", {}, words.helpTitle),
      el("p", { class: "soft" }, words.helpText),
      el("ul", {}, ...words.helplines.map((/** @type {string[]} */ [who, shown, href]) => el("li", {}, `${who}: `, el("a", { href, rel: "noreferrer noopener", target: href.startsWith("http") ? "_blank" : null }, shown)))),
    ),
  );
}

/** @param {string} code */
function switchLanguage(code) {
  language = code;
  words = LANGUAGES[code];
  clock = clockOf(code);
  frame();
  current();
}

/** @param {() => void} screen @param {number | null} step @param {string} title @param {...any} children */
function show(screen, step, title, ...children) {
  current = screen;
  const heading = el("h1", { tabindex: "-1" }, title);
  const main = node("main");
  main.replaceChildren(...(step ? [el("p", { class: "step" }, words.step(step, STEPS))] : []), heading, ...children.filter(Boolean));
  window.scrollTo(0, 0);
  heading.focus({ preventScroll: true });
}

/** Away, quickly: nothing stays in this tab, and the session at the homeserver ends. */
function leave() {
  engine.close();
  homeserver?.signOut();
  sessionStorage.clear();
  document.body.replaceChildren();
  location.replace(config?.quickExit ?? "about:blank");
}

window.addEventListener("keydown", (event) => {
  escapes = event.key === "Escape" ? escapes + 1 : 0;
  if (escapes === 3) leave();
});
window.addEventListener("pagehide", () => {
  homeserver?.signOut();
  engine.close();
});
// A page taken out of the browser's memory would show what was on it.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// The screens

function start() {
  frame();
  show(
    start,
    null,
    words.startTitle,
    el("p", {}, words.startText),
    el("section", { class: "card" }, el("h2", {}, words.startHow), el("ul", {}, ...words.startPoints.map((/** @type {string} */ point) => el("li", {}, point)))),
    el("p", { class: "note" }, words.startDanger),
    el("div", { class: "row" }, el("button", { type: "button", onclick: signIn }, words.startButton)),
  );
}

async function signIn() {
  if (homeserver.signedIn) return keys();
  show(signIn, 1, words.signInTitle, el("p", { role: "status" }, words.busy));
  let flows;
  try {
    flows = await homeserver.flows();
  } catch (error) {
    show(signIn, 1, words.signInTitle, problem(error), row(button(words.next, signIn), quiet(words.back, start)));
    return;
  }
  const name = el("input", { id: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true });
  const password = el("input", { id: "password", type: "password", autocomplete: "current-password", required: true });
  const form = el(
    "form",
    { onsubmit: (/** @type {Event} */ e) => submit(e, form, async () => {
      await homeserver.signIn(name.value, password.value);
      password.value = "";
      keys();
    }, { cancel: false }) },
    el("label", {}, words.signInName, name),
    el("label", {}, words.signInPassword, password),
    row(el("button", {}, words.signInButton), quiet(words.back, start)),
  );
  show(
    signIn,
    1,
    words.signInTitle,
    el("p", {}, words.signInText(config.serverName)),
    flows.has("m.login.password") && form,
    flows.has("m.login.sso") && row(quiet(words.signInSso, goToSso)),
    !flows.has("m.login.password") && !flows.has("m.login.sso") && el("p", { class: "note" }, words.signInNone),
  );
}

function goToSso() {
  const mark = crypto.randomUUID();
  sessionStorage.setItem(SSO, JSON.stringify({ mark, language, room: state.room, event: state.event }));
  location.assign(homeserver.ssoAddress(`${location.origin}/report?state=${mark}`));
}

/** @param {string} loginToken */
async function returnFromSso(loginToken) {
  const kept = JSON.parse(sessionStorage.getItem(SSO) ?? "null");
  sessionStorage.removeItem(SSO);
  // Only what this tab began is finished here: nobody can sign a person in with somebody else's token.
  if (!kept || kept.mark !== address.searchParams.get("state")) return start();
  Object.assign(state, { room: kept.room, event: kept.event });
  if (LANGUAGES[kept.language]) switchLanguage(kept.language);
  try {
    await homeserver.signInWithToken(loginToken);
    keys();
  } catch {
    show(signIn, 1, words.signInTitle, el("p", { class: "error", role: "alert" }, words.errors.sso), row(button(words.next, signIn)));
  }
}

function keys() {
  show(
    keys,
    2,
    words.keysTitle,
    el("p", {}, words.keysText),
    el("section", { class: "card" }, el("h2", {}, words.keysRecovery), el("p", { class: "soft" }, words.keysRecoveryHint), row(button(words.next, recovery))),
    el("section", { class: "card" }, el("h2", {}, words.keysFile), el("p", { class: "soft" }, words.keysFileHint), row(button(words.next, keyFile))),
    el("p", { class: "soft small" }, words.keysSkipHint),
    row(quiet(words.keysSkip, rooms)),
  );
}

function recovery() {
  const input = el("textarea", { id: "recovery", rows: "3", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true });
  const form = el(
    "form",
    { onsubmit: (/** @type {Event} */ e) => submit(e, form, async (options) => {
      const backup = await homeserver.backup();
      if (!backup) throw { code: "backup_missing" };
      await engine.unlockBackup(backup, input.value, options);
      input.value = "";
      state.backup = backup;
      say(words.keysBackup);
      rooms();
    }) },
    el("label", {}, words.keysRecoveryLabel, input),
    row(el("button", {}, words.keysButton), quiet(words.back, keys)),
  );
  show(recovery, 2, words.keysRecovery, el("p", { class: "soft" }, words.keysRecoveryHint), form);
}

function keyFile() {
  const file = el("input", { id: "file", type: "file", accept: ".txt,text/plain" });
  const passphrase = el("input", { id: "passphrase", type: "password", autocomplete: "off", required: true });
  const form = el(
    "form",
    { onsubmit: (/** @type {Event} */ e) => submit(e, form, async (options) => {
      if (!file.files?.length) throw { code: "file_missing" };
      const found = await engine.openFile(file.files[0], passphrase.value, options);
      passphrase.value = "";
      say(words.keysFound(found.sessions));
      rooms();
    }) },
    el("label", {}, words.keysFileLabel, file),
    el("label", {}, words.keysPassphraseLabel, passphrase),
    row(el("button", {}, words.keysButton), quiet(words.back, keys)),
  );
  show(keyFile, 2, words.keysFile, el("p", { class: "soft" }, words.keysFileHint), form);
}

async function rooms() {
  show(rooms, 3, words.roomTitle, el("p", { role: "status" }, words.busy));
  try {
    state.rooms = await homeserver.rooms();
  } catch (error) {
    show(rooms, 3, words.roomTitle, problem(error), row(button(words.next, rooms), quiet(words.back, keys)));
    return;
  }
  if (state.room && state.rooms.some((/** @type {any} */ room) => room.roomId === state.room)) return open(state.room);
  const list = el("ul", { class: "list rooms" });
  const fill = (/** @type {string} */ wanted) =>
    list.replaceChildren(
      ...state.rooms
        .filter((/** @type {any} */ room) => room.name.toLowerCase().includes(wanted.toLowerCase()))
        .slice(0, ROOMS_SHOWN)
        .map((/** @type {any} */ room) =>
          el(
            "li",
            {},
            el(
              "button",
              { type: "button", "data-room": room.roomId, onclick: () => open(room.roomId) },
              el("span", { dir: "auto" }, visible(room.name) || words.roomUnnamed),
              el("span", { class: "soft small" }, [when(room.last), room.left && words.roomLeft].filter(Boolean).join(" · ")),
            ),
          ),
        ),
    );
  fill("");
  const search = el("input", { type: "search", id: "search", oninput: (/** @type {any} */ e) => fill(e.target.value) });
  show(
    rooms,
    3,
    words.roomTitle,
    el("p", { class: "soft" }, words.roomText),
    state.rooms.length > 8 && el("label", {}, words.roomSearch, search),
    state.rooms.length ? list : el("p", {}, words.roomNone),
    state.rooms.length > ROOMS_SHOWN && el("p", { class: "soft" }, words.roomMore(ROOMS_SHOWN)),
    row(quiet(words.back, keys)),
  );
}

/** @param {string} roomId */
async function open(roomId) {
  if (roomId !== state.opened) Object.assign(state, { opened: roomId, messages: [], more: undefined, picked: new Set(), names: new Map() });
  state.room = roomId;
  const again = () => open(roomId);
  show(again, 4, words.pickTitle, el("p", { role: "status" }, words.busy));
  try {
    if (state.backup) await engine.addBackupSessions(roomId, await homeserver.backedUpSessions(state.backup.version, roomId));
    if (!state.messages.length) await earlier();
    while (state.event && !state.messages.some((/** @type {any} */ m) => m.id === state.event) && state.more && state.messages.length < 400) await earlier();
  } catch (error) {
    show(again, 4, words.pickTitle, problem(error), row(button(words.next, again), quiet(words.back, backToRooms)));
    return;
  }
  if (state.event && state.messages.some((/** @type {any} */ m) => m.id === state.event)) state.picked.add(state.event);
  state.event = "";
  pick();
}

function backToRooms() {
  state.room = "";
  rooms();
}

async function earlier() {
  const page = await homeserver.messages(state.room, state.more);
  for (const [id, name] of page.names) state.names.set(id, name);
  const known = new Set(state.messages.map((/** @type {any} */ m) => m.id));
  // One line for one id, also within a page: what is ticked is what is shown under it.
  const fresh = page.events.filter((event) => !known.has(event.event_id) && known.add(event.event_id)).reverse();
  state.messages = [...(await readable(fresh, engine, words)), ...state.messages];
  state.more = page.events.length ? page.more : undefined;
}

function pick() {
  const list = el("ul", { class: "list", id: "messages" }, ...state.messages.map(line));
  const warning = el("p", { class: "error", role: "alert", id: "warning", hidden: true });
  const around = el("input", { type: "checkbox", id: "around", checked: state.around, onchange: (/** @type {any} */ e) => (state.around = e.target.checked) });
  const go = () => {
    const count = chosen().length;
    const wrong = !state.picked.size ? words.pickNone : count > config.messagesMax ? words.pickTooMany(config.messagesMax) : "";
    warning.hidden = !wrong;
    warning.textContent = wrong;
    if (!wrong) review();
  };
  show(
    pick,
    4,
    words.pickTitle,
    el("p", {}, words.pickText),
    state.more && row(quiet(words.pickEarlier, async () => {
      try {
        await earlier();
      } catch (error) {
        say(message(error));
      }
      pick();
    })),
    list,
    state.messages.some((/** @type {any} */ item) => item.locked && item.locked !== words.removed) && el("p", { class: "note" }, words.pickLocked),
    config.contextMax > 0 && el("div", { class: "card" }, el("label", { class: "choice" }, around, words.pickContext(AROUND))),
    warning,
    row(button(words.next, go), quiet(words.back, backToRooms)),
  );
  node("main").querySelector("input:checked")?.scrollIntoView({ block: "center" });
}

/** @param {any} item */
function line(item) {
  const own = item.sender === homeserver.userId;
  const box = el("input", {
    type: "checkbox",
    checked: state.picked.has(item.id),
    "data-event": item.id,
    onchange: (/** @type {any} */ e) => (e.target.checked ? state.picked.add(item.id) : state.picked.delete(item.id)),
  });
  return el("li", { class: `message ${own ? "own" : ""}` }, el("label", {}, box, el("span", { class: "who" }, ...who(item)), el("span", { class: `text ${item.locked ? "soft" : ""}`, dir: "auto" }, item.text)));
}

/** @param {any} item */
function who(item) {
  const own = item.sender === homeserver.userId;
  const name = own ? words.you : visible(state.names.get(item.sender) || localpart(item.sender));
  return [el("b", {}, el("bdi", {}, name)), ` ${when(item.at)}${item.mark ? ` · ${item.mark}` : ""}`];
}

/** What was picked, and what goes along; in the order of the conversation. @returns {any[]} */
function chosen() {
  const context = new Set();
  if (state.around) {
    state.messages.forEach((/** @type {any} */ item, /** @type {number} */ at) => {
      if (!state.picked.has(item.id)) return;
      for (const near of state.messages.slice(Math.max(0, at - AROUND), at + AROUND + 1)) {
        if (near.proof && !state.picked.has(near.id) && context.size < config.contextMax) context.add(near.id);
      }
    });
  }
  return state.messages
    .filter((/** @type {any} */ item) => state.picked.has(item.id) || context.has(item.id))
    .map((/** @type {any} */ item) => ({ ...item, context: context.has(item.id) }));
}

function review() {
  const items = chosen();
  const warning = el("p", { class: "error", role: "alert", hidden: true });
  const form = el(
    "form",
    { novalidate: true, onsubmit: (/** @type {Event} */ e) => {
      if (!state.category) {
        e.preventDefault();
        warning.textContent = words.categoryMissing;
        warning.hidden = false;
        form.querySelector("input[name=category]")?.focus();
        return;
      }
      submit(e, form, () => send(items), { doing: words.sending, cancel: false });
    } },
    el(
      "fieldset",
      {},
      el("legend", {}, words.categoryLabel),
      ...config.categories.map((/** @type {string} */ category) =>
        el("label", { class: "choice" }, el("input", { type: "radio", name: "category", value: category, checked: state.category === category, onchange: () => { state.category = category; warning.hidden = true; } }), words.categories[category] ?? category),
      ),
      warning,
    ),
    el("label", {}, words.noteLabel, el("textarea", { id: "note", rows: "3", maxlength: String(config.noteCharsMax), value: state.note, oninput: (/** @type {any} */ e) => (state.note = e.target.value) })),
    el("p", { class: "soft" }, words.reviewSees),
    row(el("button", { id: "send" }, words.sendButton), quiet(words.back, pick)),
  );
  show(
    review,
    5,
    words.reviewTitle,
    el("p", { class: "good" }, words.reviewText(items.length)),
    el(
      "ul",
      { class: "list", id: "disclosed" },
      ...items.map((item) =>
        el("li", { class: `card sent ${item.context ? "context" : ""}`, "data-event": item.id }, el("p", { class: "soft small" }, ...who(item), item.context && ` · ${words.reviewContext}`, item.locked && ` · ${words.reviewLocked}`), el("p", { class: "text", dir: "auto" }, item.text), item.rest && el("details", {}, el("summary", { class: "small" }, words.reviewRest), el("pre", { dir: "auto" }, item.rest))),
      ),
    ),
    items.some((item) => item.file) && el("p", { class: "note" }, words.reviewFile),
    form,
  );
}

/** @param {any[]} items */
async function send(items) {
  const encrypted = items.filter((item) => item.proof && item.event.type === "m.room.encrypted");
  const made = new Map((await engine.messageKeys(encrypted.map((item) => item.event))).map((key) => [key.eventId, key]));
  const messages = items.map((item) => {
    const key = /** @type {any} */ (made.get(item.id));
    return { event_id: item.id, ...(key?.ok ? { message_key: key.messageKey } : {}), ...(item.context ? { role: "context" } : {}) };
  });
  const token = await homeserver.openIdToken();
  const body = JSON.stringify({ room_id: state.room, category: state.category, note: state.note, language, messages });
  // The same text twice is the same report, however often it is sent; anything else is another one.
  if (state.body !== body) Object.assign(state, { body, key: crypto.randomUUID() });
  let answer;
  try {
    answer = await fetch("/v1/reports", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "Idempotency-Key": state.key },
      body,
      cache: "no-store",
    });
  } catch {
    throw { code: "send" };
  }
  const receipt = await answer.json().catch(() => null);
  if (!answer.ok || !receipt?.messages) throw { code: "send", text: receipt?.detail };
  engine.close();
  await homeserver.signOut();
  state.receipt = receipt;
  state.sent = items;
  done();
}

function done() {
  current = done;
  frame();
  const texts = new Map(state.sent.map((/** @type {any} */ item) => [item.id, item.text]));
  const copied = el("button", { type: "button", class: "quiet", onclick: async () => {
    await navigator.clipboard?.writeText(state.receipt.status_url).catch(() => {});
    copied.textContent = words.doneCopied;
  } }, words.doneCopy);
  show(
    done,
    null,
    words.doneTitle,
    el("p", {}, words.doneText),
    el(
      "ul",
      { class: "list", id: "verdicts" },
      ...state.receipt.messages.map((/** @type {any} */ item) =>
        el("li", { class: "card", "data-verdict": item.verdict }, el("p", { class: "text", dir: "auto" }, texts.get(item.event_id) ?? ""), el("p", { class: "soft small" }, `${words.doneVerdict[item.verdict] ?? ""}. `, language === "en" ? item.explanation : "")),
      ),
    ),
    el("p", { class: "good" }, words.doneSignedOut),
    el("p", {}, words.doneFollow),
    el("p", { class: "address", id: "status" }, state.receipt.status_url),
    row(copied),
    el("p", {}, words.doneCare),
  );
}

// Parts

/**
 * Runs a form's work: shows progress and, where there is something to stop, a way to cancel; says what went wrong.
 * @param {Event} event @param {HTMLFormElement} form @param {(options: any) => Promise<void>} work
 * @param {{doing?: string, cancel?: boolean}} [how]
 */
async function submit(event, form, work, { doing = words.busy, cancel = true } = {}) {
  event.preventDefault();
  form.querySelector(".error[data-made]")?.remove();
  const abort = new AbortController();
  const bar = el("progress", { max: "1", "aria-label": doing });
  const text = el("span", {}, doing);
  const status = el("div", { class: "card", role: "status" }, el("p", {}, text), bar, cancel && row(quiet(words.cancel, () => abort.abort())));
  const buttons = [.../** @type {NodeListOf<HTMLButtonElement>} */ (form.querySelectorAll("button"))];
  for (const each of buttons) each.disabled = true;
  form.append(status);
  const onProgress = (/** @type {any} */ { stage, done: share }) => {
    text.textContent = words.stages[stage] ?? doing;
    if (share > 0) bar.value = share;
    else bar.removeAttribute("value");
  };
  try {
    await work({ onProgress, signal: abort.signal });
  } catch (error) {
    const shown = problem(error);
    shown.dataset.made = "";
    form.append(shown);
    shown.focus();
  } finally {
    status.remove();
    for (const each of buttons) each.disabled = false;
  }
}

/** @param {any} error @returns {string} */
function message(error) {
  const code = Object.hasOwn(words.errors, error?.code) ? error.code : "unknown";
  const known = code === "other_server" ? words.errors[code](config.serverName) : words.errors[code];
  return error?.text && language === "en" ? `${known} (${visible(error.text)})` : known;
}

/** @param {unknown} error */
function problem(error) {
  return el("p", { class: "error", role: "alert", tabindex: "-1" }, message(error));
}

/** @param {...any} children */
function row(...children) {
  return el("div", { class: "row" }, ...children);
}

/** @param {string} text @param {() => void} onclick */
function button(text, onclick) {
  return el("button", { type: "button", onclick }, text);
}

/** @param {string} text @param {() => void} onclick */
function quiet(text, onclick) {
  return el("button", { type: "button", class: "quiet", onclick }, text);
}

/** @param {number} at */
function when(at) {
  // Homeservers pass on what a sender claims, dates beyond the calendar included (ECMA-262, "Time Values").
  return at > 0 && at <= 8.64e15 ? clock.format(at) : "";
}

/** @param {string} id @returns {any} */
function node(id) {
  return document.getElementById(id);
}

/** @param {string} code */
function clockOf(code) {
  return new Intl.DateTimeFormat(code, { dateStyle: "medium", timeStyle: "short" });
}

function chosenLanguage() {
  const wanted = [named.get("lang"), ...navigator.languages].map((tag) => String(tag ?? "").slice(0, 2));
  return wanted.find((code) => code in { en: 1, de: 1 }) ?? "en";
}
