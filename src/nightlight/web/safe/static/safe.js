// Nothing here is needed: the page works without it. It makes leaving quicker, and leaves nothing behind it.

let escapes = 0;

/** Away at once: this place in the tab's history becomes the other page. */
function leave() {
  document.body.replaceChildren();
  location.replace("/safe/leave");
}

document.querySelector("[data-exit]")?.addEventListener("click", (event) => {
  event.preventDefault();
  leave();
});
window.addEventListener("keydown", (event) => {
  escapes = event.key === "Escape" ? escapes + 1 : 0;
  if (escapes === 3) leave();
});
// A page taken out of the browser's memory would show what was on it.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
