// Every action as it would be typed: curl, the command line, Python.

import { copy, h } from "./dom.js";

/** A menu with the same action in three languages. `texts` is {curl, cli, python}. */
export function copyMenu(texts, label = "Copy as") {
  const names = { curl: "curl", cli: "command line", python: "Python" };
  const items = Object.entries(names).map(([key, name]) =>
    h("button", { type: "button", click: () => copy(texts[key], `The action for ${name}`) }, name));
  return h("details.menu", {}, h("summary", {}, label), h("div", {}, items));
}

/** A call as curl would make it; the token is the reader's to fill in. */
export function curl(method, path, body = null) {
  const parts = [`curl -X ${method} '${location.origin}${path}'`, `-H "Authorization: Bearer $RUNG_TOKEN"`];
  if (body !== null) parts.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`);
  return parts.join(" ");
}

/** The three texts of a verb on a search. */
export function verb(search, name) {
  return {
    curl: curl("POST", `/v1/searches/${search}/${name}`),
    cli: `rung ${name} ${search}`,
    python: `from service.client import Client\n\nwith Client() as client:\n    client.search("${search}").${name}()`,
  };
}
