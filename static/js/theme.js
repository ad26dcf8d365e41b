// Applies the pinned theme before the first paint, and the switch. A plain script: it must not wait.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const pinned = localStorage.getItem("theme");
  if (pinned === "light" || pinned === "dark") root.dataset.theme = pinned;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    // Back to what the system says: nothing stays pinned, so the page follows it again.
    if (next === system) localStorage.removeItem("theme");
    else localStorage.setItem("theme", next);
  });
})();
