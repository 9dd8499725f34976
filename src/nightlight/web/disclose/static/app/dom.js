// Building pages out of nodes: what others wrote only ever becomes text.

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] `on…` are listeners, `class` and the rest attributes
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") /** @type {any} */ (node)[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((c) => /** @type {any} */ (c)));
  return node;
}

const BLANK = new Set([..."\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\uffa0"]);

/** A stranger's text with everything unseen made seen. @param {unknown} text @returns {string} */
export function visible(text) {
  let before = "";
  return [...String(text ?? "")]
    .map((character) => {
      const joiner = character === "\u200c" || character === "\u200d";
      const hidden =
        BLANK.has(character) || (/[\p{C}]/u.test(character) && !"\n\t".includes(character) && !(joiner && /[^\x00-\x7f]/.test(before)));
      before = character;
      return hidden ? `⟦U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟧` : character;
    })
    .join("");
}

/** Says something to people who listen. @param {string} text */
export function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}
