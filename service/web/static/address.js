// The state of the view, in the address: whoever opens the same address sees the same.

/** The parameters of the address. */
export function read() {
  return new URLSearchParams(location.search);
}

/** Sets parameters; null or "" removes one, a list repeats it. The view stays, so no step is added to the history. */
export function write(changes) {
  const params = read();
  for (const [name, value] of Object.entries(changes)) {
    params.delete(name);
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== null && each !== undefined && each !== "") params.append(name, each);
  }
  const text = params.toString();
  history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : ""));
}
