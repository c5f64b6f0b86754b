const ALLOWED = new Set(["http:", "https:", "mailto:", "tel:"]);

/** The address if it is absolute and of a harmless kind, else null. With `base`, relative addresses count from there. */
export function safeUrl(address: string, base?: string): string | null {
  try {
    const url = new URL(address, base);
    return ALLOWED.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
