/** The list of what Replik has been given to read, and how far it is. */

import { TEXTS, type Language } from "./texts";

export interface Source {
  source_id: string;
  name: string;
  /** "sending" is the page's own: on its way to the server. */
  state: "sending" | "queued" | "extracting" | "embedding" | "ready" | "failed" | "stale";
  reason?: string | null;
  chunks_done?: number;
  chunks_total?: number;
}

/** The list with `source` in the place of `id` (its own, unless it was known under another), or in front when it is new. */
export function upsert(list: readonly Source[], source: Source, id: string = source.source_id): Source[] {
  const known = list.some((one) => one.source_id === id);
  return known ? list.map((one) => (one.source_id === id ? { ...one, ...source } : one)) : [source, ...list];
}

/** Nothing more happens to it by itself. */
export function isOver({ state }: Source): boolean {
  return state === "ready" || state === "failed" || state === "stale";
}

/** What to say about a source's progress, without its name. */
export function describe(source: Source, language: Language): string {
  const texts = TEXTS[language];
  if (source.state === "failed" || source.state === "stale") return source.reason || texts.failedWhy;
  if (source.state !== "embedding" || !source.chunks_total) return texts[source.state];
  const count = texts.chunks.replace("{done}", String(source.chunks_done ?? 0)).replace("{total}", String(source.chunks_total));
  return `${texts.embedding}: ${count}`;
}

/** One source as a list entry; `ask` is called when the visitor wants to ask about it. */
export function renderSource(source: Source, language: Language, ask: () => void): HTMLLIElement {
  const entry = document.createElement("li");
  entry.dataset.test = "source";
  entry.dataset.state = source.state;
  const name = document.createElement("strong");
  name.textContent = source.name;
  const state = document.createElement("span");
  state.className = "state";
  state.textContent = describe(source, language);
  entry.append(name, state);
  if (source.state === "ready" || source.state === "stale") {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.test = "ask-about-it";
    button.textContent = TEXTS[language].askAboutIt;
    button.addEventListener("click", ask);
    entry.append(button);
  } else if (!isOver(source)) {
    entry.append(progress(source));
  }
  return entry;
}

/**
 * Makes `list` show `sources`. Entries that say the same as before stay the elements they are: a button keeps
 * its focus while another file is being read.
 */
export function showSources(list: Element, sources: readonly Source[], language: Language, ask: () => void): void {
  const fresh = sources.map((source) => renderSource(source, language, ask));
  const shown = [...list.children];
  const added = fresh.length - shown.length;
  // new ones come in front, see `upsert`
  list.prepend(...fresh.slice(0, added));
  fresh.slice(added).forEach((entry, place) => {
    if (!entry.isEqualNode(shown[place]!)) shown[place]!.replaceWith(entry);
  });
}

/** Known progress only while passages are counted; before that the bar just moves. */
function progress({ state, name, chunks_done, chunks_total }: Source): HTMLProgressElement {
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", name);
  if (state === "embedding" && chunks_total) {
    bar.max = chunks_total;
    bar.value = chunks_done ?? 0;
  }
  return bar;
}
