/** Markdown as DOM nodes. What is not understood, HTML first of all, stays text. */

import { h } from "./dom";
import { inline, type Cite } from "./inline";

const DEEPEST = 6;
const FENCE = /^\s*(`{3,})/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

export function markdown(text: string, cite: Cite): DocumentFragment {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(text.split(/\r?\n/), cite, 0));
  return fragment;
}

function blocks(lines: string[], cite: Cite, depth: number): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  /** The lines from here while `test` holds. */
  const take = (test: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && test(lines[at]!)) at += 1;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at]!;
    let match: RegExpExecArray | null;
    if (!line.trim()) {
      at += 1;
    } else if ((match = FENCE.exec(line))) {
      const fence = match[1]!;
      at += 1;
      const code = take((next) => !next.trim().startsWith(fence));
      at += 1;
      nodes.push(h("pre", { tabindex: "0" }, h("code", "", code.join("\n"))));
    } else if ((match = HEADING.exec(line))) {
      at += 1;
      nodes.push(h("p", { class: "heading", role: "heading", "aria-level": "4" }, ...inline(match[2]!, cite)));
    } else if (depth < DEEPEST && (match = ITEM.exec(line))) {
      const indent = match[1]!.length;
      const ordered = isOrdered(match[2]!);
      nodes.push(list(take((next) => belongs(next, indent, ordered)), ordered, cite, depth));
    } else if (line.includes("|") && isDivider(lines[at + 1])) {
      nodes.push(table(take((next) => next.includes("|")), cite));
    } else {
      at += 1;
      const more = take((next) => Boolean(next.trim()) && ![FENCE, HEADING, ITEM].some((start) => start.test(next)));
      nodes.push(h("p", "", ...broken([line, ...more], cite)));
    }
  }
  return nodes;
}

/** Does this line still belong to a list that starts at `indent`? Blank lines do: loose lists are common. */
function belongs(line: string, indent: number, ordered: boolean): boolean {
  if (!line.trim()) return true;
  const item = ITEM.exec(line);
  if (!item) return line.search(/\S/) > indent;
  return item[1]!.length > indent || (item[1]!.length === indent && isOrdered(item[2]!) === ordered);
}

function isOrdered(marker: string): boolean {
  return /\d/.test(marker);
}

function list(lines: string[], ordered: boolean, cite: Cite, depth: number): HTMLElement {
  const first = ITEM.exec(lines[0]!)!;
  const indent = first[1]!.length;
  const items: string[][] = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1]!.length <= indent + 1) items.push([item[3]!]);
    else items[items.length - 1]!.push(line.slice(Math.min(indent + 2, Math.max(0, line.search(/\S/)))));
  }
  const nodes = items.map((content) => {
    const [start, ...rest] = blocks(content, cite, depth + 1);
    // a short item needs no paragraph around it
    const head = start instanceof HTMLParagraphElement && !start.className ? [...start.childNodes] : start ? [start] : [];
    return h("li", "", ...head, ...rest);
  });
  return ordered ? h("ol", { start: first[2]!.replace(/\D/g, "") }, ...nodes) : h("ul", "", ...nodes);
}

function isDivider(line: string | undefined): boolean {
  return line !== undefined && line.includes("|") && DIVIDER.test(line);
}

function table(lines: string[], cite: Cite): HTMLElement {
  const rows = lines.map((line) =>
    line
      .trim()
      .replace(/^\||\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
  const align = rows[1]!.map((cell) => /-:$/.test(cell) && (cell[0] === ":" ? "center" : "right"));
  const row = (tag: "th" | "td", cells: string[]) =>
    h("tr", "", ...rows[0]!.map((_, column) => h(tag, { align: align[column] }, ...inline(cells[column] ?? "", cite))));
  return h(
    "div",
    { class: "table", tabindex: "0" },
    h("table", "", h("thead", "", row("th", rows[0]!)), h("tbody", "", ...rows.slice(2).map((cells) => row("td", cells)))),
  );
}

function broken(lines: string[], cite: Cite): Node[] {
  return lines.flatMap((line, index) => (index ? [h("br"), ...inline(line, cite)] : inline(line, cite)));
}
