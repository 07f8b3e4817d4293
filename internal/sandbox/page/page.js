"use strict";

// The parts of the page that change are fetched again every two seconds and
// put in place one by one, so that what is being typed elsewhere stays.
async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch(document.documentElement.dataset.self, { cache: "no-store" });
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (next && next.innerHTML !== part.innerHTML) {
        part.className = next.className;
        part.replaceChildren(...next.childNodes);
      }
    }
  } catch {
    // The sandbox is gone; the page keeps what it knows.
  }
}
setInterval(refresh, 2000);
