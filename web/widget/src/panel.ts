import { localeFor, whenBack } from "./away";
import type { Conversation } from "./conversation";
import { button, h, icon, iconButton } from "./dom";
import { createLog } from "./log";
import type { Options } from "./options";
import { TEXTS } from "./texts";
import { activity } from "./transcript";

const LONGEST = "4000";
const CROSS = "M6 6l12 12M18 6L6 18";
const ARROW = "M12 19V5M6 11l6-6 6 6";
const AGAIN = "M4 12a8 8 0 1 0 2.6-5.9L4 8.5V4";
export const BUBBLE = "M5 5.5h14v10H11l-4.5 3.5v-3.5H5zM9 9.3h6M9 12h4";

/** The conversation as the visitor sees it; `update` shows its present state. */
export function createPanel(conversation: Conversation, { language, title, origin, target }: Options, close: () => void, restart: () => void) {
  const texts = TEXTS[language];
  const name = title ?? texts.title;
  const mark = () => h("div", "mark", icon(BUBBLE));
  const subtitle = h("div", "subtitle");
  const away = h("div", { class: "away", id: "away" });
  const greeting = h("div", "greeting", mark(), h("p", "hello", texts.greeting), h("p", "", texts.greetingMore));
  const stage = h("span");
  const typing = h("div", "typing", h("i"), h("i"), h("i"), stage);
  const person = button("person", () => {
    void conversation.askForPerson();
    focus();
  });
  person.setAttribute("aria-describedby", away.id);
  const lost = h("div", "lost", texts.lost);
  const status = h("div", { class: "hidden status", role: "status" });
  const announce = (text: string) => {
    status.textContent = text;
  };
  // the button that was pressed goes away: the focus must not go with it
  const retry = (id: string) => {
    conversation.retry(id);
    focus();
  };
  const log = createLog(name, { texts, origin, retry }, announce, h("div", "tail", typing, person));
  const input = h("textarea", { rows: "1", maxlength: LONGEST, placeholder: texts.input, "aria-label": texts.input, enterkeyhint: "send" });
  const again = iconButton("restart", texts.restart, restart, AGAIN);

  /** As high as its text; CSS sets the limit. */
  const fit = () => {
    sendButton.disabled = !input.value.trim();
    input.style.height = "auto";
    if (input.value) input.style.height = `${input.scrollHeight}px`;
  };
  const send = () => {
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    fit();
    conversation.send(text);
  };
  const sendButton = iconButton("send", texts.send, send, ARROW);
  input.addEventListener("input", fit);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  fit();

  const element = h(
    "section",
    { class: "panel", role: target ? "region" : "dialog", "aria-label": name, lang: language },
    h("header", "", mark(), h("div", "names", h("h2", "", name), subtitle, away), again, !target && iconButton("close", texts.close, close, CROSS)),
    greeting,
    log.element,
    lost,
    h("div", "composer", input, sendButton),
    h("div", "note", texts.note),
    status,
  );

  let wasDoing: string | null = null;
  const update = () => {
    const { transcript, connection, asking, live, staff } = conversation.state;
    const { items, mode } = transcript;
    const doing = activity(transcript);
    const human = mode === "human";
    const offered = items.filter(({ author }) => author !== "customer").pop()?.offerPerson;
    subtitle.textContent = human ? texts.subtitlePerson : texts.subtitle;
    const back = whenBack(staff, localeFor(language));
    away.textContent = back && `${texts.back} ${back}`;
    away.hidden = !back || !(human || offered);
    // nobody has come yet: who waits is not told that they talk to a person
    subtitle.hidden = human && !away.hidden && !items.some(({ author }) => author === "staff");
    greeting.hidden = items.length > 0;
    log.element.hidden = again.hidden = !items.length;
    lost.hidden = connection === "open";
    typing.hidden = !doing;
    stage.textContent = doing && texts[doing];
    person.hidden = !offered || human || doing !== null;
    person.disabled = asking === "asking";
    person.textContent = { no: texts.person, asking: texts.waiting, failed: texts.retry }[asking];
    if (doing && live && !wasDoing) announce(`${texts.agent} ${texts.writing}`);
    wasDoing = doing;
    log.update(items, live);
  };
  update();

  const focus = () => {
    input.focus({ preventScroll: true });
    log.toEnd();
  };
  return { element, focus, update };
}
