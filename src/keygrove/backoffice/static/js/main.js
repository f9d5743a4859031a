// Every page works without this. Each module improves one thing and stands alone.
import { coverable } from "./cover.js";
import { copyButtons } from "./copy.js";
import { leaveWarning } from "./leave.js";
import { menus } from "./menus.js";
import { permissionPicker } from "./permissions.js";
import { previewWhileTyping } from "./preview.js";
import { saveButtons } from "./save.js";
import { searchGuard } from "./search.js";
import { sendAtOnce } from "./send.js";
import { submitOnce } from "./submit.js";
import { themeButtons } from "./theme.js";

for (const improve of [
  copyButtons, coverable, saveButtons, leaveWarning, permissionPicker, submitOnce, searchGuard, menus, themeButtons,
  previewWhileTyping, sendAtOnce,
]) {
  try {
    improve(document);
  } catch (error) {
    console.error(improve.name, error);
  }
}
