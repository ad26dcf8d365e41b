// Shows and announces a short sentence: dispatch a "keylodge:say" event with the words as its detail.
let timer = 0;
document.addEventListener("keylodge:say", (event) => {
  const box = document.getElementById("toast");
  if (!box) return;
  // A modal dialog makes the rest of the page inert; the words must be inside it to be announced.
  (document.querySelector("dialog:modal") || document.body).append(box);
  box.textContent = event.detail;
  clearTimeout(timer);
  timer = setTimeout(() => (box.textContent = ""), 6000);
});
