// New and changed tickets come into the open list by themselves, without moving what is under the pointer.
import { tick } from "./ticking.js";

// The first change is fetched at once; in a flood, pages ask once a second, and for the rail every third.
const SOON = 100;
const PAUSE = 1000;
const RAIL_PAUSE = 3000;

const changed = new Set();
const arrivals = new Map();
let timer = 0;
let fetched = -PAUSE;
let railFetched = -RAIL_PAUSE;
let railTimer = 0;

const list = () => document.querySelector("#list[data-live]");
const rows = () => document.getElementById("rows");
const busy = () => {
  const body = rows();
  return Boolean(body && (body.matches(":hover") || body.contains(document.activeElement)));
};

export function startLive() {
  if (!document.getElementById("rail")) return;
  const source = new EventSource("/desk/events");
  source.addEventListener("ticket", (event) => {
    changed.add(JSON.parse(event.data).ticket);
    schedule();
  });
  source.addEventListener("resync", reloadList);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("click", (event) => {
    if (event.target.closest("#arrivals")) showArrivals();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "list") arrivals.clear();
  });
}

async function fragment(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (answer.status === 401) location.assign("/desk/sign-in");
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function schedule() {
  if (timer || !changed.size) return;
  timer = setTimeout(fetchChanged, Math.max(SOON, fetched + PAUSE - performance.now()));
}

async function fetchChanged() {
  timer = 0;
  fetched = performance.now();
  const numbers = [...changed].slice(0, 50);
  numbers.forEach((number) => changed.delete(number));
  schedule();
  railTimer ||= setTimeout(takeRail, Math.max(0, railFetched + RAIL_PAUSE - performance.now()));
  if (list()) await takeRows(numbers);
}

async function takeRows(numbers) {
  const query = new URLSearchParams(location.search);
  query.delete("cursor");
  query.set("numbers", numbers.join(","));
  const page = await fragment(`/desk/rows?${query}`);
  if (!page || !list()) return;
  const total = page.getElementById("total");
  if (total) document.getElementById("total")?.replaceWith(total);
  const found = new Map([...page.querySelectorAll("tr.row")].map((row) => [Number(row.dataset.number), row]));
  for (const number of numbers) settle(number, found.get(number));
  if (arrivals.size) busy() ? offerArrivals() : showArrivals();
}

function settle(number, fresh) {
  const shown = rows()?.querySelector(`tr[data-number="${number}"]`);
  if (shown && fresh) {
    const focused = shown.contains(document.activeElement);
    shown.replaceWith(fresh);
    if (focused) fresh.querySelector("a.subject")?.focus();
  } else if (shown) {
    // It belongs to another list now: it stays in its place, dimmed, while somebody points at the list.
    busy() ? shown.classList.add("gone") : shown.remove();
  } else if (fresh && !list().dataset.searching) {
    arrivals.set(number, fresh);
  }
}

function offerArrivals() {
  const button = document.getElementById("arrivals");
  button.textContent = list().dataset.arrived.replace("{}", arrivals.size);
  button.hidden = false;
}

function showArrivals() {
  const body = rows();
  if (!body) return reloadList();
  document.querySelectorAll("tr.gone").forEach((row) => row.remove());
  for (const [, fresh] of arrivals) place(body, fresh);
  const names = [...arrivals.values()].map((row) => row.id).join(", ");
  document.getElementById("announce").textContent = `${list().dataset.came}: ${names}`;
  arrivals.clear();
  document.getElementById("arrivals").hidden = true;
  tick(body);
}

function place(body, fresh) {
  const after = [...body.querySelectorAll("tr.row")].find((row) => row.dataset.order > fresh.dataset.order);
  if (after) body.insertBefore(fresh, after);
  else if (list().dataset.complete) body.append(fresh);
}

async function takeRail() {
  railTimer = 0;
  railFetched = performance.now();
  const rail = document.getElementById("rail");
  const page = await fragment(`/desk/rail?line=${encodeURIComponent(rail.dataset.line)}`);
  const fresh = page?.getElementById("rail");
  if (!fresh) return;
  // Only the numbers change, so that focus and the marked entry stay.
  const places = [...rail.querySelectorAll("li")];
  [...fresh.querySelectorAll("li")].forEach((entry, index) => {
    const counts = places[index]?.querySelectorAll(".count") ?? [];
    counts.forEach((count) => count.remove());
    entry.querySelectorAll(".count").forEach((count) => places[index]?.querySelector("a").append(count));
  });
}

function reloadList() {
  if (list()) htmx.ajax("GET", location.pathname + location.search, { target: "#list", select: "#list", swap: "outerHTML" });
}
