import type { Language } from "./texts";

/** What this page uses of `window.Replik`. */
interface Replik {
  ask(text: string): void;
  restart(key: string): void;
  speak(language: string): void;
}

/** The widget on this page, loaded just as a customer's page would load it. */
export class Chat {
  private readonly loaded: Promise<Replik>;

  constructor(
    private key: string,
    language: Language,
    target: string,
  ) {
    const script = document.createElement("script");
    script.async = true;
    script.src = "/widget.js";
    Object.assign(script.dataset, { key, language, target });
    this.loaded = new Promise((resolve, reject) => {
      script.addEventListener("load", () => resolve((window as unknown as { Replik: Replik }).Replik));
      script.addEventListener("error", () => reject(new Error("widget.js")));
    });
    document.head.append(script);
  }

  async ask(text: string): Promise<void> {
    (await this.loaded).ask(text);
  }

  /** Lets another tenant answer; its own conversation is found again. */
  async answerFrom(key: string): Promise<void> {
    if (key === this.key) return;
    this.key = key;
    (await this.loaded).restart(key);
  }

  async speak(language: Language): Promise<void> {
    (await this.loaded).speak(language);
  }
}

/** The line that puts the widget on a page. */
export function snippet(origin: string, key: string): string {
  return `<script async src="${origin}/widget.js" data-key="${key}"></script>`;
}
