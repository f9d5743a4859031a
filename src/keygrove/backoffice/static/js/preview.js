// How the consent screen looks, while it is typed. The server draws it; without script a button asks for it.
const PAUSE_MS = 400;

async function draw(form, place, signal) {
  const data = new FormData(form);
  data.delete("password");
  data.set("step", "preview");
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(data), signal });
  if (!answer.ok) return;
  const drawn = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(place.id);
  if (drawn) place.replaceChildren(...drawn.childNodes);
}

export function previewWhileTyping(root) {
  const form = root.querySelector("form[data-previewed]");
  const button = form?.querySelector("button[data-preview]");
  if (!button || button.disabled) return;
  const place = root.getElementById("preview");
  button.hidden = true;
  let timer;
  let under = new AbortController();
  form.addEventListener("input", () => {
    clearTimeout(timer);
    under.abort();
    timer = setTimeout(() => {
      under = new AbortController();
      // What fails is drawn with the next letter; the form itself does not need it.
      draw(form, place, under.signal).catch(() => {});
    }, PAUSE_MS);
  });
}
