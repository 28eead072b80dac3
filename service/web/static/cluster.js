// The cluster: what there is, who holds it, who waits for it.

import { get } from "./api.js";
import { fill, h, link, say, state } from "./dom.js";

const EVERY_MS = 3000;

export async function showCluster(view) {
  async function refresh() {
    const cluster = await get("/v1/cluster");
    const cpus = cluster.nodes.reduce((sum, node) => sum + node.cpus, 0);
    const gpus = cluster.nodes.reduce((sum, node) => sum + node.gpus, 0);
    fill(view, h("h1", {}, "Cluster"),
      h("dl.facts", {}, [["nodes", cluster.nodes.length], ["CPUs", cpus], ["GPUs", gpus],
        ["searches that hold slots", cluster.searches.filter((s) => s.slots).length], ["trials that run", cluster.searches.reduce((n, s) => n + s.running, 0)]]
        .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, `${value}`)))),
      h("h2", {}, "Who holds what"),
      table("Searches", ["search", "state", "slots", "running trials", "priority", "weight", "processes of a gang", "why"], cluster.searches.map((s) =>
        [link(`/ui/searches/${s.id}`, s.name), state(s.state), s.slots, s.running, s.priority, s.weight, `${s.workers} × ${s.cpus_per_worker} CPU, ${s.gpus_per_worker} GPU`, s.reason]),
        "No search is queued, running or paused."),
      h("h2", {}, "Nodes"),
      table("Nodes", ["node", "CPUs", "GPUs"], cluster.nodes.map((node, i) => [i, node.cpus, node.gpus]), "Ray does not answer."),
      h("p.dim", {}, "What runs on which node is in the Ray dashboard; `rung up` printed its address."));
  }
  await refresh();
  const timer = setInterval(() => document.hidden || refresh().catch((problem) => say(problem.message)), EVERY_MS);
  return () => clearInterval(timer);
}

function table(label, names, rows, otherwise) {
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": label }, h("table", {},
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, typeof value === "number" ? `${value}` : value)))),
      rows.length ? null : h("tr", {}, h("td", { colspan: names.length }, otherwise)))));
}
