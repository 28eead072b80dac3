// Which view is shown: one for each form of address under /ui/. A view is a function that fills the page and may give back
// what ends it.

import { forget, logOut, who } from "./api.js";
import { fill, h, say } from "./dom.js";
import { initTheme } from "./theme.js";
import { showLogin } from "./login.js";
import { showSearches } from "./searches.js";
import { showSearch } from "./search.js";
import { showTrial } from "./trial.js";
import { showCluster } from "./cluster.js";
import { showNew } from "./new.js";
import { showCompare } from "./compare.js";

const VIEWS = [
  [/^\/ui\/$/, showSearches, "Searches"],
  [/^\/ui\/searches\/([^/]+)$/, showSearch, "Search"],
  [/^\/ui\/searches\/([^/]+)\/trials\/(\d+)$/, showTrial, "Trial"],
  [/^\/ui\/cluster$/, showCluster, "Cluster"],
  [/^\/ui\/new$/, showNew, "New search"],
  [/^\/ui\/compare$/, showCompare, "Compare"],
];

const view = document.getElementById("view");
let end = () => {};
let turn = 0;

/** Shows the view of the present address. */
async function show() {
  end();
  end = () => {};
  say("");
  const mine = ++turn;
  for (const item of document.querySelectorAll(".bar nav a"))
    if (item.getAttribute("href") === location.pathname) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  const session = await who().catch((problem) => fail(problem) ?? null);
  if (mine !== turn) return;
  document.getElementById("logout").hidden = !session;
  if (!session) {
    document.title = "Log in - Rung";
    showLogin(view, show);
    return;
  }
  const found = VIEWS.map(([form, make, title]) => [form.exec(location.pathname), make, title]).find(([match]) => match);
  if (!found) {
    fill(view, h("h1", {}, "Nothing is here"), h("p", {}, `${location.pathname} is no address of this page.`));
    return;
  }
  const [match, make, title] = found;
  document.title = `${title} - Rung`;
  fill(view, h("p", { role: "status" }, "Loading…"));
  try {
    const ended = await make(view, ...match.slice(1).map(decodeURIComponent));
    if (mine === turn) end = ended || end;
    else if (ended) ended();
  } catch (problem) {
    if (mine === turn) fail(problem);
  }
}

function fail(problem) {
  if (problem.status === 401) {
    forget();
    show().then(() => say("The session has ended: log in."));
    return;
  }
  fill(view, h("h1", {}, "That did not work"), h("p.fault", {}, problem.message));
  if (problem.status === undefined) throw problem;
}

/** Goes to an address of the page. */
export function go(href) {
  history.pushState(null, "", href);
  show();
  view.focus();
  scrollTo(0, 0);
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a[data-link]");
  if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(anchor.href);
});
addEventListener("popstate", show);
addEventListener("rung-problem", (event) => fail(event.detail));
document.getElementById("logout").addEventListener("click", async () => {
  await logOut();
  go("/ui/");
});
initTheme(show);
show();
