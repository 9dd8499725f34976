// Keys, blurring and hiding. Everything here is a shortcut: without it the pages work the same, by clicking.
"use strict";

const BLUR = "nightlight-blur";
let afterG = false;

document.querySelectorAll("[data-keys], [data-blur]").forEach((button) => { button.hidden = false; });
showHideButtons();
setBlur(stored(BLUR) === "on");

document.addEventListener("htmx:after:swap", showHideButtons);
document.addEventListener("htmx:afterSwap", showHideButtons);

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  if (event.target.closest("[data-keys]")) document.getElementById("keys").showModal();
  if (event.target.closest("[data-blur]")) setBlur(!document.body.classList.contains("blurred"));
  const hide = event.target.closest("[data-hide]");
  if (hide) hideAgain(hide.closest("[data-revealed]"));
});

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const submit = document.querySelector("[data-submit]");
    if (submit) { event.preventDefault(); submit.click(); }
    return;
  }
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const key = event.key;
  if (afterG) {
    afterG = false;
    if (key === "q") location.assign("/");
    return;
  }
  const does = {
    g: () => { afterG = true; setTimeout(() => { afterG = false; }, 1500); },
    j: () => move(1), ArrowDown: () => move(1),
    k: () => move(-1), ArrowUp: () => move(-1),
    r: () => document.querySelector("[data-reveal]")?.click(),
    h: () => document.querySelectorAll("[data-revealed]").forEach(hideAgain),
    b: () => setBlur(!document.body.classList.contains("blurred")),
    d: () => document.querySelector("#decide input[type=radio]")?.focus(),
    "?": () => document.getElementById("keys").showModal(),
  }[key];
  if (does && !((key === "ArrowDown" || key === "ArrowUp") && event.target.type === "radio")) {
    event.preventDefault();
    does();
  } else if (/^[1-9]$/.test(key)) {
    const box = document.querySelector(`[data-key="${key}"]`);
    if (box && !box.disabled) { box.checked = !box.checked; box.focus(); }
  }
});

function move(step) {
  const stops = [...document.querySelectorAll("[data-row], [data-message]")];
  if (!stops.length) return;
  const at = stops.findIndex((stop) => stop.contains(document.activeElement));
  const next = stops[Math.min(stops.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

// The text goes out of the page, not only out of sight; seeing it again asks the server, which writes it down.
function hideAgain(revealed) {
  const note = document.createElement("p");
  note.className = "sealed";
  note.textContent = "Hidden again. Reload the page to reveal it once more.";
  revealed.replaceWith(note);
}

function showHideButtons() {
  document.querySelectorAll("[data-hide]").forEach((button) => { button.hidden = false; });
}

function setBlur(on) {
  document.body.classList.toggle("blurred", on);
  document.querySelectorAll("[data-blur]").forEach((button) => button.setAttribute("aria-pressed", String(on)));
  try { localStorage.setItem(BLUR, on ? "on" : "off"); } catch { /* storage may be closed; the choice lasts for this page */ }
}

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

// The queue renews itself: keep the focus on the case where it was.
let focused = null;
document.addEventListener("htmx:before:swap", () => { focused = document.activeElement?.dataset?.row ?? null; });
document.addEventListener("htmx:after:swap", () => {
  if (focused) document.querySelector(`[data-row="${focused}"]`)?.focus();
});
