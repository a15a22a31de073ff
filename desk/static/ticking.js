// Keeps relative times true between loads, in the words the server uses.
const words = JSON.parse(document.body.dataset.words ?? "{}");
const NBSP = "\u00a0";

function span(seconds) {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  const join = (...parts) => parts.filter(([n]) => n).map(([n, unit]) => `${n}${NBSP}${unit}`).join(" ");
  if (days) return join([days, words.d], [hours, words.h]);
  if (hours) return join([hours, words.h], [rest, words.min]);
  return rest ? `${rest}${NBSP}${words.min}` : words.moment;
}

function oneUnit(seconds) {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  for (const [size, unit] of [[1440, words.d], [60, words.h], [1, words.min]]) {
    if (minutes >= size) return `${Math.floor(minutes / size)}${NBSP}${unit}`;
  }
  return "";
}

function due(element, left, brief) {
  const box = element.closest(".due");
  const urgency = left < 0 ? "late" : left <= 3600 ? "soon" : "calm";
  if (box && !box.classList.contains(urgency)) {
    box.classList.remove("late", "soon", "calm");
    box.classList.add(urgency);
    const use = box.querySelector("use");
    use?.setAttribute("href", use.getAttribute("href").replace(/#.*/, urgency === "late" ? "#late" : "#clock"));
  }
  if (Math.abs(left) < 60) return left >= 0 ? words.nearly : words.past;
  return (left >= 0 ? words.in : words.late).replace("{}", brief ? oneUnit(left) : span(left));
}

export function tick(root = document) {
  // The page's own clock and the server's may differ: what counts is the time since the page was made.
  for (const element of root.querySelectorAll("time[data-tick]")) {
    const passed = (now() - Date.parse(element.dateTime)) / 1000;
    const kind = element.dataset.tick;
    const text = kind.startsWith("due") ? due(element, -passed, kind === "due-brief")
      : kind === "age" ? oneUnit(Math.max(0, passed)) || words.now
      : passed < 60 ? words.just : words.ago.replace("{}", span(passed));
    if (element.textContent !== text) element.textContent = text;
  }
}

const served = Date.parse(document.body.dataset.now ?? "");
const opened = performance.now();

export function now() {
  return Number.isNaN(served) ? Date.now() : served + (performance.now() - opened);
}

export function startTicking() {
  setInterval(() => tick(), 15000);
}
