// Save the .env text from this page, so that the server never has to give it out again; print the sheet.
import { kept, say } from "./say.js";

function download(button) {
  const text = document.getElementById(button.dataset.download).value;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  // A browser takes the dot from the beginning of a name, so it is not `.env`.
  link.download = button.dataset.fileName;
  link.dataset.leaveFreely = "";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say(`Saved ${link.download}.`);
  kept();
}

export function saveButtons(root) {
  for (const button of root.querySelectorAll("button[data-download]")) {
    button.addEventListener("click", () => download(button));
  }
  for (const button of root.querySelectorAll("button[data-print]")) {
    button.addEventListener("click", () => print());
  }
  addEventListener("afterprint", kept);
}
