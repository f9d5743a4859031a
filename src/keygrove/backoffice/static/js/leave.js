// Leaving the page that shows a secret asks first, until something was copied, saved or printed.
export function leaveWarning(root) {
  if (!root.querySelector("[data-leave]")) return;
  let safe = false;
  root.addEventListener("keygrove:kept", () => { safe = true; });
  root.addEventListener("click", (event) => {
    if (event.target.closest("[data-leave-freely]")) safe = true;
  });
  addEventListener("beforeunload", (event) => {
    if (!safe) event.preventDefault();
  });
}
