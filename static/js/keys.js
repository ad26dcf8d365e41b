// Single keys: j and k move between rows, Enter opens, x chooses, r sends again, / filters, g + letter goes, ? helps.
// They can be turned off in Settings (WCAG 2.1.4); then body has data-shortcuts="off".
const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
let isGoing = false;

function move(step) {
  const all = rows();
  if (!all.length) return;
  const now = all.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = all[Math.min(Math.max(now + step, 0), all.length - 1)];
  next.tabIndex = -1;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

const inRow = (selector) => document.activeElement?.closest("[data-row]")?.querySelector(selector);

const actions = {
  j: () => move(1),
  k: () => move(-1),
  x: () => inRow("input[type=checkbox]")?.click(),
  r: () => (inRow('[data-key="r"]') ?? document.querySelector('main [data-key="r"]:not([data-row] *)'))?.click(),
  e: () => document.querySelector('[data-key="e"]')?.click(),
  s: () => document.querySelector('[data-key="s"]')?.click(),
  "/": () => document.querySelector("main input[type=search]")?.focus(),
  "?": () => document.getElementById("shortcuts")?.showModal(),
};

function go(letter) {
  document.querySelector(`[data-go="${CSS.escape(letter)}"]`)?.click();
}

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.shortcuts !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  if (isGoing) {
    isGoing = false;
    go(event.key);
    return;
  }
  if (event.key === "g") {
    isGoing = true;
    setTimeout(() => (isGoing = false), 1500);
  } else if (event.key === "Enter" && event.target.matches("[data-row]")) {
    event.target.querySelector("a[href]")?.click();
  } else if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  }
});
