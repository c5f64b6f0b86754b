import { readOptions } from "./options";
import { mountWidget, type Widget } from "./widget";

declare global {
  interface Window {
    Replik?: Widget;
  }
}

const script = document.currentScript as HTMLScriptElement | null;

function mount(): void {
  if (script?.dataset.key) window.Replik ??= mountWidget(readOptions(script));
}

// an async script may run before the element it is to stand in exists
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
else mount();
