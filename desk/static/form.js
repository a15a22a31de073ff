// The public form works without this: here it is kept from being sent twice by a double click.
const form = document.querySelector("[data-form]");
form?.addEventListener("submit", (event) => {
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  const button = form.querySelector("button[data-busy]");
  button.textContent = button.dataset.busy;
  button.setAttribute("aria-busy", "true");
});
// A page that comes back from the browser's cache may be sent again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
document.querySelector("[aria-invalid]")?.focus();
