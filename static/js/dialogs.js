// Notices can be dismissed, questions in <details> cancelled; Escape closes an open question.
document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".notice").remove();
  const details = event.target.closest("[data-close-details]")?.closest("details");
  if (details) close(details);
});
document.addEventListener("keydown", (event) => {
  const details = event.key === "Escape" && event.target.closest("details.confirm[open]");
  if (details) close(details);
});
function close(details) {
  details.open = false;
  details.querySelector("summary").focus();
}
