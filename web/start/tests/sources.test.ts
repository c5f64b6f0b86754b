import { describe, expect, it, vi } from "vitest";
import { describe as say, isOver, renderSource, showSources, upsert, type Source } from "../src/sources";

const source: Source = { source_id: "src_1", name: "Terms.pdf", state: "queued" };

describe("the source list", () => {
  it("puts new material first and updates known material where it stands", () => {
    let list = upsert([], source);
    list = upsert(list, { ...source, source_id: "src_2", name: "Other" });
    list = upsert(list, { ...source, state: "embedding", chunks_done: 1, chunks_total: 4 });
    expect(list.map(({ source_id, state }) => [source_id, state])).toEqual([
      ["src_2", "queued"],
      ["src_1", "embedding"],
    ]);
  });

  it("lets the server's source take the place of the one on its way", () => {
    const list = upsert(upsert([], { source_id: "local", name: "Terms.pdf", state: "sending" }), source, "local");
    expect(list).toEqual([source]);
  });

  it("does not forget what a shorter event leaves out", () => {
    const [known] = upsert([{ ...source, chunks_total: 9 }], { source_id: "src_1", name: "Terms.pdf", state: "ready" });
    expect(known?.chunks_total).toBe(9);
  });
});

describe("a source's progress", () => {
  it("is told in the visitor's language, with passages once they are counted", () => {
    expect(say({ ...source, state: "embedding", chunks_done: 3, chunks_total: 12 }, "sv")).toBe("Indexerar: 3 av 12 stycken");
    expect(say({ ...source, state: "embedding", chunks_total: 0 }, "en")).toBe("Indexing");
    expect(say({ ...source, state: "failed", reason: "Encrypted." }, "en")).toBe("Encrypted.");
    expect(say({ ...source, state: "stale", reason: "Encrypted." }, "en")).toBe("Encrypted.");
    expect(say({ ...source, state: "failed", reason: null }, "sv")).toBe("Det gick inte att läsa.");
  });

  it("shows a bar while it runs, a button when it is ready, and neither when it failed", () => {
    const ask = vi.fn();
    const embedding = renderSource({ ...source, state: "embedding", chunks_done: 3, chunks_total: 12 }, "en", ask);
    expect(embedding.querySelector("progress")).toMatchObject({ value: 3, max: 12 });
    const queued = renderSource(source, "en", ask);
    expect(queued.querySelector("progress")?.hasAttribute("value")).toBe(false);
    const ready = renderSource({ ...source, state: "ready" }, "en", ask);
    expect(ready.querySelector("progress")).toBeNull();
    ready.querySelector("button")!.click();
    expect(ask).toHaveBeenCalledOnce();
    expect(renderSource({ ...source, state: "failed" }, "en", ask).querySelector("progress, button")).toBeNull();
  });

  it("is over when the newest content could not be read, and what is live can still be asked about", () => {
    const stale = renderSource({ ...source, state: "stale" }, "en", vi.fn());
    expect(stale.querySelector("progress")).toBeNull();
    expect(stale.querySelector("button")).not.toBeNull();
    const states = ["queued", "extracting", "embedding", "ready", "failed", "stale"] as const;
    expect(states.filter((state) => isOver({ ...source, state }))).toEqual(["ready", "failed", "stale"]);
  });

  it("replaces only the entries that changed", () => {
    const list = document.createElement("ul");
    const done: Source = { ...source, source_id: "src_2", state: "ready" };
    const show = (...sources: Source[]) => showSources(list, sources, "en", () => {});
    show(source, done);
    const [first, second] = list.children;
    show({ ...source, source_id: "src_3" }, { ...source, state: "extracting" }, done);
    expect([...list.children].map((entry) => (entry as HTMLElement).dataset.state)).toEqual(["queued", "extracting", "ready"]);
    expect(list.children[1]).not.toBe(first);
    expect(list.children[2]).toBe(second);
  });

  it("keeps a file's name text", () => {
    const entry = renderSource({ ...source, name: "<img src=x onerror=alert(1)>.pdf" }, "en", () => {});
    expect(entry.querySelector("img")).toBeNull();
    expect(entry.querySelector("strong")?.textContent).toContain("<img");
  });
});
