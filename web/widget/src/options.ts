import { chooseLanguage, type Language } from "./texts";

export interface Options {
  /** Where the API is: where the script came from. */
  origin: string;
  key: string;
  language: Language;
  title: string | null;
  /** The element to stand in; null for the floating launcher. */
  target: HTMLElement | null;
}

/** Reads the attributes of the script tag. */
export function readOptions(script: HTMLScriptElement): Options {
  const { key = "", language, title = null, target } = script.dataset;
  return {
    origin: new URL(script.src, location.href).origin,
    key,
    language: chooseLanguage(language, document.documentElement.lang, ...navigator.languages),
    title,
    target: target ? document.querySelector<HTMLElement>(target) : null,
  };
}
