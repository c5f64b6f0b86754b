import type { Staff } from "./contract";
import type { Language } from "./texts";

const DAY_MS = 864e5;

/** The visitor's own way to write times, where their browser speaks the widget's language. */
export function localeFor(language: Language): string {
  return navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
}

/** When people are back, by the company's clock, such as "Monday 9:00 AM"; "" while they are there or nobody knows. */
export function whenBack(staff: Staff | null | undefined, locale: string, now = Date.now()): string {
  const at = Date.parse(staff?.back_at ?? "");
  if (!staff || !(at > now)) return "";
  const { zone: timeZone } = staff;
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { timeZone, ...options }).format(at);
  // Swedish dates are ISO dates
  const date = (time: number) => Date.parse(new Date(time).toLocaleDateString("sv", { timeZone }));
  try {
    const days = (date(at) - date(now)) / DAY_MS;
    if (days > 6) return format({ dateStyle: "long", timeStyle: "short" });
    if (days > 1) return format({ weekday: "long", hour: "numeric", minute: "2-digit" });
    return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day") + " " + format({ timeStyle: "short" });
  } catch {
    // a browser older than the zone: the line is not worth the chat
    return "";
  }
}
