// One trial: what it was given and why, its curves, every decision about it, its attempts, what they cost.

import { follow, get } from "./api.js";
import { curl, copyMenu } from "./copies.js";
import { between, duration, fill, h, link, number, say, state } from "./dom.js";
import { Plot } from "./plot.js";

const LIVE = new Set(["pending", "running", "paused"]);
const PAUSE_MS = 1500;

export async function showTrial(view, id, text) {
  const path = `/v1/searches/${id}/trials/${text}`;
  const plot = new Plot(id, "trial", { title: `Reports of trial ${text}`, size: ".wide.tall", params: { trial: Number(text) } });
  const top = h("div");
  const below = h("div");
  const stop = new AbortController();
  document.title = `Trial ${text} - Rung`;
  fill(view, top, plot.element, below);

  async function refresh() {
    const [trial, verdicts] = await Promise.all([get(path), get(`${path}/verdicts`)]);
    fill(top, header(id, trial));
    fill(below, configuration(trial), decisions(trial, verdicts), attempts(trial));
    await plot.refresh();
    return trial;
  }

  const trial = await refresh();
  let due = null;
  const news = (event) => {
    if (event && event.trial !== trial.number) return;
    due ||= setTimeout(() => {
      due = null;
      refresh().catch((problem) => stop.signal.aborted || say(problem.message));
    }, PAUSE_MS);
  };
  if (LIVE.has(trial.state)) get(`/v1/searches/${id}`).then((search) => follow(id, search.last_seq, news, stop.signal));
  return () => {
    stop.abort();
    clearTimeout(due);
    plot.close();
  };
}

function header(id, trial) {
  const step = (number, name) => (number < 0 ? null : link(`/ui/searches/${id}/trials/${number}`, name));
  return [
    h("div.row", {}, link(`/ui/searches/${id}`, `Search ${id}`), step(trial.number - 1, "previous trial"), step(trial.number + 1, "next trial"), h("span.grow"),
      copyMenu({
        curl: curl("GET", `/v1/searches/${id}/trials/${trial.number}`),
        cli: `rung trials ${id} -o json`,
        python: `from service.client import Client\n\nwith Client() as client:\n    client.search("${id}").trial(${trial.number})`,
      })),
    h("h1", {}, `Trial ${trial.number} `, state(trial.state)),
    h("p", { id: "reason" }, trial.reason),
    h("dl.facts", {}, [["value", number(trial.value) || "none yet"], ["best epoch", trial.best_epoch ?? "none yet"], ["epochs", trial.epoch],
      ["attempts", trial.attempts], ["time", duration(between(trial.started_at, trial.ended_at)) || "not started"]]
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, `${value}`)))),
  ];
}

function configuration(trial) {
  const origin = trial.origin;
  const data = Object.entries(origin.data || {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
  return h("section", {}, h("h2", {}, "Configuration"),
    h("p", {}, h("strong", {}, origin.kind || ""), ` ${origin.text || ""}`, data ? h("span.dim", {}, ` (${data})`) : null),
    table("Configuration", ["parameter", "value"], Object.entries(trial.config).map(([name, value]) => [name, number(value)])));
}

function decisions(trial, verdicts) {
  return h("section", {}, h("h2", {}, "Decisions"),
    table("Decisions", ["rung", "epoch", "verdict", "value", "cutoff", "rank", "reason"], verdicts.map((v) =>
      [v.rung, v.epoch ?? "", v.kind, number(v.value), number(v.cutoff), v.rank === null ? "" : `${v.rank} of ${v.among}`, v.reason]), "No rung has decided about it."));
}

function attempts(trial) {
  return h("section", {}, h("h2", {}, "Attempts"),
    table("Attempts", ["attempt", "from epoch", "gang", "processes", "outcome", "time", "reason"], trial.history.map((a) =>
      [a.number, a.start_epoch, a.gang ?? "", a.pids.join(" "), a.outcome ?? "running", duration(between(a.started_at, a.ended_at)), a.reason]), "It has not begun."));
}

function table(label, names, rows, otherwise = "") {
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": label }, h("table", {},
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, i) => h(names[i] === "reason" ? "td.text" : "td", {}, `${value}`)))),
      rows.length || !otherwise ? null : h("tr", {}, h("td", { colspan: names.length }, otherwise)))));
}
