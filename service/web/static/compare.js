// Several searches side by side: their facts, and where their specs differ.

import { get } from "./api.js";
import * as address from "./address.js";
import { between, duration, fill, h, link, number, state } from "./dom.js";
import { spark } from "./spark.js";

export async function showCompare(view) {
  const ids = address.read().getAll("search");
  const searches = await Promise.all(ids.map((id) => get(`/v1/searches/${id}`)));
  const courses = await Promise.all(ids.map((id) => get(`/v1/searches/${id}/figures/history`)));
  const flat = searches.map((search) => Object.fromEntries(leaves(search.spec, "")));
  const keys = [...new Set(flat.flatMap(Object.keys))].filter((key) => new Set(flat.map((spec) => spec[key])).size > 1);
  const line = (name, cells) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((cell) => h("td.text", {}, cell)));
  fill(view, h("h1", {}, "Compare"),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Comparison" }, h("table", {},
      h("thead", {}, h("tr", {}, h("td"), searches.map((s) => h("th", { scope: "col" }, link(`/ui/searches/${s.id}`, s.name))))),
      h("tbody", {},
        line("state", searches.map((s) => state(s.state))),
        line("best", searches.map((s) => (s.best ? `${s.best.metric} ${number(s.best.value)}` : "none"))),
        line("course", courses.map(spark)),
        line("time", searches.map((s) => duration(between(s.started_at, s.ended_at)))),
        line("best configuration", searches.map((s) => (s.best ? JSON.stringify(s.best.config) : ""))),
        keys.map((key) => line(key, flat.map((spec) => spec[key] ?? "")))))),
    h("p.dim", {}, `${keys.length} fields of the specs differ; those that are alike are left out.`));
}

function* leaves(value, path) {
  if (value !== null && typeof value === "object" && !Array.isArray(value))
    for (const [key, child] of Object.entries(value)) yield* leaves(child, path ? `${path}.${key}` : key);
  else yield [path, JSON.stringify(value)];
}
