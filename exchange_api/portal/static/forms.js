// Why: what was written in a form is not lost by a careless click. Forms marked data-guard ask before the page is left while they hold something unsent;
// what was kept by itself (htmx, #kept) needs no asking. A refused form's mistake gets the focus; Escape closes an opened step and gives the focus back.
"use strict";
(() => {
  const dirty = new Set();
  document.addEventListener("input", (event) => {
    const form = event.target.closest && event.target.closest("form[data-guard]");
    if (form) dirty.add(form);
  });
  document.addEventListener("submit", (event) => { if (!event.defaultPrevented) dirty.clear(); });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.id === "kept" && event.detail.successful) dirty.delete(event.target.closest("form"));
  });
  window.addEventListener("beforeunload", (event) => { if (dirty.size) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && event.target.closest("details.drop[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  const wrong = document.getElementById("problem") || document.getElementById("outcome");
  if (wrong) wrong.focus();
})();
