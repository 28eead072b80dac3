// The table of trials: filtered and sorted by the service, a page at a time, so that it bears a hundred thousand.

import { download, get } from "./api.js";
import * as address from "./address.js";
import { copyMenu, curl } from "./copies.js";
import { fill, h, link, number, save, state } from "./dom.js";

const STATES = ["pending", "running", "paused", "completed", "stopped", "failed", "cancelled"];
const FACTS = [["number", "trial"], ["state", "state"], ["value", null], ["best_epoch", "best epoch"], ["epoch", "epoch"], ["attempts", "attempts"]];
const PAGE = 50;

export class TrialTable {
  constructor(search, metric) {
    this.search = search;
    this.metric = metric;
    this.body = h("tbody");
    this.head = h("tr");
    this.note = h("span.dim", { role: "status" });
    this.back = h("button", { type: "button", click: () => this.turn(-1) }, "Previous");
    this.next = h("button", { type: "button", click: () => this.turn(1) }, "Next");
    this.picker = h("div");
    this.brush = h("button", { type: "button", hidden: true, click: () => this.narrow([]) }, "Clear the brush");
    this.filter = h("select", { change: (e) => this.change({ trials: e.target.value }) },
      h("option", { value: "" }, "all"), STATES.map((name) => h("option", { value: name }, name)));
    this.filter.value = address.read().get("trials") || "";
    this.differences = h("input", { type: "checkbox", checked: address.read().get("differ") === "1",
      change: (e) => this.change({ differ: e.target.checked ? "1" : null }) });
    const files = ["csv", "parquet", "json"].map((format) => h("button", { type: "button", click: () => this.file(format) }, format.toUpperCase()));
    this.element = h("section", { "aria-label": "Trials" },
      h("div.row", {}, h("h2", {}, "Trials"), this.note, this.brush, h("span.grow"),
        h("label", {}, "State", this.filter),
        h("label", {}, this.differences, "only differences"),
        h("details.menu", {}, h("summary", {}, "Columns"), this.picker),
        h("details.menu", {}, h("summary", {}, "Save all"), h("div", {}, files)),
        copyMenu({
          curl: curl("GET", `/v1/searches/${search}/trials`),
          cli: `rung trials ${search} -o csv`,
          python: `from service.client import Client\n\nwith Client() as client:\n    client.search("${search}").trials()`,
        })),
      h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table of trials" }, h("table", {}, h("thead", {}, this.head), this.body)),
      h("div.row", {}, this.back, this.next));
  }

  /** Fetches and shows the page that the address asks for. The rows' place on the screen stays. */
  async refresh() {
    const now = address.read();
    const asked = (this.asked = (this.asked || 0) + 1);
    const offset = Number(now.get("from") || 0);
    const within = now.getAll("within");
    const table = await get(`/v1/searches/${this.search}/table`, {
      sort: now.get("sort") || "number", descending: now.get("desc") === "1" ? "true" : null,
      state: now.get("trials"), within, offset, limit: PAGE,
    });
    if (asked !== this.asked) return;
    this.table = table;
    const { items, matched, total, parameters } = table;
    this.brush.hidden = !within.length;
    const range = matched ? `${offset + 1}-${Math.min(offset + PAGE, matched)} of ` : "";
    this.note.textContent = `${range}${matched.toLocaleString("en")}${matched === total ? "" : ` chosen among ${total.toLocaleString("en")}`} trials`;
    this.back.disabled = offset === 0;
    this.next.disabled = offset + PAGE >= matched;
    const columns = this.columns(parameters, items);
    fill(this.picker, [...FACTS.map(([key]) => key), ...parameters, "reason"].map((key) =>
      h("label", {}, h("input", { type: "checkbox", checked: !this.hidden().has(key), change: (e) => this.pick(key, e.target.checked) }), key)));
    fill(this.head, columns.map(([key, label]) => this.headCell(key, label, now)));
    fill(this.body, items.map((trial) => h("tr", {}, columns.map(([key]) => this.cell(trial, key)))));
  }

  columns(parameters, items) {
    const hidden = this.hidden();
    const differ = address.read().get("differ") === "1";
    const varies = (name) => new Set(items.map((trial) => JSON.stringify(trial.config[name]))).size > 1;
    return [
      ...FACTS.map(([key, label]) => [key, label ?? this.metric]),
      ...parameters.filter((name) => !differ || varies(name)).map((name) => [name, name]),
      ["reason", "why"],
    ].filter(([key]) => !hidden.has(key));
  }

  headCell(key, label, now) {
    if (key === "reason") return h("th", { scope: "col" }, label);
    const sorted = (now.get("sort") || "number") === key;
    const turn = () => this.change({ sort: key, desc: sorted && now.get("desc") !== "1" ? "1" : null });
    const isNumber = this.table.items.some((trial) => typeof (trial[key] ?? trial.config[key]) === "number");
    return h(isNumber ? "th.num" : "th", { scope: "col", "aria-sort": sorted ? (now.get("desc") === "1" ? "descending" : "ascending") : "none" },
      h("button", { type: "button", click: turn }, label, sorted ? (now.get("desc") === "1" ? " ▾" : " ▴") : ""));
  }

  cell(trial, key) {
    if (key === "number") return h("td", {}, link(`/ui/searches/${this.search}/trials/${trial.number}`, `${trial.number}`));
    if (key === "state") return h("td", {}, state(trial.state));
    if (key === "reason") return h("td.text", {}, trial.reason);
    const value = FACTS.some(([name]) => name === key) ? trial[key] : trial.config[key];
    return h(typeof value === "number" ? "td.num" : "td", {}, number(value));
  }

  hidden() {
    return new Set((address.read().get("hide") || "attempts").split(","));
  }

  pick(key, isShown) {
    const hidden = this.hidden();
    hidden[isShown ? "delete" : "add"](key);
    address.write({ hide: [...hidden].join(",") || "none" });
    this.refresh();
  }

  /** Limits the table to stretches of axes, `name:low:high` each. */
  narrow(within) {
    this.change({ within });
  }

  change(changes) {
    address.write({ ...changes, from: null });
    return this.refresh();
  }

  turn(by) {
    address.write({ from: Math.max(0, Number(address.read().get("from") || 0) + by * PAGE) || null });
    this.refresh();
  }

  async file(format) {
    save(...(await download(`/v1/searches/${this.search}/export`, { format })));
  }
}
