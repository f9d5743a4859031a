// The answer to an app that travels as a form: it is sent at once, and the button is there without script.
export function sendAtOnce(root) {
  root.querySelector("form[data-at-once]")?.submit();
}
