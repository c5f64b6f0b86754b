export type Language = "sv" | "en";

const en = {
  docs: "API",
  health: "Status",
  headline: "Customer support that shows where it says so.",
  lead: "Replik answers your customers from your own pages, points at the source of every sentence, and calls a person when it should not answer.",
  plain: "Replik is running. There is no demo on this server; see Status for its health.",
  unreachable: "The server does not answer. Reload the page in a moment.",
  askTitle: "Ask the demo shop",
  askLead: "Choose a question, or write your own in the chat.",
  reading: "The shop's documents are being read: {done} of {total}. Until then it knows less.",
  answersFrom: "Answers from",
  yours: "Your material",
  ownTitle: "Try it with yours",
  ownLead: "Give it something to read. When it is ready, ask about it.",
  file: "File",
  text: "Text",
  address: "Address",
  drop: "Drop files here, or choose them",
  title: "Title",
  pasteText: "Text",
  pageAddress: "Address of a page",
  read: "Let it read",
  askAboutIt: "Ask about it",
  sending: "Sending",
  queued: "Waiting",
  extracting: "Reading",
  embedding: "Indexing",
  chunks: "{done} of {total} passages",
  ready: "Ready",
  failed: "Failed",
  failedWhy: "It could not be read.",
  untitled: "Pasted text",
  embedTitle: "Put it on your site",
  embedLead: "One line, before the end of the page. Nothing else to install.",
  copy: "Copy",
  copied: "Copied",
};

export type TextKey = keyof typeof en;

const sv: Record<TextKey, string> = {
  docs: "API",
  health: "Status",
  headline: "Kundtjänst som visar var det står.",
  lead: "Replik svarar dina kunder utifrån dina egna sidor, pekar ut källan till varje mening och kallar på en människa när den inte bör svara.",
  plain: "Replik är igång. Den här servern har ingen demo; hur den mår står under Status.",
  unreachable: "Servern svarar inte. Ladda om sidan om en stund.",
  askTitle: "Fråga demobutiken",
  askLead: "Välj en fråga, eller skriv en egen i chatten.",
  reading: "Butikens dokument läses in: {done} av {total}. Till dess vet den mindre.",
  answersFrom: "Svarar utifrån",
  yours: "Ditt material",
  ownTitle: "Prova med ditt eget",
  ownLead: "Ge den något att läsa. När det är klart kan du fråga om det.",
  file: "Fil",
  text: "Text",
  address: "Adress",
  drop: "Släpp filer här, eller välj dem",
  title: "Rubrik",
  pasteText: "Text",
  pageAddress: "Adress till en sida",
  read: "Låt den läsa",
  askAboutIt: "Fråga om det",
  sending: "Skickar",
  queued: "Väntar",
  extracting: "Läser",
  embedding: "Indexerar",
  chunks: "{done} av {total} stycken",
  ready: "Klar",
  failed: "Misslyckades",
  failedWhy: "Det gick inte att läsa.",
  untitled: "Inklistrad text",
  embedTitle: "Lägg den på din sida",
  embedLead: "En rad, före sidans slut. Inget annat att installera.",
  copy: "Kopiera",
  copied: "Kopierat",
};

export const TEXTS: Record<Language, Record<TextKey, string>> = { sv, en };

/** Swedish for those who put it before English, else English. */
export function chooseLanguage(wanted: readonly string[]): Language {
  return wanted.map((tag) => tag.slice(0, 2)).find((tag) => tag === "sv" || tag === "en") === "sv" ? "sv" : "en";
}

/** Puts a language's words in every element that names one. */
export function translate(root: Document, language: Language): void {
  root.documentElement.lang = language;
  for (const element of root.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = TEXTS[language][element.dataset.text as TextKey];
  }
  for (const button of root.querySelectorAll<HTMLElement>("button[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}
