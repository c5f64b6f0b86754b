import { describe, expect, it } from "vitest";
import { markdown } from "../src/markdown";

function render(text: string, known = [1, 2]): HTMLElement {
  const element = document.createElement("div");
  element.append(
    markdown(text, (number) => {
      if (!known.includes(number)) return null;
      const mark = document.createElement("sup");
      mark.textContent = String(number);
      return mark;
    }),
  );
  return element;
}

const html = (text: string) => render(text).innerHTML;

describe("Markdown", () => {
  it("renders emphasis, code and line breaks", () => {
    expect(html("**bold** and *soft* and _soft_ `a*b*`\nnext")).toBe(
      "<p><strong>bold</strong> and <em>soft</em> and <em>soft</em> <code>a*b*</code><br>next</p>",
    );
    expect(html("**a *b* c**")).toBe("<p><strong>a <em>b</em> c</strong></p>");
  });

  it("leaves names with underscores, sums and escaped marks alone", () => {
    expect(html("snake_case_name, 2 * 3 * 4, \\*so\\*")).toBe("<p>snake_case_name, 2 * 3 * 4, *so*</p>");
  });

  it("renders lists, nested and loose, with their start", () => {
    expect(html("- a\n  - b\n- c")).toBe("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>");
    expect(html("3. a\n\n4. b")).toBe('<ol start="3"><li>a</li><li>b</li></ol>');
    expect(html("1. a\n- b")).toBe('<ol start="1"><li>a</li></ol><ul><li>b</li></ul>');
  });

  it("renders tables with alignment and escaped bars", () => {
    const table = render("| A | B |\n|---|--:|\n| x \\| y | 2 |\n| only |");
    expect([...table.querySelectorAll("th")].map((cell) => cell.textContent)).toEqual(["A", "B"]);
    expect([...table.querySelectorAll("td")].map((cell) => cell.textContent)).toEqual(["x | y", "2", "only", ""]);
    expect(table.querySelectorAll("td")[1]?.getAttribute("align")).toBe("right");
  });

  it("keeps what is in a fence as it is, also while the fence is still open", () => {
    expect(render("```js\n**no** <b>\n\n[1]\n```\nafter").querySelector("pre")?.textContent).toBe("**no** <b>\n\n[1]");
    expect(render("```\nhalf").querySelector("pre")?.textContent).toBe("half");
  });

  it("marks citations it knows, single and grouped, and leaves others as text", () => {
    expect(html("Yes [1][2].")).toBe("<p>Yes<sup>1</sup><sup>2</sup>.</p>");
    expect(html("Yes [1, 2].")).toBe("<p>Yes<sup>1</sup><sup>2</sup>.</p>");
    expect(html("Yes [7].")).toBe("<p>Yes [7].</p>");
  });
});

describe("links", () => {
  it("open in a new tab without an opener", () => {
    const link = render("[site](https://example.com/a_(b)?c=1&d=2)").querySelector("a");
    expect(link?.href).toBe("https://example.com/a_(b)?c=1&d=2");
    expect(link?.target).toBe("_blank");
    expect(link?.rel).toContain("noopener");
  });

  it("are made of bare addresses, without the full stop after them", () => {
    const link = render("See https://example.com/a?b=1.").querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://example.com/a?b=1");
  });

  it("may be mail and telephone", () => {
    expect(render("[m](mailto:a@example.com) [t](tel:+4612345)").querySelectorAll("a")).toHaveLength(2);
  });

  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.com/1",
    "/relative",
    "//example.com/x",
  ])("are not made of %j", (address) => {
    expect(render(`[x](${address})`).querySelector("a")).toBeNull();
    expect(render(`![x](${address})`).querySelector("a, img")).toBeNull();
  });
});

describe("hostile text", () => {
  it.each([
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "**<svg onload=alert(1)>**",
    "| <iframe src=x> |\n|---|\n| <b>x</b> |",
    "- <a href=javascript:alert(1)>x</a>",
    "`<script>`",
    '[<img src=x onerror=1>](https://example.com/"onmouseover="alert(1))',
  ])("stays text: %s", (text) => {
    const element = render(text);
    expect(element.querySelector("script, img, svg, iframe, b")).toBeNull();
    for (const node of element.querySelectorAll("*")) {
      for (const { name } of [...node.attributes]) expect(["href", "target", "rel", "class", "tabindex", "align"]).toContain(name);
    }
  });

  it("cannot exhaust the stack or the time", () => {
    const started = performance.now();
    render("> - ".repeat(2000) + "x");
    render("  ".repeat(40) + "- a\n".repeat(2000));
    render("*".repeat(3000) + "[".repeat(3000) + "`".repeat(3000) + "_a".repeat(3000));
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
