import { h } from "./dom";
import { renderItem, spoken, type ItemActions } from "./items";
import type { Item } from "./transcript";

const NEAR_END_PX = 96;

/** The list of messages: renders what changed, stays at the end, and announces each new answer once. */
export function createLog(name: string, actions: ItemActions, announce: (text: string) => void, tail: HTMLElement) {
  const list = h("div", "items");
  const element = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": name, tabindex: "0" }, list, tail);
  let shown = new Map<string, [Item, HTMLElement]>();

  const toEnd = () => {
    element.scrollTop = element.scrollHeight;
  };

  const update = (items: readonly Item[], live: boolean) => {
    let follow = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
    const before = shown;
    shown = new Map();
    items.forEach((item, index) => {
      const known = before.get(item.key);
      const node = known?.[0] === item ? known[1] : renderItem(item, actions);
      shown.set(item.key, [item, node]);
      if (known && known[1] !== node) known[1].remove();
      // touches only what changed, so that a selection or a focused link survives
      if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
      if (known) return;
      if (item.author === "customer") follow = true;
      else if (live && item.state !== "running") announce(spoken(item));
    });
    while (list.children[items.length]) list.lastChild!.remove();
    if (follow) toEnd();
  };

  return { element, toEnd, update };
}
