// Light or dark: as the system says, until a person chooses.

const KEY = "rung-theme";

/** The theme at present. */
export function theme() {
  return document.documentElement.dataset.theme;
}

/** Sets the theme and its button; calls `changed` after each choice. */
export function initTheme(changed) {
  const button = document.getElementById("theme");
  const set = (name) => {
    document.documentElement.dataset.theme = name;
    button.textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Use the ${name === "dark" ? "light" : "dark"} theme`);
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  set(localStorage.getItem(KEY) || (dark ? "dark" : "light"));
  button.addEventListener("click", () => {
    set(theme() === "dark" ? "light" : "dark");
    localStorage.setItem(KEY, theme());
    changed();
  });
}
