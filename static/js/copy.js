import { words } from "./words.js";

// Buttons with data-copy put their value on the clipboard; data-select-all fields select themselves.
function say(text) {
  document.dispatchEvent(new CustomEvent("keylodge:say", { detail: words(text) }));
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Copied.");
  } catch {
    say("The browser did not allow copying. Select the text and press Ctrl C.");
  }
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-select-all]")) event.target.select();
});
