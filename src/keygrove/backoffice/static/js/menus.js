// Menus are disclosures. Script adds what people expect of a menu: Escape and a click elsewhere close it.
export function menus(root) {
  const open = () => root.querySelectorAll("details.menu[open]");
  root.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      const inside = menu.contains(root.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    }
  });
  root.addEventListener("focusin", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
}
