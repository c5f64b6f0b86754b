import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Records } from "../src/records";
import { mountWidget, type Widget } from "../src/widget";

const begun: { identity?: string }[] = [];

/** A token whose name nobody has signed: only the server looks. */
const token = (sub: string, more = 0) => `e30.${btoa(JSON.stringify({ sub, exp: more })).replace(/=/g, "")}.x`;
const settle = () => vi.advanceTimersByTimeAsync(0);

let mounted: HTMLElement;
const mount = (identity?: string): Widget => {
  mounted = document.body.appendChild(document.createElement("div"));
  return mountWidget({ origin: "https://replik.test", key: "pk_1", language: "en", title: null, target: mounted, identity });
};

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  for (const who of ["", ":kund-17"]) new Records("pk_1", who).forget();
  begun.splice(0);
  vi.stubGlobal("CSSStyleSheet", class { replaceSync() {} });
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    if (init.method !== "POST") return new Promise(() => {});
    if (url.endsWith("/conversations")) begun.push(JSON.parse(init.body as string));
    const ticket = { conversation_id: `conv_${begun.length}`, visitor_token: "token", expires_at: "2099-01-01T00:00:00Z" };
    return Promise.resolve(Response.json(url.endsWith("/conversations") ? ticket : {}));
  });
});

afterEach(() => {
  mounted.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("begins with the identity that the page gave, and without one with none", async () => {
  mount(token("kund-17")).ask("hello");
  await settle();
  mounted.remove();
  mount().ask("hello");
  await settle();
  expect(begun.map(({ identity }) => identity)).toEqual([token("kund-17"), undefined]);
});

it("gives each visitor a conversation of their own, and forgets it when they sign out", async () => {
  const widget = mount();
  widget.ask("from nobody");
  await settle();
  widget.identify(token("kund-17"));
  widget.ask("from 17");
  await settle();
  expect(new Records("pk_1", ":kund-17").read()?.conversation_id).toBe("conv_2");
  // a newer token of the same visitor goes on in the same conversation
  widget.identify(token("kund-17", 1));
  widget.ask("again");
  await settle();
  expect(begun).toHaveLength(2);
  widget.identify();
  expect(new Records("pk_1", ":kund-17").read()).toBeNull();
  expect(new Records("pk_1").read()?.conversation_id).toBe("conv_1");
});

it("takes a token that cannot be read as it is: the server says what is wrong", async () => {
  mount("nonsense").ask("hello");
  await settle();
  expect(begun[0]?.identity).toBe("nonsense");
});
