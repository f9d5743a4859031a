// Show or hide a secret from people looking over a shoulder. Without script it is simply shown.
export function coverable(root) {
  for (const button of root.querySelectorAll("button[data-cover]")) {
    const value = root.getElementById(button.dataset.cover);
    const plain = value.textContent;
    const cover = (covered) => {
      value.textContent = covered ? `${plain.slice(0, 6)}${"•".repeat(24)}` : plain;
      value.toggleAttribute("data-covered", covered);
      button.setAttribute("aria-pressed", String(covered));
      button.setAttribute("aria-label", covered ? "Show the Secret Key" : "Hide the Secret Key");
      button.textContent = covered ? "Show" : "Hide";
    };
    cover(false);
    button.addEventListener("click", () => cover(button.getAttribute("aria-pressed") !== "true"));
  }
}
