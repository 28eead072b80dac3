// A figure of the service in the page: drawn by plotly.js, kept as it was looked at, saved as picture or data.

import { get, query } from "./api.js";
import * as address from "./address.js";
import { curl } from "./copies.js";
import { copy, h, save, say } from "./dom.js";
import { theme } from "./theme.js";

let loading = null;

/** plotly.js, fetched once. */
function plotly() {
  loading ||= new Promise((resolve, reject) => {
    const script = h("script", { src: "/ui/static/plotly.js", load: () => resolve(window.Plotly), error: reject });
    document.head.append(script);
  });
  return loading;
}

/** One figure of a search, with what can be done with it. */
export class Plot {
  /** `params` are the figure's own options; `selected(points)` is called when points are brushed, null when not any more. */
  constructor(search, name, { title, params = {}, size = "", controls = [], selected = null } = {}) {
    this.path = `/v1/searches/${search}/figures/${name}`;
    this.search = search;
    this.name = name;
    this.params = params;
    this.selected = selected;
    this.canvas = h("div.canvas");
    const button = (text, label, act) => h("button", { type: "button", "aria-label": `${label} of ${title}`, click: act }, text);
    this.note = h("span.dim.grow");
    this.element = h(`figure.plot${size}`, { "aria-label": title, id: `figure-${name}` }, this.canvas,
      h("figcaption", {}, this.note, controls,
        button("PNG", "Save a PNG", () => this.picture("png")),
        button("SVG", "Save an SVG", () => this.picture("svg")),
        button("JSON", "Save the data", () => this.data()),
        button("curl", "Copy the request", () => copy(curl("GET", this.path + query(this.params)), "The request")),
        button("Python", "Copy Python", () => copy(this.python(), "The code"))));
  }

  python() {
    const options = Object.entries(this.params).map(([name, value]) => `, ${name}=${JSON.stringify(value)}`).join("");
    return `from service.client import Client\n\nwith Client() as client:\n    client.search("${this.search}").figure("${this.name}"${options}).show()`;
  }

  /** Draws it anew; zoom, selection and hidden traces stay. */
  async refresh() {
    const asked = (this.asked = (this.asked || 0) + 1);
    const [library, figure] = await Promise.all([plotly(), get(this.path, { ...this.params, theme: theme() })]);
    if (asked !== this.asked || !this.element.isConnected) return;
    const isFirst = !this.figure;
    this.figure = figure;
    // The note wraps in the page, which the subtitle of a picture cannot.
    this.note.textContent = figure.layout.title.subtitle.text;
    const layout = { ...figure.layout, autosize: true, title: { ...figure.layout.title, subtitle: undefined }, margin: { ...figure.layout.margin, t: 64 } };
    if (isFirst) this.zoom(layout);
    await library.react(this.canvas, figure.data, layout, {
      responsive: true, displaylogo: false, modeBarButtonsToRemove: ["toImage", "lasso2d"],
    });
    if (isFirst) this.listen();
  }

  /** Applies the zoom that the address remembers. */
  zoom(layout) {
    const kept = address.read().getAll("zoom").find((each) => each.startsWith(`${this.name}:`));
    if (!kept) return;
    for (const part of kept.slice(this.name.length + 1).split(";")) {
      const [axis, low, high] = part.split("~");
      if (layout[axis]) Object.assign(layout[axis], { range: [Number(low), Number(high)], autorange: false });
    }
  }

  listen() {
    this.canvas.on("plotly_relayout", (change) => {
      const ranges = {};
      for (const [key, value] of Object.entries(change)) {
        const match = /^([xy]axis\d*)\.range(\[(\d)\])?$/.exec(key);
        if (match && match[2]) (ranges[match[1]] ||= [])[Number(match[3])] = value;
        else if (match) ranges[match[1]] = value;
      }
      const isReset = Object.keys(change).some((key) => key.endsWith(".autorange"));
      if (!isReset && !Object.keys(ranges).length) return;
      const others = address.read().getAll("zoom").filter((each) => !each.startsWith(`${this.name}:`));
      const parts = Object.entries(ranges).map(([axis, [low, high]]) => `${axis}~${Number(low).toPrecision(6)}~${Number(high).toPrecision(6)}`);
      address.write({ zoom: isReset ? others : [...others, `${this.name}:${parts.join(";")}`] });
    });
    if (!this.selected) return;
    this.canvas.on("plotly_selected", (event) => this.selected(event ? event.points : null, event?.range, this.figure));
    this.canvas.on("plotly_deselect", () => this.selected(null, null, this.figure));
  }

  async picture(format) {
    const library = await plotly();
    const uri = await library.toImage(
      { data: this.canvas.data, layout: { ...this.canvas.layout, title: this.figure.layout.title } }, { format, width: 1100, height: 620 });
    const blob = await (format === "svg"
      ? new Blob([decodeURIComponent(uri.slice(uri.indexOf(",") + 1))], { type: "image/svg+xml" })
      : asBlob(uri));
    save(blob, `${this.search}-${this.name}.${format}`);
    say(`${this.name}.${format} was saved.`, true);
  }

  data() {
    save(new Blob([JSON.stringify(this.figure)], { type: "application/json" }), `${this.search}-${this.name}.json`);
  }

  /** Lets go of what plotly.js holds. */
  close() {
    if (window.Plotly) window.Plotly.purge(this.canvas);
  }
}

function asBlob(uri) {
  const bytes = Uint8Array.from(atob(uri.slice(uri.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}
