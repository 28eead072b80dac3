// A new search: the usual fields as a form, the whole spec as text; faults stand at the field, the forecast before the price.

import { get, post } from "./api.js";
import * as address from "./address.js";
import { copyMenu, curl } from "./copies.js";
import { fill, h, say } from "./dom.js";
import { go } from "./main.js";

const FIELDS = [
  ["name", "Name", "text"],
  ["trainable", "Trainable", "select"],
  ["algorithm.name", "Algorithm", "select"],
  ["objective.metric", "Metric", "text"],
  ["objective.mode", "Mode", ["", "min", "max"]],
  ["budget.trials", "Trials", "number"],
  ["budget.epochs", "Epochs of a trial", "number"],
  ["budget.seconds", "Seconds at most", "number"],
  ["parallelism", "Trials at once", "number"],
  ["resources.workers", "Processes of a gang", "number"],
  ["resources.gpus_per_worker", "GPUs of a process", "number"],
  ["seed", "Seed", "number"],
];

export async function showNew(view) {
  const [trainables, algorithms] = await Promise.all([get("/v1/trainables"), get("/v1/algorithms")]);
  const clone = address.read().get("clone");
  let spec = clone ? forClone((await get(`/v1/searches/${clone}`)).spec) : { trainable: trainables.find((t) => !t.error)?.name, algorithm: { name: "asha" } };
  let isYaml = false;

  const text = h("textarea", { id: "spec", rows: "18", spellcheck: "false", input: fromText });
  const faults = h("div", { id: "faults", role: "alert" });
  const forecast = h("div", { id: "forecast", role: "status" });
  const copies = h("span");
  const inputs = new Map(FIELDS.map(([path, label, kind]) => [path, field(path, label, kind)]));

  function field(path, label, kind) {
    const options = { trainable: trainables.map((t) => [t.name, t.error ? `${t.name} (cannot be loaded)` : t.name]),
      "algorithm.name": [["", "as in the spec"], ...algorithms.map((a) => [a.name, a.name])] }[path]
      ?? (Array.isArray(kind) ? kind.map((name) => [name, name || "the trainable's"]) : null);
    const attributes = { id: `field-${path}`, change: fromField };
    const input = options
      ? h("select", attributes, options.map(([value, name]) => h("option", { value }, name)))
      : h("input", { ...attributes, type: kind, step: "any", placeholder: "default" });
    const fault = h("span.fault", { id: `fault-${path}` });
    input.setAttribute("aria-describedby", fault.id);
    return { input, fault, kind, element: h("div.field", {}, h("label", { for: input.id }, label), input, fault) };
  }

  function fromField() {
    for (const [path, { input, kind }] of inputs) {
      const value = input.value === "" ? undefined : kind === "number" ? Number(input.value) : input.value;
      if (path === "algorithm.name" && value === undefined) continue;
      if (path === "algorithm.name" && read(spec, path) !== value) spec.algorithm = { name: value };
      else if (path !== "algorithm.name") write(spec, path, value);
    }
    text.value = JSON.stringify(spec, null, 2);
    isYaml = false;
    drawCopies();
  }

  function fromText() {
    try {
      spec = JSON.parse(text.value);
      isYaml = false;
      drawFields();
    } catch {
      isYaml = true; // the service reads it; the form cannot follow
    }
    drawCopies();
  }

  function drawFields() {
    for (const [path, { input }] of inputs) input.value = read(spec, path) ?? "";
  }

  function drawCopies() {
    fill(copies, isYaml ? null : copyMenu({
      curl: curl("POST", "/v1/searches", spec),
      cli: "rung submit spec.json",
      python: `from service.client import Client\n\nwith Client() as client:\n    client.submit(${JSON.stringify(spec)})`,
    }, "Copy submit as"));
  }

  function show(problem) {
    for (const { input, fault } of inputs.values()) {
      input.removeAttribute("aria-invalid");
      fault.textContent = "";
    }
    const rest = [];
    for (const { path, message } of problem?.errors ?? []) {
      const at = inputs.get(path);
      if (at) {
        at.input.setAttribute("aria-invalid", "true");
        at.fault.textContent = message;
      } else rest.push(`${path}: ${message}`);
    }
    if (problem && !problem.errors.length) rest.push(problem.message);
    fill(faults, rest.map((line) => h("p.fault", {}, line)));
  }

  const body = () => [text.value, isYaml ? "application/yaml" : "application/json"];

  async function check() {
    try {
      const view = await post("/v1/searches:validate", ...body());
      show(null);
      fill(forecast, ...priced(view));
    } catch (problem) {
      fill(forecast);
      show(problem);
    }
  }

  async function submit(event) {
    event.preventDefault();
    try {
      const search = await post("/v1/searches", ...body(), { "Idempotency-Key": key });
      go(`/ui/searches/${search.id}`);
    } catch (problem) {
      show(problem);
      say("Nothing was submitted: see the faults.");
      if (problem.status >= 400 && problem.status < 500) key = newKey();
    }
  }
  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  let key = newKey();

  text.value = JSON.stringify(spec, null, 2);
  drawFields();
  drawCopies();
  fill(view, h("h1", {}, clone ? `New search after ${clone}` : "New search"),
    h("form.sheet", { submit, novalidate: "" },
      h("div.fields", {}, [...inputs.values()].map((each) => each.element)),
      h("label", { for: "spec" }, h("span", {}, "The whole spec, JSON or YAML: paste one here. What is left out is the trainable's, or a default."), text),
      faults,
      h("div.row", {}, h("button", { type: "button", click: check }, "Check and forecast"), h("button.main", { type: "submit" }, "Submit"), copies),
      forecast));
}

function priced(view) {
  const f = view.forecast;
  const lines = [
    `${f.trials} trials and ${f.epochs.toLocaleString("en")} epochs, if the curves keep their order from the first epoch on; from ${f.least_epochs.toLocaleString("en")} to ${f.most_epochs.toLocaleString("en")} otherwise.`,
    `On ${view.slots} slots that takes as long as ${Math.round(f.wall_epochs).toLocaleString("en")} epochs one after another.`,
    view.grid_size === null ? "The space holds endlessly many configurations." : `The space holds ${view.grid_size.toLocaleString("en")} configurations.`,
  ];
  return [h("h2", {}, "Forecast"), ...lines.map((line) => h("p", {}, line)),
    h("p", {}, "Tried first:"), h("pre", { tabindex: "0" }, view.first_proposals.map((p) => JSON.stringify(p.config)).join("\n"))];
}

/** The spec of another search, to be edited: what was its own alone is left out. */
function forClone(spec) {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== null));
}

function read(spec, path) {
  return path.split(".").reduce((at, key) => at?.[key], spec);
}

function write(spec, path, value) {
  const keys = path.split(".");
  const last = keys.pop();
  let at = spec;
  for (const key of keys) {
    if (at[key] === null || typeof at[key] !== "object") {
      if (value === undefined) return;
      at[key] = {};
    }
    at = at[key];
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
}
