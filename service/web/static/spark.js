// The best value so far as a line of a few pixels.

const SVG = "http://www.w3.org/2000/svg";

/** A sparkline of the figure `history`. */
export function spark(figure) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 110 26");
  svg.setAttribute("role", "img");
  const trace = figure.data.at(-1);
  if (!trace || trace.x.length < 2) {
    svg.setAttribute("aria-label", "no course yet");
    return svg;
  }
  svg.setAttribute("aria-label", `best from ${trace.y[0].toPrecision(4)} to ${trace.y.at(-1).toPrecision(4)}`);
  const [low, high] = [Math.min(...trace.y), Math.max(...trace.y)];
  const wide = trace.x.at(-1) - trace.x[0] || 1;
  const place = (i) => [2 + (106 * (trace.x[i] - trace.x[0])) / wide, 23 - (20 * (trace.y[i] - low)) / (high - low || 1)];
  const points = [];
  trace.x.forEach((_, i) => {
    const [x, y] = place(i);
    if (points.length) points.push(`${x.toFixed(1)},${points.at(-1).split(",")[1]}`);
    points.push(`${x.toFixed(1)},${y.toFixed(1)}`);
  });
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  return svg;
}
