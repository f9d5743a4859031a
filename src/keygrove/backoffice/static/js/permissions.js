// The permission picker: a running summary, what a change adds or takes away, and "Read everything".

const chosen = (picker) =>
  [...picker.querySelectorAll("input[type=radio]:checked")].flatMap((radio) => radio.value.split(" ").filter(Boolean));

const count = (scopes) => `${scopes.length} ${scopes.length === 1 ? "permission" : "permissions"}`;

function summarize(picker, place) {
  const scopes = chosen(picker);
  place.textContent = scopes.length ? `${count(scopes)}: ${scopes.join(", ")}` : place.dataset.none;
}

function line(kind, sign, word, scopes) {
  const element = document.createElement("span");
  element.className = `change change--${kind}`;
  element.textContent = `${sign} ${word} ${scopes.join(", ")}`;
  return element;
}

function compare(picker, place) {
  const before = place.dataset.changes.split(" ").filter(Boolean);
  const after = chosen(picker);
  const more = after.filter((scope) => !before.includes(scope));
  const less = before.filter((scope) => !after.includes(scope));
  if (!more.length && !less.length) {
    place.textContent = "No change yet";
    return;
  }
  const lines = [];
  if (more.length) lines.push(line("more", "+", "adds", more));
  if (less.length) lines.push(line("less", "−", "takes away", less));
  place.replaceChildren(...lines.flatMap((part, at) => (at ? [document.createElement("br"), part] : [part])));
}

// The widest reading level of a row that does not write; a row without one stays as it is.
function readEverything(picker) {
  for (const row of picker.querySelectorAll(".permission")) {
    const read = [...row.querySelectorAll("input[type=radio]")].find((radio) => radio.dataset.level === "read");
    if (read) read.checked = true;
  }
  picker.dispatchEvent(new Event("change", { bubbles: true }));
}

export function permissionPicker(root) {
  const picker = root.querySelector("[data-permissions]");
  if (!picker) return;
  const summary = root.querySelector("[data-summary]");
  const changes = root.querySelector("[data-changes]");
  const refresh = () => {
    if (summary) summarize(picker, summary);
    if (changes) compare(picker, changes);
  };
  picker.addEventListener("change", refresh);
  refresh();

  const dialog = root.querySelector("dialog[data-read-everything-dialog]");
  picker.querySelector("[data-read-everything]")?.addEventListener("click", () => dialog.showModal());
  dialog?.addEventListener("close", () => {
    if (dialog.returnValue === "yes") readEverything(picker);
    dialog.returnValue = "";
  });
}
