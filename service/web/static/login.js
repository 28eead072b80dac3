// The door: a key is exchanged for a session, and kept nowhere.

import { logIn } from "./api.js";
import { fill, h, say } from "./dom.js";

export function showLogin(view, done) {
  const field = h("input", { type: "password", id: "key", autocomplete: "current-password", required: true });
  const enter = async (event) => {
    event.preventDefault();
    try {
      await logIn(field.value.trim());
      done();
    } catch (problem) {
      say(problem.status === 401 ? "That is no key of this service." : problem.message);
      field.focus();
    }
  };
  fill(
    view,
    h("h1", {}, "Log in"),
    h("p.dim", {}, "A key is what `rung keys create` shows, or the token that `rung up` showed. It is exchanged for a session and not kept."),
    h("form.sheet", { submit: enter },
      h("label", {}, h("span", {}, "Key"), field),
      h("div.row", {}, h("button.main", { type: "submit" }, "Log in"))),
  );
  field.focus();
}
