// Talking to the service: every answer is JSON or a problem with the path of each fault; events outlive a lost connection.

// Who is logged in. The cookie that proves it is out of reach for scripts; this is what writes must bring besides.
let session = null;

/** The session of this browser, asked for once; null where nobody is logged in. */
export async function who() {
  session ??= await get("/v1/session").catch((problem) => {
    if (problem.status !== 401) throw problem;
    return null;
  });
  return session;
}

/** Opens a session with a key, which is not kept. */
export async function logIn(key) {
  session = await (await request("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${key}` } })).json();
}

/** Ends the session, here and at the service. */
export async function logOut() {
  await request("/v1/session", { method: "DELETE" }).catch(() => {});
  session = null;
}

/** Forgets a session that the service does not know any more. */
export function forget() {
  session = null;
}

/** What the service answered instead of what was asked for. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.errors = body.errors || [];
  }
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (session?.csrf && options.method) headers["X-Rung-CSRF"] = session.csrf;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The service does not answer." });
  }
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
  return response;
}

export async function get(path, params = {}) {
  return (await request(path + query(params))).json();
}

export async function post(path, body, contentType = "application/json", headers = {}) {
  const options = { method: "POST", headers: { ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] = contentType;
    options.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  return (await request(path, options)).json();
}

/** A file as a Blob, with the name that the service gives it. */
export async function download(path, params = {}) {
  const response = await request(path + query(params));
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") || "");
  return [await response.blob(), name ? name[1] : "download"];
}

/** `?a=1&b=2`; lists repeat their name, and what is empty is left out. */
export function query(params) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params))
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== null && each !== undefined && each !== "") search.append(name, each);
  const text = search.toString();
  return text ? `?${text}` : "";
}

/** Calls `heard(event)` for each event after `after`, until the search has ended or `signal` aborts. */
export async function follow(search, after, heard, signal) {
  let last = after;
  while (!signal.aborted) {
    try {
      const headers = { "Last-Event-ID": String(last) };
      const response = await request(`/v1/searches/${search}/events`, { headers, signal });
      for await (const event of frames(response.body)) {
        last = event.seq;
        heard(event);
      }
      return;
    } catch (problem) {
      if (signal.aborted || problem.status === 401 || problem.status === 404) return;
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}
