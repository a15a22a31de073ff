// The desk's one module. Every page works without it; here are the live queue, ticking times and the keyboard.
import { startLive } from "./live.js";
import { startKeys } from "./keys.js";
import { startTicking } from "./ticking.js";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`priyom_zone=${zone}`)) {
  document.cookie = `priyom_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
}

document.addEventListener("htmx:configRequest", (event) => {
  // Filters that are not set do not clutter the address.
  const parameters = event.detail.parameters;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
});
document.addEventListener("htmx:afterRequest", (event) => {
  const source = event.detail.elt;
  if (event.detail.successful && source.hasAttribute("data-once")) source.parentElement.remove();
});

startTicking();
startKeys();
startLive();
