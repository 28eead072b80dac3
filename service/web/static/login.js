// The door: asks for the token, and tries it before it is kept.

import { get, token } from "./api.js";
import { fill, h, say } from "./dom.js";

export function showLogin(view, done) {
  const field = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const enter = async (event) => {
    event.preventDefault();
    token.set(field.value.trim());
    try {
      await get("/v1/searches", { limit: 1 });
      done();
    } catch (problem) {
      token.clear();
      say(problem.status === 401 ? "That is not the token of this service." : problem.message);
      field.focus();
    }
  };
  fill(
    view,
    h("h1", {}, "Log in"),
    h("p.dim", {}, "The token is what `rung up` showed, and in the file `token` of its home. It stays in this tab."),
    h("form.sheet", { submit: enter },
      h("label", {}, h("span", {}, "Token"), field),
      h("div.row", {}, h("button.main", { type: "submit" }, "Log in"))),
  );
  field.focus();
}
