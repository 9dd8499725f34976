// Keys, blurring, hiding, copying. Everything here is a shortcut: without it the pages work the same, by clicking.
"use strict";

const BLUR = "nightlight-blur";
const QUEUE = "/";
const POLICIES = "/policies";
const ALERTS = "/alerts";
const RULES = "/rules";
const REFERRALS = "/referrals";
const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
let afterG = false;
let focused = -1;

showControls();
setBlur(stored(BLUR) === "on");
one("[data-focus]")?.focus();
// Said once: a reload must not say it again.
if (one("[data-feedback]")) history.replaceState(null, "", location.pathname);

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  if (event.target.closest("[data-keys]")) showKeys();
  if (event.target.closest("[data-blur]")) toggleBlur();
  const copied = event.target.closest("[data-copy]");
  if (copied) copy(copied);
  if (event.target.closest("[data-hide]")) {
    event.preventDefault();
    hideAgain(event.target.closest("[data-message]"));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || one("dialog[open]")) return;
  const target = event.target instanceof Element ? event.target : document.body;
  const typing = target.closest(TYPING);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    // A held key must not decide the next case as well.
    if (!event.repeat) one("[data-submit]")?.click();
    return;
  }
  if (event.key === "Escape" && typing) target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key;
  if (afterG) {
    afterG = false;
    if (key === "q") location.assign(QUEUE);
    if (key === "p") location.assign(POLICIES);
    if (key === "a") location.assign(ALERTS);
    if (key === "u") location.assign(RULES);
    if (key === "r") location.assign(REFERRALS);
    return;
  }
  const does = {
    g: () => { afterG = true; setTimeout(() => { afterG = false; }, 1500); },
    j: () => move(1),
    k: () => move(-1),
    r: () => all("[data-reveal]").find((button) => !button.disabled && !button.closest("[hidden]"))?.click(),
    h: () => all("[data-message]").forEach(hideAgain),
    b: () => toggleBlur(),
    d: () => (one("#decide input[type=radio]:checked") ?? one("#decide input[type=radio]"))?.focus(),
    "?": () => showKeys(),
  }[key] ?? arrow(key);
  if (does) {
    event.preventDefault();
    if (!event.repeat || "jk".includes(key) || key.startsWith("Arrow")) does();
  } else if (/^[1-9]$/.test(key)) {
    const box = one(`[data-key="${key}"]`);
    if (box && !box.disabled) { box.checked = !box.checked; box.focus(); }
  }
});

// Arrows walk through the queue; in a case they scroll, as everywhere else.
function arrow(key) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  return step && one("[data-row]") ? () => move(step) : undefined;
}

function move(step) {
  const stops = all("[data-row], [data-message]");
  if (!stops.length) return;
  const at = stops.findIndex((stop) => stop.contains(document.activeElement));
  const next = stops[Math.min(stops.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function showKeys() {
  document.getElementById("keys").showModal();
}

// The text goes out of the page, not only out of sight; seeing it again asks the server, which writes it down.
function hideAgain(message) {
  const revealed = message?.querySelector("[data-revealed]");
  if (!revealed) return;
  revealed.remove();
  message.querySelector(".hidden-text").hidden = false;
  message.focus({ preventScroll: true });
  say("Hidden again.");
}

function showControls() {
  all("[data-keys], [data-blur], [data-copy]").forEach((control) => { control.hidden = false; });
}

function toggleBlur() {
  setBlur(!document.body.classList.contains("blurred"));
}

function setBlur(on) {
  document.body.classList.toggle("blurred", on);
  all("[data-blur]").forEach((button) => button.setAttribute("aria-pressed", String(on)));
  try { localStorage.setItem(BLUR, on ? "on" : "off"); } catch { /* storage is closed; the choice lasts for this page */ }
}

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  } catch {
    button.textContent = button.dataset.copy; // browsers give the clipboard to HTTPS only; then to be selected by hand
  }
  say(button.textContent);
}

function say(text) {
  document.getElementById("said").textContent = text;
}

// What htmx puts in place: keep the reader where they were, and say what happened.
document.addEventListener("htmx:before:swap", () => {
  focused = all("[data-row]").indexOf(document.activeElement);
});
document.addEventListener("htmx:after:swap", (event) => {
  showControls();
  one("[data-focus]")?.focus();
  const lost = document.activeElement === document.body;
  const rows = all("[data-row]");
  // The case under the focus was decided by somebody else: go to the one in its place.
  if (lost && focused >= 0) rows[Math.min(focused, rows.length - 1)]?.focus();
  const message = event.target instanceof Element ? event.target.closest("[data-message]") : null;
  if (message?.querySelector("[data-revealed]")) {
    message.focus({ preventScroll: true });
    message.scrollIntoView({ block: "nearest" });
    say(`${message.getAttribute("aria-label")} is revealed.`);
  }
});
document.addEventListener("htmx:before:request", () => notice(""));
document.addEventListener("htmx:error", () => notice("No answer came. What you typed is still here; try again in a moment."));
document.addEventListener("htmx:response:error", (event) => {
  if (event.detail?.ctx?.response?.status === 500) notice("Something broke on the server. Reload the page to see what was done.");
});

function notice(text) {
  const place = document.getElementById("notice");
  if (place.dataset.text === text || (!text && !place.dataset.text)) return;
  const alert = document.createElement("p");
  alert.className = "alert";
  alert.textContent = text;
  place.replaceChildren(...(text ? [alert] : []));
  place.dataset.text = text;
}

// Whoever presses "Back" later, perhaps somebody else, finds no text.
addEventListener("pagehide", () => all("[data-message]").forEach(hideAgain));
