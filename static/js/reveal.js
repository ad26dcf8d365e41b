import { words } from "./words.js";

// <secret-value>: a value comes from the server on request, is shown for 30 seconds, and is gone when the
// time is up, the tab is hidden or the page is left. It lives in this element and nowhere else.
const SHOWN_S = 30;

class SecretValue extends HTMLElement {
  connectedCallback() {
    this.shown = this.querySelector("[data-shown]");
    this.masked = this.shown.textContent;
    this.addEventListener("submit", (event) => this.#submit(event));
    this.querySelector("[data-keep]")?.addEventListener("click", () => (this.left = SHOWN_S));
    this.onHide = () => document.hidden && this.hide();
    document.addEventListener("visibilitychange", this.onHide);
    addEventListener("pagehide", () => this.hide());
  }

  disconnectedCallback() {
    this.hide();
    document.removeEventListener("visibilitychange", this.onHide);
  }

  async #submit(event) {
    const form = event.target;
    if (!form.dataset.secret) return;
    event.preventDefault();
    if (form.dataset.secret === "reveal" && this.left > 0) return this.hide();
    const answer = await this.#ask(form);
    if (answer === null) return;
    if (form.dataset.secret === "reveal") this.show(answer.value, form);
    else await this.#copy(answer.value);
  }

  async #ask(form) {
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
        redirect: "manual",
        cache: "no-store",
      });
      if (response.status === 401) {
        location.assign((await response.json()).url);
        return null;
      }
      const answer = await response.json();
      if (response.ok) return answer;
      this.#say(answer.message);
    } catch {
      // No answer, or not ours (a sign-in page, say): the plain form tells why.
      form.submit();
    }
    return null;
  }

  async #copy(value) {
    try {
      await navigator.clipboard.writeText(value);
      this.#say(words("{n} copied, without showing it. The clipboard is yours to clear.", this.dataset.label));
    } catch {
      this.#say(words("The browser did not allow copying."));
    }
  }

  show(value, form) {
    this.shown.textContent = value;
    this.left = SHOWN_S;
    this.button = form.querySelector("button");
    this.button.lastChild.textContent = words("Hide");
    this.querySelector("[data-keep]").hidden = false;
    this.#tick();
    this.timer = setInterval(() => this.#tick(), 1000);
  }

  #tick() {
    if (this.left <= 0) return this.hide();
    this.querySelector("[data-countdown]").textContent = words("hidden in {n} s", this.left);
    this.left -= 1;
  }

  hide() {
    clearInterval(this.timer);
    this.left = 0;
    this.shown.textContent = this.masked;
    if (this.button) this.button.lastChild.textContent = words("Reveal");
    const countdown = this.querySelector("[data-countdown]");
    if (countdown) countdown.textContent = "";
    const keep = this.querySelector("[data-keep]");
    if (keep) keep.hidden = true;
  }

  #say(text) {
    document.dispatchEvent(new CustomEvent("keylodge:say", { detail: text }));
  }
}

customElements.define("secret-value", SecretValue);
