import { ChatApi } from "./api";
import { converse, type Conversation } from "./conversation";
import { h, iconButton } from "./dom";
import type { Options } from "./options";
import { BUBBLE, createPanel } from "./panel";
import { Records } from "./records";
import styles from "./styles.css?inline";
import { chooseLanguage, TEXTS } from "./texts";

const PHONE = "(max-width: 480px)";

/** What the page may do with its widget: `window.Replik`. */
export interface Widget {
  open(): void;
  close(): void;
  /** Sends a question as if the visitor had written it. */
  ask(text: string): void;
  /** Switches to another publishable key and its conversation; without one, or with the same, begins anew. */
  restart(key?: string): void;
  /** Says who the visitor is: a token that the page's server has signed; without one they have signed out. */
  identify(token?: string): void;
  /** Switches the language of the widget and of conversations that begin from now on. */
  speak(language: string): void;
}

/** Puts the widget on the page: launcher, panel and the conversation behind them. */
export function mountWidget(options: Options): Widget {
  const { target, origin } = options;
  let { key, language } = options;
  const api = new ChatApi(origin);
  api.identity = options.identity;
  let records: Records;
  let conversation: Conversation | undefined;
  let panel: ReturnType<typeof createPanel> | undefined;
  let isOpen = target !== null;
  let returnFocus: Element | null = null;

  const host = h("div", { id: "replik", class: target ? "inline" : "floating" });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];

  const show = (wanted: boolean) => {
    isOpen = wanted;
    panel!.element.hidden = !wanted;
    launcher.hidden = wanted;
    if (wanted) launcher.classList.remove("unread");
    records.setOpen(wanted);
  };

  const open = () => {
    if (!isOpen) {
      returnFocus = document.activeElement;
      show(true);
    }
    panel!.focus();
  };

  const close = () => {
    if (!isOpen || target) return;
    show(false);
    if (returnFocus instanceof HTMLElement && returnFocus !== document.body && returnFocus !== host) returnFocus.focus();
    else launcher.focus();
  };

  const start = () => {
    conversation?.close();
    panel?.element.remove();
    records = new Records(key, subject(api.identity));
    let due = false;
    const started = converse(api, records, key, language, () => {
      // a replay is many events: show them together
      if (due) return;
      due = true;
      queueMicrotask(() => {
        due = false;
        if (started === conversation) update();
      });
    });
    conversation = started;
    panel = createPanel(started, { ...options, language }, close, () => {
      restart();
      panel!.focus();
    });
    root.prepend(panel.element);
    show(isOpen);
    started.resume();
  };

  const update = () => {
    panel!.update();
    const { live, transcript } = conversation!.state;
    if (!isOpen && live && transcript.items.some(({ state }) => state === "final")) launcher.classList.add("unread");
  };

  const restart = (wanted = key) => {
    if (wanted === key) records.forget();
    key = wanted;
    start();
  };

  const launcher = iconButton("launcher", TEXTS[language].open, open, BUBBLE);
  root.append(launcher);
  start();
  (target ?? document.body).append(host);
  if (!target) {
    host.addEventListener("keydown", (event) => event.key === "Escape" && close());
    followViewport(host);
    // a page change does not end the conversation, but a phone's screen is not taken unasked
    if (records!.read()?.open && !matchMedia(PHONE).matches) show(true);
  }

  return {
    open,
    close,
    restart,
    ask(text) {
      if (!isOpen) open();
      conversation!.send(text);
    },
    identify(token) {
      const before = subject(api.identity);
      api.identity = token;
      if (subject(token) === before) return;
      // the next one at this computer does not find what was said
      if (before) records.forget();
      start();
    },
    speak(wanted) {
      language = chooseLanguage(wanted);
      start();
    },
  };
}

/** Whom a token names, as a part of a name: only the server knows whether it is true. */
function subject(token = ""): string {
  try {
    return ":" + JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))).sub;
  } catch {
    return "";
  }
}

/** Keeps a full-screen panel within what the on-screen keyboard leaves. */
function followViewport({ style }: HTMLElement): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = () => {
    style.setProperty("--height", `${viewport.height}px`);
    style.setProperty("--top", `${viewport.offsetTop}px`);
  };
  viewport.addEventListener("resize", fit);
  viewport.addEventListener("scroll", fit);
  fit();
}
