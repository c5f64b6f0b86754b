/** The transcript as a pure function of the conversation's events. */

import type { Problem } from "./api";
import type { ChatEvent, Citation, Message, Mode, Stage } from "./contract";

/** One entry of the transcript; a turn that the agent is working on is one too, though it has no text at first. */
export interface Item {
  /** Stable over the entry's life. */
  key: string;
  /** Where it stands: the conversation's position once it is known. */
  order: number;
  author: "customer" | "agent" | "staff" | "system";
  /** An own message is sending, sent or failed; an answer running, partial or final; the rest is an event or an error. */
  state: "sending" | "sent" | "failed" | "running" | "partial" | "final" | "event" | "error";
  text: string;
  turnId?: string | null;
  citations: readonly Citation[];
  offerPerson?: boolean;
  stage?: Stage;
  deltaIds: readonly string[];
  problem?: Problem | null;
}

export interface Transcript {
  items: readonly Item[];
  mode: Mode;
  /** The highest position so far. */
  latest: number;
}

export const emptyTranscript: Transcript = { items: [], mode: "agent", latest: 0 };

// Unplaced items stand last. An own message goes before a running answer, because its position will be the lower one.
const OWN_UNPLACED = 1e12;
const RUNNING = 2e12;

/** The transcript after one event; `id` is the event's own id. Repeated events change nothing. */
export function reduce(before: Transcript, { type, data }: ChatEvent, id: string): Transcript {
  switch (type) {
    case "accepted": {
      const { client_message_id: key, position: order, text, turn_id: turnId } = data;
      const after = place(before, { key, order, author: "customer", state: "sent", text });
      return turnId && after.mode === "agent" ? run(after, turnId, {}) : after;
    }
    case "status":
      return run(before, data.turn_id, { stage: data.stage });
    case "delta": {
      const { text, deltaIds } = running(before, data.turn_id);
      if (id && deltaIds.includes(id)) return before;
      return run(before, data.turn_id, { stage: "writing", text: text + data.text, deltaIds: [...deltaIds, id] });
    }
    case "citation": {
      const others = running(before, data.turn_id).citations.filter((known) => known.number !== data.citation.number);
      return run(before, data.turn_id, { citations: [...others, data.citation] });
    }
    case "message":
      return settle(before, data);
    case "reset":
      return run(without(stop(before, data.turn_id), "error:" + data.turn_id), data.turn_id, {});
    case "handover": {
      const items = data.mode === "human" ? before.items.filter(({ state }) => state !== "running") : before.items;
      return notice({ ...before, mode: data.mode, items }, "handover:" + id, data.text, before.latest + 0.5);
    }
    case "error": {
      const { turn_id: turnId, text, offer_person: offerPerson } = data;
      const after = stop(before, turnId);
      if (isFinished(after, turnId)) return after;
      return place(after, { key: "error:" + turnId, order: after.latest + 0.5, author: "system", state: "error", text, turnId, offerPerson });
    }
    case "done":
      return stop(before, data.turn_id);
    default:
      return before;
  }
}

/** Shows an own message at once, or again when it is retried. */
export function sending(before: Transcript, key: string, text: string): Transcript {
  return place(before, { key, order: OWN_UNPLACED, author: "customer", state: "sending", text });
}

/** The server has it (or not, with the reason); the stream's echo may have said so before. */
export function delivered(before: Transcript, key: string, problem: Problem | null): Transcript {
  const state = problem ? "failed" : "sent";
  return { ...before, items: before.items.map((item) => (item.key === key && item.state === "sending" ? { ...item, state, problem } : item)) };
}

/** Only what the server has not got yet. */
export function unsent(before: Transcript): Transcript {
  return { ...emptyTranscript, items: before.items.filter(({ state }) => state === "sending" || state === "failed") };
}

/** What the agent is doing: null when nothing is awaited, "waiting" before its first sign of life. */
export function activity({ items, mode }: Transcript): Stage | "waiting" | null {
  const awaited = items.filter(({ state }) => state === "running" || (state === "sending" && mode === "agent"));
  return awaited.length ? (awaited.find(({ stage }) => stage)?.stage ?? "waiting") : null;
}

function settle(before: Transcript, data: Message): Transcript {
  const { turn_id: turnId, author, kind, text, position: order } = data;
  const key = "message:" + data.message_id;
  if (author === "system" || kind === "event") return notice(before, key, text, order);
  let after = turnId ? stop(before, turnId) : before;
  // a message is the turn's last word; what was left of a failed attempt goes
  if (kind !== "partial") after = without(after, "error:" + turnId);
  const state = kind === "partial" ? kind : "final";
  return place(after, { key, order, author, state, text, turnId, citations: data.citations ?? [], offerPerson: data.offer_person });
}

function running({ items }: Transcript, turnId: string): Item {
  const key = "turn:" + turnId;
  return items.find((item) => item.key === key) ?? { key, order: RUNNING, author: "agent", state: "running", text: "", turnId, citations: [], deltaIds: [] };
}

function run(before: Transcript, turnId: string, change: Partial<Item>): Transcript {
  return isFinished(before, turnId) ? before : place(before, { ...running(before, turnId), ...change });
}

/** Drops what a turn has streamed. */
function stop(before: Transcript, turnId: string): Transcript {
  return without(before, "turn:" + turnId);
}

/** Has the turn had its last word? */
function isFinished({ items }: Transcript, turnId: string): boolean {
  return items.some((item) => item.turnId === turnId && (item.state === "final" || item.state === "error"));
}

function notice(before: Transcript, key: string, text: string, order: number): Transcript {
  const last = before.items[before.items.length - 1];
  // a handover may come both as a control event and as a stored message
  if (!text || (last?.state === "event" && last.text === text)) return before;
  return place(before, { key, order, author: "system", state: "event", text });
}

function without(before: Transcript, key: string): Transcript {
  return { ...before, items: before.items.filter((item) => item.key !== key) };
}

function place(before: Transcript, item: Omit<Item, "citations" | "deltaIds"> & Partial<Item>): Transcript {
  const items = [...without(before, item.key).items, { citations: [], deltaIds: [], ...item }];
  const latest = item.order < OWN_UNPLACED ? Math.max(before.latest, Math.floor(item.order)) : before.latest;
  return { ...before, latest, items: items.sort((a, b) => a.order - b.order) };
}
