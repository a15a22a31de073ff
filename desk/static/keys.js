// j k Enter u / g q g h ? — never while somebody types.
let prefix = "";

const subjects = () => [...document.querySelectorAll("a.subject")].filter((link) => link.offsetParent !== null);

function move(step) {
  const links = subjects();
  const here = links.indexOf(document.activeElement?.closest("a.subject"));
  const next = links[Math.min(Math.max(here + step, 0), links.length - 1)];
  next?.focus();
  next?.closest("tr, li")?.scrollIntoView({ block: "nearest" });
}

const plain = {
  j: () => move(1),
  k: () => move(-1),
  u: () => document.getElementById("back")?.click(),
  "/": () => document.getElementById("q")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
};
const after = {
  q: () => location.assign("/desk"),
  h: () => document.querySelector('a[href="/desk/quarantine"]')?.click(),
};

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.id === "q") event.target.blur();
    if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    const action = prefix === "g" ? after[event.key] : plain[event.key];
    prefix = prefix !== "g" && event.key === "g" ? "g" : "";
    if (!action) return;
    event.preventDefault();
    action();
  });
}
