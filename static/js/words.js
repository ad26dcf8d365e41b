// The few texts that scripts say themselves, in the page's language. English stands where it is said.
const GERMAN = {
  "just now": "gerade eben",
  "{n} min ago": "vor {n} Min.",
  "{n} h ago": "vor {n} Std.",
  "{n} days ago": "vor {n} Tagen",
  "in {n} min": "in {n} Min.",
  "in {n} h": "in {n} Std.",
  "in {n} days": "in {n} Tagen",
  "hidden in {n} s": "verborgen in {n} s",
  "Hide": "Verbergen",
  "Reveal": "Anzeigen",
  "{n} copied, without showing it. The clipboard is yours to clear.": "{n} kopiert, ohne den Wert zu zeigen. Die Zwischenablage leeren Sie selbst.",
  "{n} chosen:": "{n} ausgewählt:",
  "Copied.": "Kopiert.",
  "The browser did not allow copying. Select the text and press Ctrl C.": "Der Browser hat das Kopieren nicht erlaubt. Markieren Sie den Text und drücken Sie Strg C.",
  "The browser did not allow copying.": "Der Browser hat das Kopieren nicht erlaubt.",
};

export function words(english, n = "") {
  const said = document.documentElement.lang === "de" ? (GERMAN[english] ?? english) : english;
  return said.replace("{n}", n);
}
