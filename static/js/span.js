// Dragging over a histogram fills the filter's "When" with the span under it and sends the filter. Whoever does not
// drag types the same into that field, or takes a row of "The same as a list".
const WIDTH = 784; // of the drawing's viewBox
const NS = "http://www.w3.org/2000/svg";
let drag = null;

function columnAt(chart, clientX) {
  const box = chart.getBoundingClientRect();
  const share = Math.min(Math.max((clientX - box.left) / box.width, 0), 0.999);
  return Math.floor(share * drag.columns.length);
}

function draw() {
  const [first, last] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
  const step = WIDTH / drag.columns.length;
  const place = { x: first * step, width: (last - first + 1) * step, y: 0, height: 78 };
  for (const [name, value] of Object.entries(place)) drag.mark.setAttribute(name, value);
  return [drag.columns[first], drag.columns[last]];
}

document.addEventListener("pointerdown", (event) => {
  const chart = event.target.closest?.("[data-columns] svg.hist");
  if (!chart || event.button !== 0) return;
  event.preventDefault();
  drag = { chart, columns: JSON.parse(chart.closest("[data-columns]").dataset.columns), mark: null };
  if (!drag.columns.length) return void (drag = null);
  drag.from = drag.to = columnAt(chart, event.clientX);
  drag.mark = document.createElementNS(NS, "rect");
  drag.mark.setAttribute("class", "sel");
  chart.prepend(drag.mark);
  draw();
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  drag.to = columnAt(drag.chart, event.clientX);
  draw();
});

document.addEventListener("pointerup", () => {
  if (!drag) return;
  const [first, last] = draw();
  const form = document.querySelector("form.filters");
  drag = null;
  if (!form?.elements.when) return;
  form.elements.when.value = `${first[0]} to ${last[1]}`;
  form.requestSubmit();
});

document.addEventListener("pointercancel", () => {
  drag?.mark.remove();
  drag = null;
});
