import type { Problem } from "./api";

export type Language = "sv" | "en";

const en = {
  title: "Customer support",
  subtitle: "AI assistant, answers with sources",
  subtitlePerson: "You are talking to a person",
  back: "Our team is back",
  open: "Open the chat",
  close: "Close the chat",
  restart: "New conversation",
  greeting: "Hi! How can I help?",
  greetingMore: "I am an AI assistant. I answer with sources, so that you can check.",
  input: "Write your question…",
  send: "Send",
  waiting: "One moment…",
  searching: "Searching…",
  writing: "Writing…",
  you: "You",
  agent: "Assistant:",
  staff: "Support team",
  sources: "Sources",
  page: "p.",
  partial: "The answer was interrupted here.",
  person: "Talk to a person",
  retry: "Try again",
  lost: "Reconnecting…",
  note: "AI can be wrong. Check the sources.",
  offline: "Not sent: no connection.",
  failed: "Not sent: something went wrong.",
  limited: "Not sent: too many messages. Wait a moment.",
};

export type Texts = typeof en;

const sv: Texts = {
  title: "Kundtjänst",
  subtitle: "AI-assistent, svarar med källor",
  subtitlePerson: "Du pratar med en människa",
  back: "Våra medarbetare är tillbaka",
  open: "Öppna chatten",
  close: "Stäng chatten",
  restart: "Ny konversation",
  greeting: "Hej! Vad kan jag hjälpa till med?",
  greetingMore: "Jag är en AI-assistent. Jag svarar med källor, så att du kan kontrollera.",
  input: "Skriv din fråga…",
  send: "Skicka",
  waiting: "Ett ögonblick…",
  searching: "Söker…",
  writing: "Skriver…",
  you: "Du",
  agent: "Assistenten:",
  staff: "Kundtjänst",
  sources: "Källor",
  page: "s.",
  partial: "Svaret avbröts här.",
  person: "Prata med en människa",
  retry: "Försök igen",
  lost: "Återansluter…",
  note: "AI kan ha fel. Kontrollera källorna.",
  offline: "Inte skickat: ingen anslutning.",
  failed: "Inte skickat: något gick fel.",
  limited: "Inte skickat: för många meddelanden. Vänta en stund.",
};

export const TEXTS: Record<Language, Texts> = { sv, en };

/** The first of the wanted languages that the widget speaks, else English. */
export function chooseLanguage(...wanted: (string | null | undefined)[]): Language {
  const known = wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find((tag) => tag === "sv" || tag === "en");
  return (known as Language | undefined) ?? "en";
}

export function explain(problem: Problem | null | undefined, { failed, offline, limited }: Texts): string {
  return problem?.status === 0 ? offline : problem?.status === 429 ? limited : failed;
}
