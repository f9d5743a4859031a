// A Secret Key pasted into the filter is recognized here and never sent.
export function searchGuard(root) {
  const form = root.querySelector("form[data-search]");
  if (!form) return;
  form.addEventListener("submit", (event) => {
    const field = form.querySelector("input[type=search]");
    if (!/kg_sk_/i.test(field.value)) return;
    event.preventDefault();
    field.value = "";
    form.querySelector("#search-note").textContent =
      "That looks like a Secret Key, so it was not sent. Filter by the Client ID instead.";
    field.focus();
  });
}
