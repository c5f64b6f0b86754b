/** What the chat API says to a widget: the events of a conversation and its answers to requests. */

export type Stage = "searching" | "writing";
export type Mode = "agent" | "human";

export interface Citation {
  number: number;
  passage_id: string;
  source_id: string;
  title: string;
  heading: string;
  page: number | null;
  quote: string;
  language: string;
  url: string;
}

export interface Accepted {
  turn_id: string | null;
  message_id: string;
  client_message_id: string;
  position: number;
  author: "customer";
  text: string;
  at: string;
}

export interface Message {
  turn_id: string | null;
  message_id: string;
  position: number;
  author: "agent" | "staff" | "system";
  kind: "text" | "partial" | "event";
  text: string;
  citations?: Citation[];
  offer_person?: boolean;
  at: string;
}

export type ChatEvent =
  | { type: "accepted"; data: Accepted }
  | { type: "status"; data: { turn_id: string; stage: Stage } }
  | { type: "delta"; data: { turn_id: string; text: string } }
  | { type: "citation"; data: { turn_id: string; citation: Citation } }
  | { type: "message"; data: Message }
  | { type: "reset"; data: { turn_id: string } }
  | { type: "handover"; data: { mode: Mode; text: string; at: string } }
  | { type: "error"; data: { turn_id: string; code: string; text: string; offer_person: boolean } }
  | { type: "done"; data: { turn_id: string } };

/** Whether the company's people are there; `back_at` is set only while they are not. */
export interface Staff {
  open: boolean;
  back_at: string | null;
  /** The company's time zone. */
  zone: string;
}

/** The visitor's hold on a conversation. */
export interface Ticket {
  conversation_id: string;
  visitor_token: string;
  expires_at: string;
  /** Null where the company has set no hours; not there in what an older widget remembers. */
  staff?: Staff | null;
}
