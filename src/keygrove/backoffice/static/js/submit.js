// A form is sent once: its button says what is going on and does not answer a second press.
const SOFT_NAMES = new Set(["test", "testing", "key", "asdf", "new", "api", "foo"]);

function softWarning(field) {
  const note = document.createElement("p");
  note.className = "hint hint--soft-warning";
  note.setAttribute("role", "status");
  field.after(note);
  const check = () => {
    const vague = SOFT_NAMES.has(field.value.trim().toLowerCase());
    note.textContent = vague ? "A name that says which system uses the key helps you later." : "";
  };
  field.addEventListener("change", check);
}

export function submitOnce(root) {
  for (const form of root.querySelectorAll("form[data-once]")) {
    const button = form.querySelector("button[data-busy]");
    const idle = button?.textContent;
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      button?.setAttribute("aria-disabled", "true");
      button?.setAttribute("aria-busy", "true");
      if (button) button.textContent = button.dataset.busy;
    });
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      delete form.dataset.sent;
      button?.removeAttribute("aria-disabled");
      button?.removeAttribute("aria-busy");
      if (button) button.textContent = idle;
    });
  }
  for (const field of root.querySelectorAll("input[data-name]")) softWarning(field);
}
