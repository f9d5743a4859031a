// "Copy" puts a value on the clipboard; where there is no clipboard it selects the text, ready for Ctrl+C.
import { kept, say } from "./say.js";

function select(element) {
  if (!element) return;
  if ("select" in element) {
    element.focus();
    element.select();
    return;
  }
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

function showCopied(button) {
  const iconOnly = button.classList.contains("copy--icon");
  button.dataset.copied = "";
  if (!iconOnly) button.textContent = "Copied";
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => {
    delete button.dataset.copied;
    if (!iconOnly) button.textContent = "Copy";
  }, 2000);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copyFrom);
  const text = button.dataset.copy ?? source?.value ?? source?.textContent ?? "";
  const label = button.dataset.label;
  try {
    await navigator.clipboard.writeText(text);
    showCopied(button);
    say(`Copied: ${label}`);
    kept();
  } catch {
    select(source);
    say(`${label} is selected. Copy it with your keyboard.`);
  }
}

export function copyButtons(root) {
  for (const button of root.querySelectorAll("button[data-copy-from]")) {
    button.addEventListener("click", () => copy(button));
  }
  root.addEventListener("copy", kept);
}
