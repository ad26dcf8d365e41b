// Distances in time ("4 min ago") stay true while a page is open. The server wrote them; the title keeps UTC.
const SIZES = [
  [60, "min", 60],
  [3600, "h", 48],
  [86400, "days", Infinity],
];
function words(seconds) {
  const size = Math.abs(seconds);
  if (size < 45) return "just now";
  const [unit, word] = SIZES.find(([unit, , limit]) => Math.round(size / unit) < limit);
  const said = `${Math.max(1, Math.round(size / unit))} ${word}`;
  return seconds > 0 ? `${said} ago` : `in ${said}`;
}
setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    time.textContent = words((Date.now() - Date.parse(time.dateTime)) / 1000);
  }
}, 30000);
