// All searches: where they stand, why they wait, what they have found; live, filtered, sorted, chosen for comparison.

import { get } from "./api.js";
import * as address from "./address.js";
import { between, duration, fill, h, link, number, say, state } from "./dom.js";
import { go } from "./main.js";
import { spark } from "./spark.js";

const STATES = ["queued", "running", "paused", "completed", "failed", "cancelled"];
const EVERY_MS = 3000;
const ENDED = new Set(["completed", "stopped", "failed", "cancelled"]);

const COLUMNS = [
  ["name", "name", (s) => s.name],
  ["state", "state", (s) => s.state],
  ["progress", "trials", (s) => ended(s) / (s.trials_total || 1)],
  ["best", "best", (s) => s.best?.value],
  ["course", "course", null],
  ["project", "project", (s) => s.project],
  ["created", "age", (s) => s.created_at],
  ["reason", "why", null],
];

const ended = (search) => Object.entries(search.trials).reduce((n, [name, num]) => n + (ENDED.has(name) ? num : 0), 0);

export async function showSearches(view) {
  const chosen = new Set();
  const sparks = new Map();
  let items = [];
  let cursor = null;
  const params = address.read();
  const body = h("tbody");
  const more = h("button", { type: "button", hidden: true, click: () => load(true) }, "Show more");
  const compare = h("button", { type: "button", disabled: true, click: () => go(`/ui/compare?${[...chosen].map((id) => `search=${id}`).join("&")}`) }, "Compare");
  const filterState = h("select", { change: (e) => { address.write({ state: e.target.value }); load(); } },
    h("option", { value: "" }, "all"), STATES.map((name) => h("option", { value: name }, name)));
  filterState.value = params.get("state") || "";
  const filterName = h("input", { type: "search", value: params.get("q") || "", input: (e) => { address.write({ q: e.target.value }); draw(); } });
  const heads = COLUMNS.map(([key, label, by]) => h("th", { scope: "col", "data-key": key },
    by ? h("button", { type: "button", click: () => sortBy(key) }, label) : label));

  function sortBy(key) {
    const now = address.read();
    address.write({ sort: key, desc: now.get("sort") === key && !now.get("desc") ? "1" : null });
    draw();
  }

  async function load(further = false) {
    const page = await get("/v1/searches", { state: address.read().get("state"), limit: 50, cursor: further ? cursor : null });
    items = further ? [...items, ...page.items] : page.items;
    cursor = page.next_cursor;
    more.hidden = !cursor;
    draw();
    for (const search of items) course(search);
  }

  async function course(search) {
    const known = sparks.get(search.id);
    if (!search.best || known?.seq === search.last_seq) return;
    sparks.set(search.id, { seq: search.last_seq, svg: known?.svg });
    const figure = await get(`/v1/searches/${search.id}/figures/history`).catch(() => null);
    if (!figure) return;
    sparks.get(search.id).svg = spark(figure);
    document.getElementById(`course-${search.id}`)?.replaceChildren(sparks.get(search.id).svg);
  }

  function draw() {
    const now = address.read();
    const wanted = (now.get("q") || "").toLowerCase();
    const by = COLUMNS.find(([key]) => key === now.get("sort"))?.[2];
    const shown = items.filter((s) => `${s.name} ${s.id} ${s.trainable}`.toLowerCase().includes(wanted));
    if (by) shown.sort((a, b) => (by(a) > by(b) ? 1 : by(a) < by(b) ? -1 : 0) * (now.get("desc") ? -1 : 1));
    for (const head of heads) {
      const sorted = by && head.dataset.key === now.get("sort");
      head.setAttribute("aria-sort", sorted ? (now.get("desc") ? "descending" : "ascending") : "none");
    }
    fill(body, shown.map(row), shown.length ? null : h("tr", {}, h("td", { colspan: COLUMNS.length + 1 },
      items.length ? "No search has this name." : ["There is no search yet. ", link("/ui/new", "Submit one"), "."])));
  }

  function row(search) {
    const tick = h("input", { type: "checkbox", "aria-label": `compare ${search.name} ${search.id}`, checked: chosen.has(search.id),
      change: (e) => { chosen[e.target.checked ? "add" : "delete"](search.id); compare.disabled = chosen.size < 2; } });
    const total = search.trials_total ?? "?";
    return h("tr", {},
      h("td", {}, tick),
      h("td", {}, link(`/ui/searches/${search.id}`, search.name), h("div.dim.mono", {}, search.id)),
      h("td", {}, state(search.state)),
      h("td", {}, `${ended(search)} of ${total}`),
      h("td.num", {}, search.best ? `${search.best.metric} ${number(search.best.value)}` : ""),
      h("td", { id: `course-${search.id}` }, sparks.get(search.id)?.svg),
      h("td", {}, search.project, search.spec.tags?.owner ? h("div.dim", {}, search.spec.tags.owner) : null),
      h("td", {}, duration(between(search.created_at, search.ended_at))),
      h("td.text", {}, search.reason));
  }

  fill(view, h("h1", {}, "Searches"),
    h("div.row", {}, h("label", {}, "State", filterState), h("label", {}, "Name", filterName), compare,
      h("span.grow"), h("a", { href: "/ui/new", "data-link": "" }, "New search")),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Searches" },
      h("table", {}, h("thead", {}, h("tr", {}, h("td"), heads)), body)),
    h("div.row", {}, more));
  await load();
  const timer = setInterval(() => {
    if (!document.hidden) load().catch((problem) => problem.status === 401
      ? dispatchEvent(new CustomEvent("rung-problem", { detail: problem })) : say(problem.message));
  }, EVERY_MS);
  return () => clearInterval(timer);
}
