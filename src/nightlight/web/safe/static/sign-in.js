// Signing in between this page and the homeserver. Nightlight gets a proof of who it is, and never a password.

import { Homeserver, MatrixError } from "/safe/static/matrix.js";

const STATE = "safe-sso";
const box = /** @type {HTMLElement} */ (document.getElementById("sign-in"));
const ways = /** @type {HTMLElement} */ (document.getElementById("sign-in-ways"));
const busy = /** @type {HTMLElement} */ (document.getElementById("sign-in-busy"));
const error = /** @type {HTMLElement} */ (document.getElementById("sign-in-error"));
const homeserver = new Homeserver(box.dataset.homeserver?.replace(/\/$/, "") ?? "", box.dataset.server ?? "", "Safety page (removes itself)");
const CODES = /** @type {Record<string, string>} */ ({ M_FORBIDDEN: "wrong", M_LIMIT_EXCEEDED: "many", other_server: "other_server", sso: "sso" });

box.hidden = false;
window.addEventListener("pagehide", () => homeserver.signOut());
const given = new URL(location.href).searchParams;
history.replaceState(null, "", "/safe");
if (given.has("loginToken")) returned();
else offer();

async function offer() {
  try {
    const flows = await homeserver.flows();
    if (flows.has("m.login.sso")) add("way-sso", "button", "click", goToSso);
    if (flows.has("m.login.password")) add("way-password", "form", "submit", withPassword);
    if (!ways.childElementCount) box.hidden = true;
  } catch {
    say("unreachable");
  }
  busy.hidden = true;
}

/** @param {string} template @param {string} what @param {string} when @param {(event: Event) => void} then */
function add(template, what, when, then) {
  const part = /** @type {HTMLTemplateElement} */ (document.getElementById(template)).content.cloneNode(true);
  /** @type {DocumentFragment} */ (part).querySelector(what)?.addEventListener(when, then);
  ways.append(part);
}

/** @param {Event} event */
async function withPassword(event) {
  event.preventDefault();
  const name = /** @type {HTMLInputElement} */ (document.getElementById("name"));
  const password = /** @type {HTMLInputElement} */ (document.getElementById("password"));
  await finish(async () => {
    await homeserver.signIn(name.value, password.value);
    password.value = "";
  });
}

function goToSso() {
  const mark = crypto.randomUUID();
  sessionStorage.setItem(STATE, mark);
  location.assign(homeserver.ssoAddress(`${location.origin}/safe?state=${mark}`));
}

async function returned() {
  const mark = sessionStorage.getItem(STATE);
  sessionStorage.removeItem(STATE);
  // Only what this tab began is finished here: nobody can sign a person in with somebody else's token.
  if (!mark || mark !== given.get("state")) {
    await offer();
    return;
  }
  await finish(() => homeserver.signInWithToken(given.get("loginToken") ?? ""), "sso");
  if (!error.hidden) await offer();
}

/** @param {() => Promise<void>} signIn @param {string} [otherwise] what to say of a failure without words of its own */
async function finish(signIn, otherwise = "unreachable") {
  error.hidden = true;
  busy.hidden = false;
  ways.hidden = true;
  try {
    await signIn();
    const body = new URLSearchParams({ openid_token: await homeserver.openIdToken() });
    await homeserver.signOut();
    const answer = await fetch("/safe/sign-in", { method: "POST", body, cache: "no-store" });
    if (!answer.ok) throw new MatrixError("unreachable");
    location.replace("/safe");
    return;
  } catch (problem) {
    await homeserver.signOut();
    say((problem instanceof MatrixError && CODES[problem.code]) || otherwise);
  }
  busy.hidden = true;
  ways.hidden = false;
}

/** @param {string} code */
function say(code) {
  const words = /** @type {HTMLTemplateElement | null} */ (document.querySelector(`[data-error="${code}"]`));
  error.textContent = words?.content.textContent ?? "";
  error.hidden = false;
  error.focus();
}
