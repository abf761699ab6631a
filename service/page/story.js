// Fetches what takes longer to reckon and puts it where its link is. Without it the link leads there.
document.querySelectorAll("[data-part]").forEach(async (place) => {
  const state = place.querySelector("[data-state]");
  state.textContent = "is being reckoned …";
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(place.dataset.part);
    if (!answer.ok) throw new Error(String(answer.status));
    place.innerHTML = await answer.text();
  } catch {
    state.textContent = "could not be reckoned just now.";
  }
  place.removeAttribute("aria-busy");
});
