// Speak through the page's one polite live region, without moving anything that is already shown there.
export function say(words) {
  const status = document.getElementById("status");
  if (!status) return;
  let voice = status.querySelector("[data-voice]");
  if (!voice) {
    voice = document.createElement("p");
    voice.dataset.voice = "";
    voice.className = "visually-hidden";
    status.append(voice);
  }
  voice.textContent = words;
}

// Something left this page with the secret in it: the warning on leaving is no longer needed.
export function kept() {
  document.dispatchEvent(new CustomEvent("keygrove:kept"));
}
