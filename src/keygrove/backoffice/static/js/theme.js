// The theme changes in place; the choice is kept by the same request that the form would make.
export function themeButtons(root) {
  for (const form of root.querySelectorAll("form[data-theme-form]")) {
    form.addEventListener("submit", async (event) => {
      const choice = event.submitter?.value;
      if (!choice) return;
      event.preventDefault();
      const page = root.documentElement;
      if (choice === "system") delete page.dataset.theme;
      else page.dataset.theme = choice;
      root.querySelector("meta[name=color-scheme]").content = choice === "system" ? "light dark" : choice;
      for (const button of form.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", String(button === event.submitter));
      }
      const body = new URLSearchParams(new FormData(form, event.submitter));
      await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
    });
  }
}
