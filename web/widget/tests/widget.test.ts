import { beforeEach, describe, expect, it, vi } from "vitest";
import { renderItem, spoken, type ItemActions } from "../src/items";
import { createLog } from "../src/log";
import { chooseLanguage, TEXTS } from "../src/texts";
import type { Item } from "../src/transcript";

const actions: ItemActions = { texts: TEXTS.en, origin: "https://replik.test", retry: vi.fn() };
const answer: Item = {
  key: "message:1",
  order: 2,
  author: "agent",
  state: "final",
  text: "You have **30 days** [1].",
  deltaIds: [],
  citations: [
    { number: 2, passage_id: "", source_id: "", title: "Shipping", heading: "", page: null, quote: "", language: "en", url: "" },
    { number: 1, passage_id: "", source_id: "", title: "Terms", heading: "Returns", page: 3, quote: "30 days", language: "en", url: "/sources/1" },
  ],
};

describe("an answer", () => {
  it("links its citations to the cited place in a new tab", () => {
    const cite = renderItem(answer, actions).querySelector<HTMLAnchorElement>("a.cite");
    expect(cite?.href).toBe("https://replik.test/sources/1");
    expect(cite?.rel).toContain("noopener");
    expect(cite?.getAttribute("aria-label")).toContain("Terms – Returns – p. 3");
  });

  it("lists its sources by number; one without address is text", () => {
    const entries = [...renderItem(answer, actions).querySelectorAll(".sources li > *")];
    expect(entries.map((entry) => entry.textContent)).toEqual(["1Terms – Returns – p. 3", "2Shipping"]);
    expect(entries.map((entry) => entry.tagName)).toEqual(["A", "SPAN"]);
  });

  it("never links a source to a script", () => {
    const hostile = { ...answer, citations: [{ ...answer.citations[1]!, url: "javascript:alert(1)" }] };
    expect(renderItem(hostile, actions).querySelector("a")).toBeNull();
  });

  it("is read aloud without marks", () => {
    expect(spoken({ ...answer, text: "You have **30 days** [1]. See [terms](https://x.test)." })).toBe("You have 30 days. See terms.");
  });
});

describe("the log", () => {
  const announced: string[] = [];
  const create = () => createLog("Support", actions, (text) => announced.push(text), document.createElement("div"));
  beforeEach(() => void announced.splice(0));

  it("announces a finished answer once, and neither the running one nor the past", () => {
    const log = create();
    const past = { ...answer, key: "message:0", order: 1, text: "Past" };
    const running: Item = { ...answer, key: "turn:1", state: "running", text: "You" };
    log.update([past], false);
    log.update([past, running], true);
    log.update([past, answer], true);
    log.update([past, answer], true);
    expect(announced).toEqual(["You have 30 days."]);
  });

  it("keeps the nodes of what did not change", () => {
    const log = create();
    log.update([answer], true);
    const node = log.element.querySelector(".reply");
    const own: Item = { ...answer, key: "c1", author: "customer", state: "sent", text: "Thanks", order: 1 };
    log.update([own, answer], true);
    expect(log.element.querySelector(".reply")).toBe(node);
    expect([...log.element.querySelectorAll(".items > *")].map((item) => item.className.split(" ")[0])).toEqual(["own", "reply"]);
    log.update([own], true);
    expect(log.element.querySelectorAll(".items > *")).toHaveLength(1);
  });
});

it("speaks the first language it knows, else English", () => {
  expect(chooseLanguage("sv-SE")).toBe("sv");
  expect(chooseLanguage("", "de", "sv")).toBe("sv");
  expect(chooseLanguage("fi", null)).toBe("en");
});

it("has every text in both languages", () => {
  expect(Object.keys(TEXTS.sv)).toEqual(Object.keys(TEXTS.en));
});
