// One search: what it is about, its figures, its rungs, its trials; live while it runs.

import { download, follow, get, post } from "./api.js";
import * as address from "./address.js";
import { copyMenu, curl, verb } from "./copies.js";
import { between, duration, fill, h, link, number, save, say, state } from "./dom.js";
import { Plot } from "./plot.js";
import { TrialTable } from "./table.js";

const LIVE = new Set(["queued", "running", "paused"]);
const ORDER = ["completed", "stopped", "running", "paused", "pending", "failed", "cancelled"];
const PAUSE_MS = 1500; // between two looks, however much happens meanwhile

const TABS = {
  overview: "Overview",
  rungs: "Rungs",
  parameters: "Parameters",
  gangs: "Gangs",
  spec: "Spec",
};

export async function showSearch(view, id) {
  const path = `/v1/searches/${id}`;
  let search = await get(path);
  document.title = `${search.name} - Rung`;
  const table = new TrialTable(id, search.spec.objective.metric);
  const summary = h("div");
  const panel = h("div", { role: "tabpanel", id: "panel" });
  const stop = new AbortController();
  let shown = { plots: [], refresh: async () => {} };

  const tabs = h("div.tabs", { role: "tablist", "aria-label": "Figures", keydown: arrows }, Object.entries(TABS).map(([key, name]) =>
    h("button", { type: "button", role: "tab", id: `tab-${key}`, "aria-controls": "panel", click: () => open(key) }, name)));

  function arrows(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...tabs.children];
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
  }

  async function open(key) {
    address.write({ tab: key === "overview" ? null : key });
    for (const tab of tabs.children) {
      const isOpen = tab.id === `tab-${key}`;
      tab.setAttribute("aria-selected", isOpen);
      tab.tabIndex = isOpen ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `tab-${key}`);
    for (const plot of shown.plots) plot.close();
    shown = PANELS[key](id, search, table);
    fill(panel, shown.element);
    await refreshPanel();
  }

  async function refreshPanel() {
    await Promise.all([shown.refresh(), ...shown.plots.map((plot) => plot.refresh())]);
  }

  async function refresh() {
    search = await get(path);
    drawSummary();
    await Promise.all([refreshPanel(), table.refresh()]);
  }

  function drawSummary() {
    const open = summary.querySelector("details[open] > summary")?.textContent;
    fill(summary, header(search, act));
    for (const details of summary.querySelectorAll("details"))
      if (details.querySelector("summary").textContent === open) details.open = true;
  }

  async function act(name) {
    if (name === "cancel" && !confirm(`Cancel ${search.name}? Its trials end now.`)) return;
    try {
      search = await post(`${path}/${name}`);
      say(`Asked to ${name} ${search.name}.`, true);
      drawSummary();
    } catch (problem) {
      say(problem.message);
    }
  }

  let due = null;
  let looked = Date.now();
  function news() {
    if (due || stop.signal.aborted) return;
    due = setTimeout(async () => {
      due = null;
      looked = Date.now();
      await refresh().catch((problem) => dispatchIf(problem, stop.signal));
    }, Math.max(250, PAUSE_MS - (Date.now() - looked)));
  }

  drawSummary();
  fill(view, summary, tabs, panel, table.element);
  const wanted = address.read().get("tab");
  await Promise.all([open(wanted in TABS ? wanted : "overview"), table.refresh()]);
  if (LIVE.has(search.state)) follow(id, search.last_seq, news, stop.signal).then(news);
  return () => {
    stop.abort();
    clearTimeout(due);
    for (const plot of shown.plots) plot.close();
  };
}

function dispatchIf(problem, signal) {
  if (signal.aborted) return;
  if (problem.status === 401) dispatchEvent(new CustomEvent("rung-problem", { detail: problem }));
  else say(problem.message);
}

function header(search, act) {
  const { id, best } = search;
  const isLive = LIVE.has(search.state);
  const buttons = isLive
    ? [search.intent === "pause" ? h("button", { type: "button", click: () => act("resume") }, "Resume")
         : h("button", { type: "button", click: () => act("pause") }, "Pause"),
       h("button", { type: "button", disabled: !["run", "pause"].includes(search.intent), click: () => act("stop") }, "Stop"),
       h("button.danger", { type: "button", click: () => act("cancel") }, "Cancel")]
    : [];
  const report = async () => save(...(await download(`/v1/searches/${id}/report`)));
  return [
    h("h1", {}, search.name, " ", state(search.state)),
    h("div.dim", {}, h("span.mono", {}, id), ` · project ${search.project} · ${search.algorithm} on ${search.trainable}`, search.reason ? ` · ${search.reason}` : ""),
    progress(search),
    h("dl.facts", {},
      fact(`best ${best?.metric ?? search.spec.objective.metric}`, best
        ? [number(best.value), " ", link(`/ui/searches/${id}/trials/${best.trial}`, `trial ${best.trial}, epoch ${best.epoch}`)] : "none yet"),
      fact("time", duration(between(search.started_at, search.ended_at)) || "not started"),
      search.likely_start ? fact("likely start", new Date(search.likely_start).toLocaleTimeString())
        : fact("left, about", isLive ? duration(search.seconds_left) || "unknown" : "ended"),
      fact("slots", isLive ? search.slots : "none")),
    h("div.row", {}, buttons,
      best?.checkpoint // a link, so that the browser streams it to the disk, however large
        ? h("a", { href: `/v1/searches/${id}/best/checkpoint`, download: "" }, "Download best checkpoint")
        : h("span.dim", {}, "no checkpoint of the best trial yet"),
      link(`/ui/new?clone=${id}`, "Clone with edits"),
      h("button", { type: "button", click: report }, "Report as HTML"),
      h("span.grow"),
      isLive ? copyMenu(verb(id, "stop"), "Copy stop as") : null,
      isLive ? copyMenu(verb(id, "cancel"), "Copy cancel as") : null,
      copyMenu({
        curl: curl("GET", `/v1/searches/${id}/best/checkpoint`) + " -o best.tar",
        cli: `rung best ${id} --download best`,
        python: `from service.client import Client\n\nwith Client() as client:\n    client.search("${id}").download_best("best")`,
      }, "Copy download as")),
  ];
}

function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function progress(search) {
  const total = search.trials_total || Object.values(search.trials).reduce((a, b) => a + b, 0) || 1;
  const counts = ORDER.filter((name) => search.trials[name]).map((name) => [name, search.trials[name]]);
  const parts = counts.map(([name, num]) => {
    const part = h("span");
    part.style.width = `${(100 * num) / total}%`;
    part.style.background = `var(--${{ pending: "line", cancelled: "quiet" }[name] ?? name})`;
    return part;
  });
  const text = counts.map(([name, num]) => `${num} ${name}`).join(", ") || "no trial yet";
  return h("div", {}, h("div.progress", { role: "img", "aria-label": `Trials: ${text}, of ${total}` }, parts),
    h("div.dim", {}, `${text} · ${total} in the budget`));
}

const PANELS = {
  overview(id) {
    const axis = h("select", { "aria-label": "Axis of the history", change: (e) => {
      address.write({ x: e.target.value === "epochs" ? null : e.target.value });
      history.params = { x: e.target.value };
      history.refresh();
    } }, h("option", { value: "epochs" }, "by epochs"), h("option", { value: "time" }, "by time"));
    axis.value = address.read().get("x") || "epochs";
    const history = new Plot(id, "history", { title: "Best value so far", params: { x: axis.value }, controls: [axis] });
    return panelOf([history, new Plot(id, "curves", { title: "Learning curves" })]);
  },

  rungs(id) {
    const body = h("tbody");
    const made = panelOf([new Plot(id, "rungs", { title: "Values at the rungs" }), new Plot(id, "funnel", { title: "Trials from rung to rung" })]);
    made.element = [made.element, h("h2", {}, "Rungs"), h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table of rungs" }, h("table", {}, h("thead", {}, h("tr", {},
      ["rung", "epoch", "reached", "went on", "stopped", "waiting", "newest cutoff"].map((name) => h("th.num", { scope: "col" }, name)))), body))];
    made.refresh = async () => {
      const rungs = await get(`/v1/searches/${id}/rungs`);
      fill(body, rungs.map((rung, i) => h("tr", {}, [i, rung.epoch, rung.reached, rung.went_on, rung.stopped, rung.waiting, number(rung.cutoff)]
        .map((value) => h("td.num", {}, `${value}`)))), rungs.length ? null : h("tr", {}, h("td", { colspan: 7 }, "No trial has come to a rung.")));
    };
    return made;
  },

  parameters(id, _search, table) {
    const brushed = (points, range, figure) => {
      const axes = figure.layout.meta.axes;
      table.narrow(points && range ? stretches(range, axes) : []);
    };
    return panelOf([
      new Plot(id, "parallel", { title: "Parallel coordinates", size: ".wide", selected: brushed }),
      new Plot(id, "slice", { title: "The objective by parameter", size: ".wide.tall" }),
      new Plot(id, "importance", { title: "Importance of parameters" }),
      new Plot(id, "contour", { title: "The objective over two parameters" }),
    ]);
  },

  gangs(id) {
    return panelOf([new Plot(id, "timeline", { title: "Gangs over time", size: ".wide.tall" })]);
  },

  spec(id, search) {
    const text = JSON.stringify(search.spec, null, 2);
    return { plots: [], refresh: async () => {}, element: [
      h("div.row", {}, copyMenu({
        curl: curl("POST", "/v1/searches", search.spec),
        cli: `rung submit spec.json  # this file:\n${text}`,
        python: `from service.client import Client\n\nwith Client() as client:\n    client.submit(${pythonOf(search.spec)})`,
      }, "Copy submit as"), link(`/ui/new?clone=${id}`, "Clone with edits")),
      h("pre", { tabindex: "0" }, text)] };
  },
};

function panelOf(plots) {
  return { plots, refresh: async () => {}, element: h("div.plots", {}, plots.map((plot) => plot.element)) };
}

/** The axes that a brush covers, as `name:low:high` from 0 to 1. */
function stretches(range, axes) {
  const [left, right] = [...range.x].sort((a, b) => a - b);
  const [low, high] = [...range.y].sort((a, b) => a - b);
  return axes.filter((_, place) => left <= place && place <= right).map((name) => `${name}:${low.toFixed(4)}:${high.toFixed(4)}`);
}

/** JSON as Python writes it. */
function pythonOf(value) {
  return JSON.stringify(value).replace(/"(?:[^"\\]|\\.)*"|true|false|null/g, (word) => ({ true: "True", false: "False", null: "None" })[word] ?? word);
}
