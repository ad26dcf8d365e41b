import { words } from "./words.js";

// Distances in time ("4 min ago") stay true while a page is open. The server wrote them; the title keeps UTC.
const SIZES = [
  [60, "min", 60],
  [3600, "h", 48],
  [86400, "days", Infinity],
];
function distance(seconds) {
  const size = Math.abs(seconds);
  if (size < 45) return words("just now");
  const [unit, word] = SIZES.find(([unit, , limit]) => Math.round(size / unit) < limit);
  const count = Math.max(1, Math.round(size / unit));
  return words(seconds > 0 ? `{n} ${word} ago` : `in {n} ${word}`, count);
}
setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    time.textContent = distance((Date.now() - Date.parse(time.dateTime)) / 1000);
  }
}, 30000);
