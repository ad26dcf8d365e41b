import { words } from "./words.js";

// The bar under a list with check boxes counts what is chosen and hides while nothing is.
function update() {
  for (const bar of document.querySelectorAll("[data-bulk]")) {
    const form = bar.closest("form");
    const chosen = form.querySelectorAll("input[name=chosen]:checked").length;
    bar.hidden = chosen === 0;
    bar.querySelector("[data-bulk-count]").textContent = words("{n} chosen:", chosen);
  }
}
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    for (const box of event.target.closest("form").querySelectorAll("input[name=chosen]")) box.checked = event.target.checked;
  }
  update();
});
document.addEventListener("htmx:after:swap", update);
update();
