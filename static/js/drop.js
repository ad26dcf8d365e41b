// A form with one file field takes files dropped anywhere on it. The field itself stays for keyboard and no scripts.
for (const form of document.querySelectorAll("form[data-drop]")) {
  const field = form.querySelector("input[type=file]");
  if (!field) continue;
  let depth = 0;
  const mark = (by) => form.classList.toggle("dropping", (depth = Math.max(0, depth + by)) > 0);
  const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
  form.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  form.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  form.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  form.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    field.files = event.dataTransfer.files;
    field.focus();
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
}
