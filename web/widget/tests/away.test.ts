import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { localeFor, whenBack } from "../src/away";
import type { Staff } from "../src/contract";
import { Records } from "../src/records";
import { mountWidget } from "../src/widget";

const FRIDAY = Date.parse("2026-11-27T18:30:00+01:00");
const away = (back_at: string | null, zone = "Europe/Stockholm"): Staff => ({ open: !back_at, back_at, zone });

describe("when people are back", () => {
  it.each([
    ["sv", "2026-11-27T20:00:00+01:00", "i dag 20:00"],
    ["sv", "2026-11-28T09:00:00+01:00", "i morgon 09:00"],
    ["sv", "2026-11-30T09:00:00+01:00", "måndag 09:00"],
    ["sv", "2026-12-03T09:00:00+01:00", "torsdag 09:00"],
    ["sv", "2026-12-04T09:00:00+01:00", "4 december 2026 kl. 09:00"],
    ["en-GB", "2026-11-27T20:00:00+01:00", "today 20:00"],
    ["en-GB", "2026-11-28T09:00:00+01:00", "tomorrow 09:00"],
    ["en-US", "2026-11-30T09:00:00+01:00", "Monday 9:00 AM"],
    ["en-GB", "2026-12-04T09:00:00+01:00", "4 December 2026 at 09:00"],
  ])("is read in %s: %s", (locale, at, text) => {
    // which kind of space stands between is the browser's business
    expect(whenBack(away(at), locale, FRIDAY).replace(/\s/g, " ")).toBe(text);
  });

  it("is told by the company's clock, not the visitor's", () => {
    const late = Date.parse("2026-11-27T23:30:00Z");
    expect(whenBack(away("2026-11-28T09:00:00+09:00", "Asia/Tokyo"), "sv", Date.parse("2026-11-27T14:00:00Z"))).toBe("i morgon 09:00");
    expect(whenBack(away("2026-11-28T10:00:00+09:00", "Asia/Tokyo"), "sv", late)).toBe("i dag 10:00");
  });

  it("is not told while they are there, once it has passed, or where nobody knows", () => {
    for (const staff of [undefined, null, away(null), { ...away(null), open: false }, away("2026-11-27T18:30:00+01:00")])
      expect(whenBack(staff, "sv", FRIDAY)).toBe("");
  });

  it("is left out by a browser that does not know the zone", () => {
    expect(whenBack(away("2026-11-30T09:00:00+01:00", "Mars/Olympus"), "sv", FRIDAY)).toBe("");
  });
});

it("follows the visitor's own way to write times in the widget's language", () => {
  vi.stubGlobal("navigator", { languages: ["de-DE", "en-GB", "en"] });
  expect([localeFor("en"), localeFor("sv")]).toEqual(["en-GB", "sv"]);
  vi.unstubAllGlobals();
});

describe("the panel", () => {
  let stream: ReadableStreamDefaultController<Uint8Array>;
  let staff: Staff | null;
  let mounted: HTMLElement;

  const tell = async (id: string, event: string, data: object) => {
    stream.enqueue(new TextEncoder().encode(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
    await vi.advanceTimersByTimeAsync(0);
  };
  const find = (selector: string) => mounted.querySelector("#replik")!.shadowRoot!.querySelector<HTMLElement>(selector)!;
  const line = () => find(".away");
  const ask = async (language: "sv" | "en") => {
    mounted = document.body.appendChild(document.createElement("div"));
    mountWidget({ origin: "https://replik.test", key: "pk_1", language, title: null, target: mounted }).ask("hello");
    await vi.advanceTimersByTimeAsync(0);
  };
  const unknown = { turn_id: "t", message_id: "m", position: 2, author: "agent", kind: "text", text: "?", offer_person: true, at: "" };

  beforeEach(() => {
    vi.useFakeTimers({ now: FRIDAY });
    localStorage.clear();
    new Records("pk_1").forget();
    vi.stubGlobal("CSSStyleSheet", class { replaceSync() {} });
    vi.stubGlobal("fetch", (url: string, { method }: RequestInit) => {
      const ticket = { conversation_id: "conv_1", visitor_token: "token", expires_at: "2099-01-01T00:00:00Z", staff };
      if (method === "POST") return Promise.resolve(Response.json(/messages|handover/.test(url) ? {} : ticket));
      return Promise.resolve(new Response(new ReadableStream({ start: (controller) => void (stream = controller) })));
    });
  });

  afterEach(() => {
    mounted.remove();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it.each([
    ["sv", "Våra medarbetare är tillbaka måndag 09:00"],
    ["en", "Our team is back Monday 9:00 AM"],
  ] as const)("says so in %s to whom a person is offered, and to who waits for one", async (language, text) => {
    staff = away("2026-11-30T09:00:00+01:00");
    await ask(language);
    expect(line().hidden).toBe(true);
    await tell("2", "message", unknown);
    expect(line().hidden).toBe(false);
    expect(line().textContent!.replace(/\s/g, " ")).toBe(text);
    expect(find(".person").getAttribute("aria-describedby")).toBe(line().id);
    expect(find(".subtitle").hidden).toBe(false);
    await tell("3", "handover", { mode: "human", text: "", at: "" });
    expect(line().hidden).toBe(false);
    expect(find(".subtitle").hidden).toBe(true);
    await tell("3.5", "message", { ...unknown, message_id: "s", turn_id: null, position: 4, author: "staff" });
    expect(find(".subtitle").hidden).toBe(false);
    await tell("4", "handover", { mode: "agent", text: "", at: "" });
    await tell("5", "message", { ...unknown, message_id: "n", turn_id: "u", position: 5, offer_person: false });
    expect(line().hidden).toBe(true);
  });

  it.each([null, away(null)])("says nothing when people are there or no hours are set", async (known) => {
    staff = known;
    await ask("en");
    await tell("2", "handover", { mode: "human", text: "", at: "" });
    expect(line().hidden).toBe(true);
    expect(line().textContent).toBe("");
  });

  it.each([
    ["handover", { mode: "human", text: "", at: "" }],
    ["message", unknown],
  ])("asks whether people are still there at a %s", async (event, data) => {
    staff = away(null);
    await ask("sv");
    staff = away("2026-11-30T09:00:00+01:00"); // they went home meanwhile
    await tell("2", event, data);
    await vi.advanceTimersByTimeAsync(0);
    expect(line().textContent).toBe("Våra medarbetare är tillbaka måndag 09:00");
  });

  it("follows what the server says when the hold is renewed", async () => {
    staff = away(null);
    await ask("sv");
    await tell("2", "handover", { mode: "human", text: "", at: "" });
    staff = away("2026-11-30T09:00:00+01:00");
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(line().textContent).toBe("Våra medarbetare är tillbaka måndag 09:00");
  });
});
