// Elements from data. Text is only ever set as text: nothing that a person wrote can become markup.

const BOOLEAN = new Set(["hidden", "disabled", "checked", "selected", "open", "required", "multiple"]);

/** An element: `h("a.dim", {href: "/"}, "text", child)`. Functions are listeners; null children are left out. */
export function h(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "value") element.value = value;
    else if (BOOLEAN.has(name)) element[name] = Boolean(value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts children in place of what an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A link inside the page. */
export function link(href, text) {
  return h("a", { href, "data-link": "" }, text);
}

/** A state as a word with its mark and colour. */
export function state(name) {
  return h(`span.state.${name}`, {}, name);
}

/** A number for people: four digits, or all of a whole one. */
export function number(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
}

/** Seconds for people. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const steps = [[86400, "d"], [3600, "h"], [60, "min"]];
  for (const [length, unit] of steps) if (seconds >= length) return `${(seconds / length).toFixed(1)} ${unit}`;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

/** Seconds between two moments of the service; until now where the second is missing. */
export function between(from, until) {
  return from ? ((until ? new Date(until) : new Date()) - new Date(from)) / 1000 : null;
}

/** Says something in the status line. */
export function say(text, good = false) {
  const notice = document.getElementById("notice");
  notice.textContent = text;
  notice.className = good ? "notice good" : "notice";
}

/** Has a text in the clipboard, and says so. */
export async function copy(text, what) {
  await navigator.clipboard.writeText(text);
  say(`${what} is in the clipboard.`, true);
}

/** A file to save, from a Blob. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
