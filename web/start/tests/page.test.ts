import { beforeEach, describe, expect, it, vi } from "vitest";
import page from "../index.html?raw";
import { snippet } from "../src/chat";
import { connectMaterials } from "../src/materials";
import { connectTabs } from "../src/tabs";
import { chooseLanguage, TEXTS, translate } from "../src/texts";

beforeEach(() => {
  document.body.innerHTML = new DOMParser().parseFromString(page, "text/html").body.innerHTML;
});

describe("the page", () => {
  it("has nothing inline that its policy would refuse", () => {
    const parsed = new DOMParser().parseFromString(page, "text/html");
    expect(parsed.querySelectorAll("style, [style], script:not([src])")).toHaveLength(0);
    for (const element of parsed.querySelectorAll("*")) {
      for (const { name } of [...element.attributes]) expect(name.startsWith("on")).toBe(false);
    }
  });

  it("has words for everything it names, in both languages", () => {
    expect(Object.keys(TEXTS.sv).sort()).toEqual(Object.keys(TEXTS.en).sort());
    for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) expect(TEXTS.en).toHaveProperty(element.dataset.text!);
    translate(document, "sv");
    expect(document.documentElement.lang).toBe("sv");
    expect(document.querySelector("h1")?.textContent).toBe("Kundtjänst som visar var det står.");
    expect(document.querySelector("button[data-language=sv]")?.getAttribute("aria-pressed")).toBe("true");
  });

  it("speaks Swedish to those who put it before English", () => {
    expect(chooseLanguage(["sv-SE", "en"])).toBe("sv");
    expect(chooseLanguage(["de", "sv", "en"])).toBe("sv");
    expect(chooseLanguage(["en-US", "sv"])).toBe("en");
    expect(chooseLanguage(["de"])).toBe("en");
  });

  it("gives the script tag with the tenant's key", () => {
    expect(snippet("https://replik.test", "pk_1")).toBe('<script async src="https://replik.test/widget.js" data-key="pk_1"></script>');
  });
});

describe("material", () => {
  it("is taken from text and addresses, not when empty", () => {
    translate(document, "en");
    const give = vi.fn();
    connectMaterials(give);
    const submit = (id: string) => document.getElementById(id)!.dispatchEvent(new Event("submit", { cancelable: true }));
    submit("text-form");
    submit("url-form");
    expect(give).not.toHaveBeenCalled();
    document.querySelector<HTMLTextAreaElement>("#text")!.value = "We open at nine.";
    submit("text-form");
    expect(give).toHaveBeenLastCalledWith({ text: "We open at nine.", title: "Pasted text" });
    document.querySelector<HTMLInputElement>("#url")!.value = "example.com/terms";
    submit("url-form");
    expect(give).toHaveBeenLastCalledWith({ url: "https://example.com/terms" });
  });
});

it("moves between tabs with the arrow keys", () => {
  connectTabs(document.querySelector<HTMLElement>("[role=tablist]")!);
  const tab = document.getElementById("tab-file")!;
  tab.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  expect(document.activeElement?.id).toBe("tab-text");
  expect(document.getElementById("panel-file")!.hidden).toBe(true);
  expect(document.getElementById("panel-text")!.hidden).toBe(false);
  tab.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  expect(document.activeElement?.id).toBe("tab-url");
});
