/** One item of the transcript as DOM nodes. */

import type { Citation } from "./contract";
import { button, h, type Child } from "./dom";
import { safeUrl } from "./links";
import { markdown } from "./markdown";
import { explain, type Texts } from "./texts";
import type { Item } from "./transcript";

export interface ItemActions {
  texts: Texts;
  /** Citations may be addressed relative to the API. */
  origin: string;
  retry(clientMessageId: string): void;
}

export function renderItem(item: Item, actions: ItemActions): HTMLElement {
  if (item.author === "customer") return renderOwn(item, actions);
  if (item.author === "system") return h("div", item.state, item.text);
  return renderReply(item, actions);
}

/** The item as it is read aloud: without marks. */
export function spoken({ text }: Item): string {
  return text.replace(/\s?\[[\d, ]+\]|\]\([^)]*\)|^[-|: ]+$|[*_`#|[\]]/gm, "");
}

function renderOwn({ key, state, text, problem }: Item, { texts, retry }: ItemActions): HTMLElement {
  return h(
    "div",
    "own " + state,
    h("div", "bubble", h("span", "hidden", texts.you + ": "), text),
    state === "failed" &&
      h(
        "div",
        { class: "problem", role: "alert" },
        explain(problem, texts) + " ",
        button("retry", () => retry(key), texts.retry),
      ),
  );
}

function renderReply({ author, state, text, citations }: Item, { texts, origin }: ItemActions): HTMLElement {
  const cite = (number: number) => {
    const citation = citations.find((one) => one.number === number);
    if (!citation) return null;
    const label = `${number}: ${place(citation, texts)}`;
    const attributes = { class: "cite", "aria-label": label, title: citation.quote || label };
    return h("sup", "", opened(citation, origin, attributes, String(number)));
  };
  const staff = author === "staff";
  return h(
    "div",
    { class: `reply ${author} ${state}`, hidden: !text },
    h("div", staff ? "author" : "hidden", staff ? texts.staff : texts.agent),
    h("div", "answer", markdown(text, cite)),
    state === "partial" && h("div", "aside", texts.partial),
    state !== "running" && citations.length > 0 && sources(citations, texts, origin),
  );
}

function sources(citations: readonly Citation[], texts: Texts, origin: string): HTMLElement {
  const entry = (citation: Citation) => {
    const number = h("span", "number", String(citation.number));
    const name = h("span", "", h("b", "", citation.title), place(citation, texts).slice(citation.title.length));
    return h("li", "", opened(citation, origin, { title: citation.quote }, number, name));
  };
  const ordered = [...citations].sort((a, b) => a.number - b.number);
  return h("div", "sources", h("div", "aside", texts.sources), h("ul", "", ...ordered.map(entry)));
}

/** A link to the cited place in a new tab, or plain text where there is nothing to open. */
function opened({ url }: Citation, origin: string, attributes: Record<string, string>, ...content: Child[]): HTMLElement {
  const href = url && safeUrl(url, origin);
  return href ? h("a", { href, target: "_blank", rel: "noopener noreferrer", ...attributes }, ...content) : h("span", attributes, ...content);
}

/** The title once: a heading's path begins with it when the document has only one first-level heading. */
function place({ title, heading, page }: Citation, texts: Texts): string {
  return [title, heading !== title && heading.replace(title + " > ", ""), page != null && `${texts.page} ${page}`].filter(Boolean).join(" – ");
}
