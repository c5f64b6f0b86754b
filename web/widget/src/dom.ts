/** Attributes, or only the class. */
type Attributes = string | Record<string, string | boolean | undefined>;
export type Child = Node | string | false | null;

/** An element with attributes and children; text stays text. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = "",
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const entries = Object.entries(typeof attributes === "string" ? { class: attributes } : attributes);
  for (const [name, value] of entries) if (value) element.setAttribute(name, value === true ? "" : value);
  for (const child of children) if (child) element.append(child);
  return element;
}

export function button(name: string, click: () => void, ...children: Child[]): HTMLButtonElement {
  const element = h("button", name, ...children);
  element.addEventListener("click", click);
  return element;
}

/** A button that is only an icon: its label is its name and its tooltip. */
export function iconButton(name: string, label: string, click: () => void, path: string): HTMLButtonElement {
  const element = button(name, click, icon(path));
  element.title = label;
  return element;
}

/** A stroked 24 x 24 icon. */
export function icon(path: string): SVGElement {
  const make = (tag: string, name: string, value: string): SVGElement => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement;
    element.setAttribute(name, value);
    return element;
  };
  const svg = make("svg", "viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(make("path", "d", path));
  return svg;
}
