import { h } from "./dom";
import { safeUrl } from "./links";

/** The mark for source `number`, or null when the answer has no such source. */
export type Cite = (number: number) => Node | null;

type Rule = [pattern: RegExp, build: (match: RegExpExecArray, cite: Cite) => Node[]];

const text = (value: string): Node[] => [document.createTextNode(value)];

const RULES: Rule[] = [
  [/\\([\\`*_[\]()#|~>!.-])/y, (match) => text(match[1]!)],
  [/(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/y, (match) => [h("code", "", match[2]!)]],
  [/!?\[([^\]\n]*)\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))+)>?(?:\s+"[^"]*")?\s*\)/y, ([whole, label, address], cite) => link(whole, label!, address!, cite)],
  // without the space before it: a mark must not begin a line
  [/ ?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/y, (match, cite) => citations(match, cite)],
  [/(\*\*|__)(\S|\S.*?\S)\1(?!\*)/y, (match, cite) => [h("strong", "", ...inline(match[2]!, cite))]],
  [/([*_])(?=[^\s*_])((?:(?!\1).)*\S)\1(?!\w)/y, (match, cite) => [h("em", "", ...inline(match[2]!, cite))]],
  [/https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]*_]/y, (match) => anchor(match[0], text(match[0])) ?? text(match[0])],
];

/** A line's marks as nodes: emphasis, code, links and citations. */
export function inline(source: string, cite: Cite): Node[] {
  const nodes: Node[] = [];
  let plain = 0;
  let at = 0;
  while (at < source.length) {
    const found = starts(source, at) ? match(source, at) : null;
    if (!found) {
      at += 1;
      continue;
    }
    if (at > plain) nodes.push(...text(source.slice(plain, at)));
    nodes.push(...found.rule[1](found.match, cite));
    at = plain = at + found.match[0].length;
  }
  if (at > plain) nodes.push(...text(source.slice(plain)));
  return nodes;
}

function starts(source: string, at: number): boolean {
  const char = source[at]!;
  // underscores and addresses count at the start of a word only: snake_case is no emphasis
  if (char === "_" || char === "h") return at === 0 || !/[\p{L}\p{N}_]/u.test(source[at - 1]!);
  return " \\`![*".includes(char);
}

function match(source: string, at: number): { rule: Rule; match: RegExpExecArray } | null {
  for (const rule of RULES) {
    rule[0].lastIndex = at;
    const found = rule[0].exec(source);
    if (found) return { rule, match: found };
  }
  return null;
}

function link(whole: string, label: string, address: string, cite: Cite): Node[] {
  return anchor(address, inline(label || address, cite)) ?? text(whole);
}

function anchor(address: string, content: Node[]): Node[] | null {
  const href = safeUrl(address);
  return href ? [h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...content)] : null;
}

function citations([whole, numbers]: RegExpExecArray, cite: Cite): Node[] {
  const marks = numbers!.split(",").map((number) => cite(Number(number)));
  return marks.every((mark): mark is Node => mark !== null) ? marks : text(whole);
}
