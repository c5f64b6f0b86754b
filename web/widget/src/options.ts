import { chooseLanguage, type Language } from "./texts";

export interface Options {
  /** Where the API is: where the script came from. */
  origin: string;
  key: string;
  language: Language;
  /** Who the visitor is, signed by the page's server. */
  identity?: string;
  title: string | null;
  /** The element to stand in; null for the floating launcher. */
  target: HTMLElement | null;
}

/** Reads the attributes of the script tag. */
export function readOptions(script: HTMLScriptElement): Options {
  const { key = "", language, identity, title = null, target } = script.dataset;
  return {
    origin: new URL(script.src, location.href).origin,
    key,
    language: chooseLanguage(language, document.documentElement.lang, ...navigator.languages),
    identity,
    title,
    target: target ? document.querySelector<HTMLElement>(target) : null,
  };
}
