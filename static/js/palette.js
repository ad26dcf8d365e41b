// The search dialog: Ctrl or Cmd K opens it, arrows move, Enter goes. The server searches (htmx on the field).
const dialog = document.getElementById("palette");
const field = dialog?.querySelector("input[type=search]");
const options = () => [...dialog.querySelectorAll("[role=option]")];

function open() {
  if (dialog.open) return;
  dialog.showModal();
  field.value = "";
  field.dispatchEvent(new CustomEvent("palette:open", { bubbles: true }));
}

function select(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  if (option) {
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  } else field.removeAttribute("aria-activedescendant");
}

function move(step) {
  const all = options();
  const now = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  select(all[(now + step + all.length) % all.length]);
}

const keys = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  // The first Escape in a search field would only clear it.
  Escape: () => dialog.close(),
  Enter: () => dialog.querySelector("[aria-selected=true]")?.click(),
};

if (dialog) {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open-palette]");
    if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  dialog.addEventListener("keydown", (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.addEventListener("htmx:after:swap", () => dialog.open && select(options()[0]));
}
