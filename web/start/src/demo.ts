/** The demo API, as far as this page uses it. */

import { isOver, type Source } from "./sources";

export interface Tenant {
  name: string;
  publishable_key: string;
}

export interface Demo {
  demo: Tenant & { suggestions: Record<"sv" | "en", string[]>; reading: { done: number; total: number } };
  own: Tenant;
}

/** What a person can give Replik to read. */
export type Material = { file: File } | { text: string; title: string } | { url: string };

/** The demo's tenants, or null when this server has no demo. */
export async function loadDemo(): Promise<Demo | null> {
  const response = await fetch("/api/demo");
  if (response.status === 404) return null;
  return json<Demo>(response);
}

export async function loadSources(): Promise<Source[]> {
  return (await json<{ sources: Source[] }>(await fetch("/api/demo/sources"))).sources;
}

export async function addSource(material: Material): Promise<Source> {
  return json<Source>(await fetch("/api/demo/sources", { method: "POST", ...encode(material) }));
}

/** Calls `progress` with each new state of a source until nothing more happens to it. */
export function followSource(sourceId: string, progress: (source: Source) => void): void {
  const events = new EventSource(`/api/demo/sources/${encodeURIComponent(sourceId)}/events`);
  events.addEventListener("progress", (event) => {
    const source = JSON.parse((event as MessageEvent<string>).data) as Source;
    if (isOver(source)) events.close();
    progress(source);
  });
}

function encode(material: Material): RequestInit {
  if ("file" in material) {
    const body = new FormData();
    body.append("file", material.file);
    return { body };
  }
  return { body: JSON.stringify(material), headers: { "Content-Type": "application/json" } };
}

async function json<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => ({}))) as T & { detail?: string; title?: string };
  if (!response.ok) throw new Error(body.detail || body.title || `HTTP ${response.status}`);
  return body;
}
