// A live list asks for what is new every two seconds, and rests while somebody reads it: the pointer on it, the keyboard
// in it or in the filters above it, or the tab hidden. What is new and that it rests is said in a status line of its own.
const LIST = "[data-live]";
const isIn = (element) => Boolean(element?.contains(document.activeElement));
const isRead = (list) =>
  document.hidden || list.matches(":hover") || isIn(list) || isIn(document.querySelector("form.filters"));

function say(words) {
  const line = document.getElementById("live-says");
  if (line && line.textContent !== words) line.textContent = words;
}

document.addEventListener("htmx:before:request", (event) => {
  const list = event.target;
  if (!(list instanceof Element) || !list.matches(LIST)) return;
  if (isRead(list)) {
    event.preventDefault();
    say(list.dataset.resting);
  } else if (document.getElementById("live-says")?.textContent === list.dataset.resting) {
    say("");
  }
});

document.addEventListener("htmx:after:swap", () => {
  const list = document.querySelector(LIST);
  if (list?.dataset.news) say(list.dataset.news);
});
